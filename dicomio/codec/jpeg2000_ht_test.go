package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// A codestream whose first component is coded as in part 1 and whose second is high-throughput
// ("HTDECLARED" in T.814 A.3.3): the packets of two others in turn, as CPRL wants them.
func TestHTDeclared(t *testing.T) {
	plain, high, want := stream8(t)
	both := declared(plain, high)
	shape := Shape{Rows: pictureRows, Columns: pictureColumns, Samples: 2, Bytes: 1}
	got := make([]byte, shape.Len())
	if err := JPEG2000(got, both, shape); err != nil {
		t.Fatal(err)
	}
	for k, v := range want {
		if got[2*k] != v || got[2*k+1] != v {
			t.Fatalf("pixel %d: %d, %d, want %d", k, got[2*k], got[2*k+1], v)
		}
	}
}

// stream8 returns a codestream of part 1, a high-throughput one, and the samples of either, 8 bits each.
func stream8(t testing.TB) (plain, high, want []byte) {
	for _, s := range streams(t) {
		switch s.name {
		case "j2k-lossless-8u-1":
			plain, want = s.src, s.want
		case "j2k-lossless-ht-8u-1":
			high = s.src
		}
	}
	return plain, high, want
}

// declared makes one codestream of two components from two of one component.
func declared(a, b []byte) []byte {
	size := bytes.Clone(segmentOf(a, mSIZ))
	size[35] = 2
	size = append(size, segmentOf(b, mSIZ)[36:39]...)
	style := bytes.Clone(segmentOf(a, mCOD))
	style[1] = 4 // CPRL
	out := []byte{0xff, mSOC}
	add := func(m byte, seg []byte) {
		out = append(out, 0xff, m, 0, byte(len(seg)+2))
		out = append(out, seg...)
	}
	add(mSIZ, size)
	add(mCAP, segmentOf(b, mCAP))
	add(mCOD, style)
	add(mCOC, append([]byte{1, 0}, segmentOf(b, mCOD)[5:]...))
	add(mQCD, segmentOf(a, mQCD))
	add(mQCC, append([]byte{1}, segmentOf(b, mQCD)...))
	add(mSOT, make([]byte, 8))
	out = append(out, 0xff, mSOD)
	out = append(out, bytes.TrimSuffix(a[packets(a):], []byte{0xff, mEOC})...)
	return append(out, b[packets(b):]...)
}

// segmentOf returns the first marker segment m of a main header.
func segmentOf(src []byte, m byte) []byte {
	for pos := 2; ; {
		n := int(binary.BigEndian.Uint16(src[pos+2:]))
		if src[pos+1] == m {
			return src[pos+4 : pos+2+n]
		}
		pos += 2 + n
	}
}

// High-throughput blocks and others within one component ("MIXED") are refused as unsupported.
func TestHTMixed(t *testing.T) {
	_, high, _ := stream8(t)
	src := bytes.Clone(high)
	segmentOf(src, mCOD)[8] |= 0xc0
	shape := Shape{Rows: pictureRows, Columns: pictureColumns, Samples: 1, Bytes: 1}
	if err := JPEG2000(make([]byte, shape.Len()), src, shape); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v, want %v", err, ErrUnsupported)
	}
}
