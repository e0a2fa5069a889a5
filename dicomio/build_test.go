package dicomio

import (
	"encoding/binary"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// A build writes DICOM bytes for tests, right or wrong as asked. It knows
// nothing of the reader.
type build struct {
	b        []byte
	order    binary.AppendByteOrder
	implicit bool
}

// newFile starts a file with preamble and file meta for syntax, in which the
// data set follows.
func newFile(syntax string) *build {
	f := &build{order: binary.LittleEndian}
	f.b = append(make([]byte, 128), "DICM"...)
	f.el(0x00020010, "UI", []byte(pad(syntax)))
	f.implicit = syntax == implicitLittle
	if syntax == explicitBig {
		f.order = binary.BigEndian
	}
	return f
}

// bare starts a data set without preamble and meta.
func bare(implicit bool) *build { return &build{order: binary.LittleEndian, implicit: implicit} }

func pad(s string) string {
	if len(s)%2 == 1 {
		return s + "\x00"
	}
	return s
}

func tagOf(t uint32) tag.Tag { return tag.Tag{Group: uint16(t >> 16), Element: uint16(t)} }

// head writes tag, representation and length.
func (f *build) head(t uint32, vr string, length uint32) *build {
	f.b = f.order.AppendUint16(f.b, uint16(t>>16))
	f.b = f.order.AppendUint16(f.b, uint16(t))
	switch {
	case f.implicit || t>>16 == 0xfffe:
		f.b = f.order.AppendUint32(f.b, length)
	case vrAt([]byte(vr)).long():
		f.b = append(f.b, vr[0], vr[1], 0, 0)
		f.b = f.order.AppendUint32(f.b, length)
	default:
		f.b = append(f.b, vr[0], vr[1])
		f.b = f.order.AppendUint16(f.b, uint16(length))
	}
	return f
}

func (f *build) el(t uint32, vr string, value []byte) *build {
	f.head(t, vr, uint32(len(value)))
	f.b = append(f.b, value...)
	return f
}

func (f *build) text(t uint32, vr, s string) *build {
	if len(s)%2 == 1 {
		s += " "
	}
	return f.el(t, vr, []byte(s))
}

func (f *build) us(t uint32, values ...uint16) *build {
	var v []byte
	for _, x := range values {
		v = f.order.AppendUint16(v, x)
	}
	return f.el(t, "US", v)
}

func (f *build) raw(b ...byte) *build { f.b = append(f.b, b...); return f }

// item returns the elements that fill writes, as an item of defined length.
func (f *build) item(fill func(*build)) []byte {
	in := &build{order: f.order, implicit: f.implicit}
	fill(in)
	out := &build{order: f.order}
	return out.el(0xfffee000, "", in.b).b
}

// image writes the image module for one frame or more of pixels.
type image struct {
	rows, columns, frames, samples int
	allocated, stored, high        int
	signed                         bool
	planar                         int
	photometric                    string
}

func (f *build) image(m image) *build {
	if m.samples == 0 {
		m.samples = 1
	}
	if m.stored == 0 {
		m.stored = m.allocated
	}
	if m.high == 0 {
		m.high = m.stored - 1
	}
	if m.photometric == "" {
		m.photometric = "MONOCHROME2"
	}
	f.us(0x00280002, uint16(m.samples))
	f.text(0x00280004, "CS", m.photometric)
	if m.samples > 1 {
		f.us(0x00280006, uint16(m.planar))
	}
	if m.frames > 0 {
		f.text(0x00280008, "IS", strconv.Itoa(m.frames))
	}
	f.us(0x00280010, uint16(m.rows)).us(0x00280011, uint16(m.columns))
	sign := uint16(0)
	if m.signed {
		sign = 1
	}
	return f.us(0x00280100, uint16(m.allocated)).us(0x00280101, uint16(m.stored)).us(0x00280102, uint16(m.high)).us(0x00280103, sign)
}

// fragments writes encapsulated pixel data: an offset table and the fragments.
func (f *build) fragments(table []byte, frags ...[]byte) *build {
	f.head(0x7fe00010, "OB", undefined)
	f.el(0xfffee000, "", table)
	for _, b := range frags {
		f.el(0xfffee000, "", b)
	}
	return f.head(0xfffee0dd, "", 0)
}

// someCT is a small CT slice, the same in every syntax that a data set can be
// written in.
func someCT(syntax string) []byte {
	f := newFile(syntax)
	f.header()
	var v []byte
	for i := range 12 {
		v = f.order.AppendUint16(v, uint16(1000+i))
	}
	return f.el(0x7fe00010, "OW", v).b
}

func (f *build) header() *build {
	f.text(0x00080005, "CS", "ISO_IR 192")
	f.text(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2")
	f.text(0x00080018, "UI", "1.2.3.4")
	f.text(0x00080060, "CS", "CT")
	f.text(0x00100010, "PN", "Müller^Jörg")
	f.text(0x0020000d, "UI", "1.2.3")
	f.text(0x0020000e, "UI", "1.2.3.1")
	f.text(0x00200032, "DS", `-10.5\20\-30.25`)
	f.text(0x00200037, "DS", `1\0\0\0\1\0`)
	f.image(image{rows: 3, columns: 4, allocated: 16, stored: 12})
	f.text(0x00280030, "DS", `0.5\0.25`)
	f.text(0x00281052, "DS", "-1024")
	return f.text(0x00281053, "DS", "2")
}
