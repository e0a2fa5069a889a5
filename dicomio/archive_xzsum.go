package dicomio

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// xzCheckSize is the length of the check of a block by its identifier.
var xzCheckSize = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

// newXZSum returns the hash of a check, with data written to it, or nil for
// checks that are not known, which the format lets a reader skip.
func newXZSum(check byte, data []byte) hash.Hash {
	var h hash.Hash
	switch check {
	case 1:
		h = crc32.NewIEEE()
	case 4:
		h = crc64.New(crc64.MakeTable(crc64.ECMA))
	case 10:
		h = sha256.New()
	default:
		return nil
	}
	h.Write(data)
	return h
}

// xzCheck compares a hash with the check that a block carries; CRCs are written
// little endian.
func xzCheck(check byte, want []byte, h hash.Hash) bool {
	switch h := h.(type) {
	case nil:
		return true
	case hash.Hash32:
		return h.Sum32() == binary.LittleEndian.Uint32(want)
	case hash.Hash64:
		return h.Sum64() == binary.LittleEndian.Uint64(want)
	}
	return bytes.Equal(h.Sum(nil), want)
}

// An xzStream reads a block whose size is not known before its end.
type xzStream struct {
	x    *xzReader
	r    *lzma.Reader2
	from int64 // where its compressed bytes start
	sum  hash.Hash
}

func (x *xzReader) stream(b *xzBlock) (io.Reader, error) {
	s := &xzStream{x: x, from: x.pos, sum: newXZSum(x.check, nil)}
	var err error
	s.r, err = lzma.Reader2Config{DictCap: b.dict}.NewReader2(xzSource{x})
	return s, err
}

func (s *xzStream) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.sum != nil {
		s.sum.Write(p[:n])
	}
	if err != io.EOF {
		return n, err
	}
	want, err := s.x.blockEnd(s.x.pos - s.from)
	if err != nil {
		return n, err
	}
	if !xzCheck(s.x.check, want, s.sum) {
		return n, errXZ
	}
	return n, io.EOF
}
