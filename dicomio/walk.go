package dicomio

import (
	"encoding/binary"
	"fmt"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Bounds of the walk. Real objects stay far below: the deepest structured
// reports nest about a dozen sequences, and an enhanced image of 10,000 frames
// has about 400,000 elements.
const (
	maxDepth    = 32
	maxElements = 1_000_000
)

// Transfer syntaxes that decide how the bytes are walked (PS3.5 annex A).
const (
	implicitLittle = "1.2.840.10008.1.2"
	explicitLittle = "1.2.840.10008.1.2.1"
	deflatedLittle = "1.2.840.10008.1.2.1.99"
	explicitBig    = "1.2.840.10008.1.2.2"
)

const undefined = 0xffffffff // the value length "undefined"

// A layout is what the walk finds in a file.
type layout struct {
	syntax  string   // transfer syntax, mended where the label was absent or wrong
	header  []byte   // the canonical copy, for parseHeader
	data    []byte   // the bytes that pixels refers to: the file, inflated where it was deflated
	pixels  extent   // zero where there are none
	charset []string // SpecificCharacterSet
	notes   []string // what was mended

	unlabelled bool // neither mark nor meta group
}

// An extent says where pixel data lie in layout.data.
type extent struct {
	found     bool
	bits      int    // 32 for Float, 64 for Double Float Pixel Data, 0 for Pixel Data
	bigEndian bool   // of native values
	vr        vr     // OB or OW; 0 where implicit
	span      span   // native value; truncated to what is there
	short     bool   // the value announces more bytes than there are
	fragments []span // encapsulated: the items after the offset table
	bot       span   // basic offset table
	eot       span   // extended offset table, 64-bit offsets
	isFrag    bool   // the value has undefined length
	unread    bool   // nothing beyond where they begin was looked at
}

// A span is bytes [from, to) of layout.data.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// A walker goes through the elements of a file once, checks every length and
// item, and writes the canonical copy of the header. Positions are offsets in
// data; every end is at most len(data).
type walker struct {
	data     []byte
	big      bool // byte order of the data set
	out      canonical
	elements int
	next     int // where the sequence walked last ended
	lay      *layout

	index bool // keep what an index needs, and stop at the pixel data
	size  int  // of the file that data is the start of; where index is set
}

// walk checks the structure of the file b. A nil layout comes with an error;
// a layout beside an error holds what lay before the fault.
func walk(b []byte) (*layout, error) {
	w := &walker{data: b, lay: &layout{}}
	return w.walk(b)
}

func (w *walker) walk(b []byte) (*layout, error) {
	p, err := w.meta()
	if err != nil {
		return nil, err
	}
	w.lay.unlabelled = w.lay.syntax == "" && !hasPreamble(b)
	if w.lay.syntax == deflatedLittle && !w.plausible(p, len(b), false, true) {
		if w.index && w.size != len(b) {
			w.data, w.size = inflateStart(b[p:]), -1
		} else if w.data, err = inflate(b[p:]); err != nil && len(w.data) == 0 {
			return nil, err
		} else {
			w.size = len(w.data)
		}
		p = 0
	}
	w.lay.data = w.data
	explicit, ok := w.decide(p)
	if !ok {
		if w.lay.unlabelled {
			return nil, refuse(NotDICOM, "neither the DICM mark nor an element at the start")
		}
		return nil, refuse(Malformed, "no element at offset %d, where the data set should start", p)
	}
	w.out.begin()
	if werr := w.dataset(p, explicit); werr != nil {
		if w.lay.unlabelled && w.elements < 4 { // it only looked like an element
			return nil, refuse(NotDICOM, "no DICM mark, and no second element after the first")
		}
		err = werr
	}
	w.lay.header = w.out.b
	return w.lay, err
}

func hasPreamble(b []byte) bool { return len(b) >= 132 && string(b[128:132]) == "DICM" }

func (w *walker) note(format string, args ...any) {
	if len(w.lay.notes) < 16 {
		w.lay.notes = append(w.lay.notes, fmt.Sprintf(format, args...))
	}
}

// meta walks the preamble and the file meta group, and returns where the data
// set starts. The group length is not relied on: the group ends where the next
// begins.
func (w *walker) meta() (int, error) {
	p := 0
	switch {
	case hasPreamble(w.data):
		p = 132
	case len(w.data) >= 4 && string(w.data[:4]) == "DICM":
		p = 4
		w.note("no preamble")
	case len(w.data) < 8:
		return 0, refuse(NotDICOM, "%d bytes", len(w.data))
	default:
		w.note("no preamble")
	}
	for p+8 <= len(w.data) && w.u16(p) == 2 {
		h, err := w.head(p, len(w.data), isVR(w.data[p+4:]))
		if err != nil {
			return 0, err
		}
		if h.length == undefined || h.value+h.length > len(w.data) {
			return 0, refuse(Truncated, "file meta element at offset %d", p)
		}
		if h.tag == tag.TransferSyntaxUID {
			w.lay.syntax = trim(string(w.data[h.value : h.value+h.length]))
		}
		p = h.value + h.length
	}
	if w.lay.syntax == "" {
		w.note("no transfer syntax")
	}
	return p, nil
}

// decide settles byte order and explicit or implicit representation from the
// first element at p; ok is false where no element is there. The label counts only
// where the bytes leave it open.
func (w *walker) decide(p int) (explicit, ok bool) {
	label := w.lay.syntax
	big, explicit := label == explicitBig, label != implicitLittle && label != ""
	if !w.plausible(p, len(w.data), big, explicit) {
		c, found := w.anyPlausible(p)
		switch {
		case found:
			big, explicit = c.big, c.explicit
		case label == "" || !w.possible(p, big, explicit):
			return false, label != "" && p == len(w.data)
		}
	}
	w.big = big
	found := explicitLittle
	switch {
	case !explicit:
		found = implicitLittle
	case big:
		found = explicitBig
	}
	native := label == implicitLittle || label == explicitLittle || label == explicitBig
	if label == "" || native && label != found {
		if native {
			w.note("labelled %s, written as %s", label, found)
		}
		w.lay.syntax = found
	}
	return explicit, true
}

// A form is how elements are written.
type form struct{ big, explicit bool }

// anyPlausible returns the first encoding in which an element starts at p.
func (w *walker) anyPlausible(p int) (form, bool) {
	for _, c := range []form{{false, true}, {false, false}, {true, true}} {
		if w.plausible(p, len(w.data), c.big, c.explicit) {
			return c, true
		}
	}
	return form{}, false
}

// possible reports whether an element in the labelled encoding can start at p,
// whatever its group: some objects hold private elements alone.
func (w *walker) possible(p int, big, explicit bool) bool {
	if p+8 > len(w.data) || explicit && !isVR(w.data[p+4:]) {
		return false
	}
	w.big = big
	h, err := w.head(p, len(w.data), explicit)
	return err == nil && (h.length == undefined || h.length <= len(w.data)-h.value)
}

// plausible reports whether an element of a data set surely starts at p.
func (w *walker) plausible(p, end int, big, explicit bool) bool {
	if p+8 > end {
		return false
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if big {
		order = binary.BigEndian
	}
	group := order.Uint16(w.data[p:])
	if group == 0 || group > 0x00ff || group%2 == 1 { // the first group of a data set is a small standard one
		return false
	}
	if explicit {
		return isVR(w.data[p+4:])
	}
	return !isVR(w.data[p+4:]) && uint64(order.Uint32(w.data[p+4:])) <= uint64(end-p-8)
}

func (w *walker) u16(p int) uint16 {
	if w.big {
		return binary.BigEndian.Uint16(w.data[p:])
	}
	return binary.LittleEndian.Uint16(w.data[p:])
}

func (w *walker) u32(p int) uint32 {
	if w.big {
		return binary.BigEndian.Uint32(w.data[p:])
	}
	return binary.LittleEndian.Uint32(w.data[p:])
}

// A head is the start of an element: everything before its value.
type head struct {
	tag    tag.Tag
	vr     vr  // 0 where implicit
	value  int // offset of the value
	length int // of the value, or undefined
}

// head reads the start of the element at p, where at least 8 bytes are left
// before end. An element without representation amid explicit ones is read as
// implicit.
func (w *walker) head(p, end int, explicit bool) (head, error) {
	w.elements++
	if w.elements > maxElements {
		return head{}, refuse(TooLarge, "more than %d elements", maxElements)
	}
	h := head{tag: tag.Tag{Group: w.u16(p), Element: w.u16(p + 2)}, value: p + 8}
	if !explicit || h.tag.Group == 0xfffe || !isVR(w.data[p+4:]) {
		h.length = int(w.u32(p + 4))
		return h, nil
	}
	h.vr = vrAt(w.data[p+4:])
	if !h.vr.long() {
		h.length = int(w.u16(p + 6))
		return h, nil
	}
	if p+12 > end {
		return h, refuse(Truncated, "element at offset %d", p)
	}
	h.value = p + 12
	h.length = int(w.u32(p + 8))
	return h, nil
}

// inside returns where the value of h ends, or an error if that is past end.
func (w *walker) inside(h head, end int) (int, error) {
	if h.length > end-h.value {
		return 0, refuse(Truncated, "element %v at offset %d announces %d bytes, %d are left", h.tag, h.value, h.length, max(end-h.value, 0))
	}
	return h.value + h.length, nil
}
