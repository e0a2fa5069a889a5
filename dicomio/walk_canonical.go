package dicomio

import (
	"encoding/binary"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Values longer than these are kept in another form or not at all.
const (
	maxParsed = 1024    // longer values reach the parser as plain bytes, which it takes in bulk
	maxBinary = 1 << 18 // longer binary values are left out; palettes and lookup tables are shorter
)

// A canonical is the plain copy of a header that the parser is given: explicit
// VR, little endian, every length defined, no pixel data, no group lengths, no
// SpecificCharacterSet (text stays in the bytes of the file), private elements
// only where keptPrivate wants them.
type canonical struct{ b []byte }

// canonicalStart is the preamble and the file meta group of every canonical copy.
const canonicalStart = "DICM" +
	"\x02\x00\x00\x00UL\x04\x00\x1c\x00\x00\x00" +
	"\x02\x00\x10\x00UI\x14\x00" + explicitLittle + "\x00"

func (c *canonical) begin() {
	c.b = make([]byte, 128, 4096)
	c.b = append(c.b, canonicalStart...)
}

func (c *canonical) tag(t tag.Tag) {
	c.b = binary.LittleEndian.AppendUint16(c.b, t.Group)
	c.b = binary.LittleEndian.AppendUint16(c.b, t.Element)
}

// value writes the element t, whose value is in the byte order big.
func (c *canonical) value(t tag.Tag, v vr, value []byte, big bool) {
	unit := v.unit()
	as := v.parsed()
	switch {
	case unit > 0 && len(value) > maxBinary:
		return
	case len(value) > maxParsed || unit > 1 && len(value)%unit != 0:
		as = vrOB
	}
	c.tag(t)
	c.b = append(c.b, byte(as>>8), byte(as))
	if as == vrOB {
		c.b = append(c.b, 0, 0)
		c.b = binary.LittleEndian.AppendUint32(c.b, uint32(len(value)))
	} else {
		c.b = binary.LittleEndian.AppendUint16(c.b, uint16(len(value)))
	}
	at := len(c.b)
	c.b = append(c.b, value...)
	if big && unit > 1 {
		swap(c.b[at:], unit)
	}
}

// open starts a sequence or an item (vr 0) and returns a mark for shut.
func (c *canonical) open(t tag.Tag, v vr) int {
	c.tag(t)
	if v != 0 {
		c.b = append(c.b, byte(v>>8), byte(v), 0, 0)
	}
	c.b = append(c.b, 0, 0, 0, 0)
	return len(c.b)
}

// shut sets the length of what open(…) = mark began.
func (c *canonical) shut(mark int) {
	binary.LittleEndian.PutUint32(c.b[mark-4:], uint32(len(c.b)-mark))
}

// swap turns the bytes of each word of size unit round; a rest stays.
func swap(b []byte, unit int) {
	for ; len(b) >= unit; b = b[unit:] {
		for i, j := 0, unit-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}

// keptPrivate reports whether a private element may be needed by a vendor rule:
// GE scan times (0009), Siemens and GE b-values and mosaics (0019, 0043), Philips
// b-values (2001) and SUV factors (7053). Their block may be at any element.
func keptPrivate(t tag.Tag) bool {
	switch t.Group {
	case 0x0009, 0x0019, 0x0043, 0x2001, 0x7053:
		return true
	}
	return false
}
