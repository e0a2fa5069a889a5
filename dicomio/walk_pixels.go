package dicomio

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// pixelGroup takes the element h of group 7FE0 at the top level. done is true
// for the pixel data themselves, where the walk ends.
func (w *walker) pixelGroup(h head, end int) (done bool, next int, err error) {
	px := &w.lay.pixels
	value := span{h.value, end}
	short := false
	if h.length != undefined {
		short = h.length > end-h.value
		if !short {
			value.to = h.value + h.length
		}
	}
	switch h.tag {
	case tag.PixelData:
	case tag.FloatPixelData:
		px.bits = 32
	case tag.DoubleFloatPixelData:
		px.bits = 64
	default:
		if h.length == undefined || short {
			return true, end, refuse(Truncated, "element %v at offset %d", h.tag, h.value)
		}
		if h.tag == tag.ExtendedOffsetTable {
			px.eot = value
		}
		return false, value.to, nil
	}
	px.found, px.vr, px.bigEndian, px.span = true, h.vr, w.big, value
	if h.length != undefined {
		px.short = short
		return true, value.to, nil
	}
	px.isFrag = true
	items, next, err := w.fragments(h.value, end)
	if len(items) > 0 {
		px.bot, px.fragments = items[0], items[1:]
	}
	if errors.Is(err, errNoEnd) {
		w.note("pixel data without end delimiter")
		err = nil
	}
	if err != nil {
		px.short = true
		w.note("pixel data broken after %d fragments", len(px.fragments))
	}
	return true, next, nil
}

// errNoEnd marks fragments that end with the file, each whole.
var errNoEnd = &Error{Reason: Truncated, Detail: "fragments without end delimiter"}

// fragments walks the items of an encapsulated value from p on (PS3.5 annex
// A.4) and returns those that are whole.
func (w *walker) fragments(p, end int) (items []span, next int, err error) {
	for p+8 <= end {
		h, err := w.head(p, end, false)
		if err != nil {
			return items, p, err
		}
		switch {
		case h.tag == tag.SequenceDelimitationItem:
			return items, h.value, nil
		case h.tag != tag.Item || h.length == undefined:
			return items, p, refuse(Malformed, "no fragment at offset %d", p)
		}
		if p, err = w.inside(h, end); err != nil {
			return append(items, span{h.value, end}), end, err
		}
		items = append(items, span{h.value, p})
	}
	if p < end {
		return items, p, refuse(Truncated, "fragment at offset %d", p)
	}
	return items, p, errNoEnd
}

// Bounds of a deflated data set: a CT slice of air shrinks about a hundredfold.
const (
	maxInflated  = 2 << 30
	inflateGrace = 16 << 20
	inflateRatio = 200
)

// inflate unpacks the data set of a deflated file. It looks first how much comes out, so
// that nothing is allocated for a bomb. With an error, the bytes that came before it are
// returned.
func inflate(b []byte) ([]byte, error) {
	n, err := inflatedSize(b)
	out := make([]byte, n)
	if _, again := io.ReadFull(flate.NewReader(bytes.NewReader(b)), out); again != nil {
		return nil, refuse(Malformed, "deflated data set")
	}
	return out, err
}

// inflatedSize returns how many bytes b unpacks to, up to an error. It stops, with
// TooLarge and 0, as soon as that is more than the bytes that went in so far may give.
func inflatedSize(b []byte) (int, error) {
	src := bytes.NewReader(b)
	z := flate.NewReader(src)
	buf := make([]byte, 32<<10)
	for size := 0; ; {
		n, err := z.Read(buf)
		size += n
		used := len(b) - src.Len()
		switch {
		case size > min(inflateGrace+inflateRatio*used, maxInflated):
			return 0, refuse(TooLarge, "deflated data set: %d bytes from the first %d", size, used)
		case err == io.EOF:
			return size, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return size, refuse(Truncated, "deflated data set")
		case err != nil:
			return size, refuse(Malformed, "deflated data set")
		}
	}
}
