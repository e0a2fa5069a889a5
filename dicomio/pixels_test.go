package dicomio

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"
)

// values returns all stored values of frame i as numbers.
func values(t *testing.T, b []byte, i int) []float64 {
	t.Helper()
	in, err := ReadInstance("x", b)
	if err != nil {
		t.Fatal(err)
	}
	s, err := in.Stored(i)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, s.Rows*s.Columns*s.Samples)
	for k := range out {
		out[k] = s.At(k)
	}
	return out
}

// Stored values worked out by hand from PS3.5 section 8.
func TestStored(t *testing.T) {
	file := func(syntax string, m image, vr string, px []byte) []byte {
		return newFile(syntax).text(0x00080060, "CS", "OT").image(m).el(0x7fe00010, vr, px).b
	}
	tests := []struct {
		name  string
		b     []byte
		frame int
		want  []float64
	}{
		{"8 bit", file(explicitLittle, image{rows: 1, columns: 3, allocated: 8}, "OB", []byte{0, 128, 255, 0}), 0, []float64{0, 128, 255}},
		{"8 bit signed", file(explicitLittle, image{rows: 1, columns: 2, allocated: 8, signed: true}, "OB", []byte{0x80, 0x7f}), 0, []float64{-128, 127}},
		{"second frame", file(explicitLittle, image{rows: 1, columns: 2, frames: 2, allocated: 8}, "OB", []byte{1, 2, 3, 4}), 1, []float64{3, 4}},
		{"16 bit", file(implicitLittle, image{rows: 1, columns: 2, allocated: 16}, "OW", []byte{1, 2, 0xff, 0xff}), 0, []float64{0x201, 65535}},
		{"16 bit signed", file(explicitLittle, image{rows: 1, columns: 2, allocated: 16, signed: true}, "OW", []byte{0x30, 0xf8, 1, 0}), 0, []float64{-2000, 1}},
		{"12 bit signed, sign not extended", file(explicitLittle, image{rows: 1, columns: 2, allocated: 16, stored: 12, signed: true}, "OW", []byte{0xff, 0x0f, 0xff, 0x07}), 0, []float64{-1, 2047}},
		{"12 bit with an overlay in the upper bits", file(explicitLittle, image{rows: 1, columns: 2, allocated: 16, stored: 12}, "OW", []byte{0x34, 0xf2, 0x34, 0x02}), 0, []float64{0x234, 0x234}},
		{"12 bit, high bit 15", file(explicitLittle, image{rows: 1, columns: 2, allocated: 16, stored: 12, high: 15}, "OW", []byte{0x3f, 0x12, 0xf0, 0xff}), 0, []float64{0x123, 0xfff}},
		{"32 bit signed", file(explicitLittle, image{rows: 1, columns: 1, allocated: 32, signed: true}, "OW", []byte{0xfe, 0xff, 0xff, 0xff}), 0, []float64{-2}},
		{"32 bit big endian", file(explicitBig, image{rows: 1, columns: 1, allocated: 32}, "OL", []byte{1, 2, 3, 4}), 0, []float64{0x1020304}},
		{"64 bit", file(explicitLittle, image{rows: 1, columns: 2, allocated: 64}, "OV", []byte{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80}), 0, []float64{1<<40 + 1, 1 << 63}},
		{"64 bit signed", file(explicitLittle, image{rows: 1, columns: 1, allocated: 64, signed: true}, "OV", []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), 0, []float64{-2}},
		{"64 bit big endian, of 40", file(explicitBig, image{rows: 1, columns: 1, allocated: 64, stored: 40}, "OV", []byte{0xff, 0, 0, 1, 0, 0, 0, 2}), 0, []float64{1<<32 + 2}},
		{"16 bit big endian", file(explicitBig, image{rows: 1, columns: 2, allocated: 16}, "OW", []byte{1, 2, 3, 4}), 0, []float64{0x102, 0x304}},
		{"8 bit in big-endian words", file(explicitBig, image{rows: 1, columns: 3, allocated: 8}, "OW", []byte{2, 1, 0, 3}), 0, []float64{1, 2, 3}},
		{"8 bit in big-endian words, odd frame", file(explicitBig, image{rows: 1, columns: 3, frames: 2, allocated: 8}, "OW", []byte{2, 1, 4, 3, 6, 5}), 1, []float64{4, 5, 6}},
		{"8 bit in big-endian bytes", file(explicitBig, image{rows: 1, columns: 2, allocated: 8}, "OB", []byte{1, 2}), 0, []float64{1, 2}},
		{"1 bit, least significant first", file(explicitLittle, image{rows: 1, columns: 5, allocated: 1}, "OB", []byte{0b10011, 0}), 0, []float64{1, 1, 0, 0, 1}},
		{"1 bit, frame within a byte", file(explicitLittle, image{rows: 1, columns: 5, frames: 3, allocated: 1}, "OB", []byte{0b01100000, 0b00000101}), 1, []float64{1, 1, 0, 1, 0}},
		{"colour by pixel", file(explicitLittle, image{rows: 1, columns: 2, samples: 3, allocated: 8}, "OB", []byte{1, 2, 3, 4, 5, 6}), 0, []float64{1, 2, 3, 4, 5, 6}},
		{"colour by plane", file(explicitLittle, image{rows: 1, columns: 2, samples: 3, planar: 1, allocated: 8}, "OB", []byte{1, 4, 2, 5, 3, 6}), 0, []float64{1, 2, 3, 4, 5, 6}},
		{"16-bit colour by plane", file(explicitLittle, image{rows: 1, columns: 2, samples: 3, planar: 1, allocated: 16}, "OW", []byte{1, 1, 4, 1, 2, 1, 5, 1, 3, 1, 6, 1}), 0, []float64{0x101, 0x102, 0x103, 0x104, 0x105, 0x106}},
		{"chroma halved", file(explicitLittle, image{rows: 1, columns: 2, samples: 3, allocated: 8, photometric: "YBR_FULL_422"}, "OB", []byte{1, 4, 2, 3}), 0, []float64{1, 2, 3, 4, 2, 3}},
		{"more data than frames", file(explicitLittle, image{rows: 1, columns: 1, allocated: 8}, "OB", []byte{7, 8, 9, 9}), 0, []float64{7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, values(t, tt.b, tt.frame)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFloatPixels(t *testing.T) {
	v := binary.LittleEndian.AppendUint32(nil, math.Float32bits(-1.5))
	f := newFile(explicitLittle).text(0x00080060, "CS", "MR").image(image{rows: 1, columns: 1, allocated: 32}).el(0x7fe00008, "OF", v)
	if diff := cmp.Diff([]float64{-1.5}, values(t, f.b, 0)); diff != "" {
		t.Error(diff)
	}
	v = binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.Pi))
	f = newFile(explicitLittle).text(0x00080060, "CS", "MR").image(image{rows: 1, columns: 1, allocated: 64}).el(0x7fe00009, "OD", v)
	if diff := cmp.Diff([]float64{math.Pi}, values(t, f.b, 0)); diff != "" {
		t.Error(diff)
	}
}

// Per-frame rescale of an enhanced object, the frame's own before the shared.
func TestPixelsOfFrames(t *testing.T) {
	f := newFile(explicitLittle).text(0x00080060, "CS", "PT").image(image{rows: 1, columns: 1, frames: 2, allocated: 16})
	scale := func(slope string) []byte {
		return f.item(func(f *build) {
			f.el(0x00289145, "SQ", f.item(func(f *build) { f.text(0x00281052, "DS", "1").text(0x00281053, "DS", slope) }))
		})
	}
	place := f.item(func(f *build) {
		f.el(0x00209113, "SQ", f.item(func(f *build) { f.text(0x00200032, "DS", `1\2\3`) }))
	})
	f.el(0x52009229, "SQ", scale("0.5"))
	f.el(0x52009230, "SQ", append(bytes.Clone(scale("10")), place...))
	f.el(0x7fe00010, "OW", []byte{4, 0, 4, 0})
	in, err := ReadInstance("x", f.b)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{41, 3} {
		var got [1]float32
		if err := in.Pixels(i, got[:]); err != nil || got[0] != want {
			t.Errorf("frame %d: %v, %v; want %v", i, got, err, want)
		}
	}
	if fr := in.Frame(1); !fr.HasPosition || fr.Position != [3]float64{1, 2, 3} {
		t.Errorf("place of frame 1: %+v", fr)
	}
	if in.Frame(0).HasPosition {
		t.Error("frame 0 has a place, though none is stated")
	}
}

func TestModalityLUT(t *testing.T) {
	f := newFile(explicitLittle).text(0x00080060, "CS", "CR").image(image{rows: 1, columns: 4, allocated: 8})
	f.el(0x00283000, "SQ", f.item(func(f *build) { f.us(0x00283002, 3, 10, 16).us(0x00283006, 100, 200, 400) }))
	f.el(0x7fe00010, "OB", []byte{0, 10, 11, 99})
	in, err := ReadInstance("x", f.b)
	if err != nil {
		t.Fatal(err)
	}
	var got [4]float32
	if err := in.Pixels(0, got[:]); err != nil {
		t.Fatal(err)
	}
	if want := [4]float32{100, 100, 200, 400}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// rleFrame codes the 12 values of someCT by hand: two segments, of the high and
// the low bytes.
func rleFrame() []byte {
	high := []byte{0xf5, 3} // 12 times 3
	low := append([]byte{11}, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf2, 0xf3)
	b := binary.LittleEndian.AppendUint32(nil, 2)
	b = binary.LittleEndian.AppendUint32(b, 64)
	b = binary.LittleEndian.AppendUint32(b, 66)
	b = append(b, make([]byte, 64-len(b))...)
	b = append(b, high...)
	b = append(b, low...)
	return append(b, 0)
}

// The same three frames, cut into fragments and told apart in every way.
func TestFrames(t *testing.T) {
	frame := func(k byte) []byte {
		b := rleFrame()
		b[67] += k // the first low byte
		return b
	}
	a, b, c := frame(0), frame(1), frame(2)
	u32 := func(vs ...int) []byte {
		var out []byte
		for _, v := range vs {
			out = binary.LittleEndian.AppendUint32(out, uint32(v))
		}
		return out
	}
	u64 := func(vs ...int) []byte {
		var out []byte
		for _, v := range vs {
			out = binary.LittleEndian.AppendUint64(out, uint64(v))
		}
		return out
	}
	n := 8 + len(a)
	tests := []struct {
		name  string
		eot   []byte
		table []byte
		frags [][]byte
	}{
		{"one fragment each", nil, nil, [][]byte{a, b, c}},
		{"by the basic table", nil, u32(0, n+8, 2*n+8), [][]byte{a[:10], a[10:], b, c}},
		{"by the extended table", u64(0, n, 2*n+8), nil, [][]byte{a, b[:20], b[20:], c}},
		{"by the codestreams", nil, nil, [][]byte{a[:70], a[70:], b, c[:64], c[64:]}},
		{"by the codestreams, the table being wrong", nil, u32(0, 5, 6), [][]byte{a[:70], a[70:], b, c}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFile(rleLossless).text(0x00080060, "CS", "OT").image(image{rows: 3, columns: 4, frames: 3, allocated: 16})
			if tt.eot != nil {
				f.el(0x7fe00001, "OV", tt.eot)
			}
			f.fragments(tt.table, tt.frags...)
			for i := range 3 {
				got := values(t, f.b, i)
				if got[0] != float64(1000+i) || got[11] != 1011 {
					t.Errorf("frame %d: %v", i, got)
				}
			}
		})
	}
	f := newFile(rleLossless).text(0x00080060, "CS", "OT").image(image{rows: 3, columns: 4, frames: 3, allocated: 16})
	in, err := ReadInstance("x", f.fragments(nil, a, b[:9], b[9:30], b[30:]).b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Stored(0); ReasonOf(err) != BadPixelData {
		t.Errorf("frames that cannot be told apart: %v", err)
	}
}

// Packed bits and planes in encapsulated frames (PS3.5 8.2.2, 10.19 and annex G): bits least significant
// first, as in native pixels; RLE has planes by nature, deflated frames as the header says.
func TestEncapsulatedForms(t *testing.T) {
	rle := func(segments ...[]byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(segments)))
		at := 64
		for _, s := range segments {
			b = binary.LittleEndian.AppendUint32(b, uint32(at))
			at += 1 + len(s)
		}
		b = append(b, make([]byte, 64-len(b))...)
		for _, s := range segments {
			b = append(append(b, byte(len(s)-1)), s...) // one literal run
		}
		return b
	}
	deflated := func(raw ...byte) []byte {
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(raw)
		w.Close()
		return out.Bytes()
	}
	tests := []struct {
		name   string
		syntax string
		m      image
		frame  []byte
		want   []float64
	}{
		{"RLE, 1 bit", rleLossless, image{rows: 2, columns: 5, allocated: 1}, rle([]byte{0b01110011, 0b10}), []float64{1, 1, 0, 0, 1, 1, 1, 0, 0, 1}},
		{"RLE, colour", rleLossless, image{rows: 1, columns: 2, samples: 3, planar: 1, allocated: 8}, rle([]byte{1, 4}, []byte{2, 5}, []byte{3, 6}), []float64{1, 2, 3, 4, 5, 6}},
		{"RLE, 32 bit", rleLossless, image{rows: 1, columns: 2, allocated: 32}, rle([]byte{1, 0}, []byte{2, 0}, []byte{3, 0}, []byte{4, 7}), []float64{0x1020304, 7}},
		{"RLE, 12 bit with an overlay", rleLossless, image{rows: 1, columns: 2, allocated: 16, stored: 12}, rle([]byte{0xf1, 0x02}, []byte{3, 4}), []float64{0x103, 0x204}},
		{"deflated, 16 bit signed", deflatedFrame, image{rows: 1, columns: 2, allocated: 16, signed: true}, deflated(0x30, 0xf8, 1, 0), []float64{-2000, 1}},
		{"deflated, 1 bit", deflatedFrame, image{rows: 2, columns: 5, allocated: 1}, deflated(0b01110011, 0b10), []float64{1, 1, 0, 0, 1, 1, 1, 0, 0, 1}},
		{"deflated, colour by plane", deflatedFrame, image{rows: 1, columns: 2, samples: 3, planar: 1, allocated: 8}, deflated(1, 4, 2, 5, 3, 6), []float64{1, 2, 3, 4, 5, 6}},
		{"deflated, colour by pixel", deflatedFrame, image{rows: 1, columns: 2, samples: 3, allocated: 8}, deflated(1, 2, 3, 4, 5, 6), []float64{1, 2, 3, 4, 5, 6}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFile(tt.syntax).text(0x00080060, "CS", "OT").image(tt.m).fragments(nil, tt.frame)
			if diff := cmp.Diff(tt.want, values(t, f.b, 0)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWriteNPY(t *testing.T) {
	f := newFile(explicitLittle).text(0x00080060, "CS", "OT").image(image{rows: 1, columns: 2, frames: 2, allocated: 16, signed: true}).el(0x7fe00010, "OW", []byte{1, 0, 2, 0, 3, 0, 0xff, 0xff})
	in, err := ReadInstance("x", f.b)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteNPY(&out, in); err != nil {
		t.Fatal(err)
	}
	b := out.Bytes()
	// numpy.lib.format: magic, version 1.0, header length, header padded so that the data start at a multiple of 64.
	if string(b[:8]) != "\x93NUMPY\x01\x00" || (10+int(b[8])+int(b[9])<<8)%64 != 0 || b[127] != '\n' {
		t.Fatalf("header %q", b[:128])
	}
	if want := "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 1, 2), }"; string(b[10:10+len(want)]) != want {
		t.Errorf("header %q", b[10:127])
	}
	if !bytes.Equal(b[128:], []byte{1, 0, 2, 0, 3, 0, 0xff, 0xff}) {
		t.Errorf("data % x", b[128:])
	}
}

func TestInfoHidesPatient(t *testing.T) {
	b := someCT(explicitLittle)
	f := Info(b, false)
	if f.Verdict != "ok" || f.Patient != nil || f.Pixels.DType != "<u2" || f.Pixels.Slope != 2 {
		t.Errorf("%+v", f)
	}
	if p := Info(b, true).Patient; p == nil || p.Name != "Müller^Jörg" {
		t.Errorf("patient: %+v", p)
	}
	if f := Info(b[:len(b)-3], false); f.Verdict != "refused" || f.Reason != Truncated || f.Modality != "CT" {
		t.Errorf("truncated: %+v", f)
	}
	if f := Info([]byte("no"), false); f.Verdict != "refused" || f.Reason != NotDICOM {
		t.Errorf("not DICOM: %+v", f)
	}
}

// Names of PS3.5 annex H, I, J and K, as pydicom 3.0 decodes them.
func TestDecodeText(t *testing.T) {
	tests := []struct {
		name string
		sets []string
		raw  string
		want string
	}{
		{"latin 1", []string{"ISO_IR 100"}, "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
		{"greek", []string{"ISO_IR 126"}, "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
		{"cyrillic", []string{"ISO_IR 144"}, "\xbb\xee\xdace\xdc\xd1yp\xd3", "Люкceмбypг"},
		{"utf-8", []string{"ISO_IR 192"}, "Wang^XiaoDong=王^小东", "Wang^XiaoDong=王^小东"},
		{"gb18030", []string{"GB18030"}, "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab", "Wang^XiaoDong=王^小东"},
		{"japanese by escapes", []string{"", "ISO 2022 IR 87"}, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B", "Yamada^Tarou=山田^太郎=やまだ^たろう"},
		{"half-width katakana", []string{"ISO 2022 IR 13", "ISO 2022 IR 87"}, "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎"},
		{"korean by escapes", []string{"", "ISO 2022 IR 149"}, "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", "Hong^Gildong=洪^吉洞"},
		{"thai", []string{"ISO_IR 166"}, "\xb9\xd2\xc2", "นาย"},
		{"unknown set", []string{"ISO_IR 999"}, "J\xe9r", "Jér"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := decodeText(tt.raw, tt.sets); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
