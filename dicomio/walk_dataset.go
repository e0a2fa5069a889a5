package dicomio

import (
	"github.com/suyashkumar/dicom/pkg/tag"
)

// dataset walks the top level from p on, up to the pixel data. On a fault the
// copy ends with the element before.
func (w *walker) dataset(p int, explicit bool) error {
	end := len(w.data)
	for p+8 <= end {
		before := len(w.out.b)
		h, err := w.head(p, end, explicit)
		if err != nil {
			return err
		}
		if w.index && w.pixelHead(h) {
			return nil
		}
		if h.tag.Group == 0x7fe0 {
			done, next, err := w.pixelGroup(h, end)
			if err != nil || done {
				return err
			}
			p = next
			continue
		}
		if h.tag.Group == 0xfffe { // a delimiter too many, or an item whose sequence says it is empty
			if h.length != 0 {
				return refuse(Malformed, "item outside a sequence at offset %d", p)
			}
			w.note("stray item or delimiter at offset %d", p)
			p = h.value
			continue
		}
		if p, err = w.element(h, end, explicit, 0); err != nil {
			w.out.b = w.out.b[:before]
			return err
		}
	}
	if p < end && !zero(w.data[p:end]) {
		return refuse(Truncated, "%d bytes at the end are no element", end-p)
	}
	return nil
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// element walks the element h, which is no pixel data of the top level, and
// returns where the next one starts.
func (w *walker) element(h head, end int, explicit bool, depth int) (int, error) {
	kept := h.tag.Group != 0xfffc && h.tag.Element != 0 // trailing padding, group lengths
	if h.tag.Group%2 == 1 {
		kept = depth == 0 && keptPrivate(h.tag)
	} else if w.index && depth == 0 {
		kept = kept && indexed[h.tag]
	}
	v := h.vr
	if v == 0 || v == vrUN {
		v = dictionary(h.tag)
	}
	if h.length == undefined {
		return w.undefinedLength(h, v, end, explicit, depth, kept)
	}
	next, err := w.inside(h, end)
	if err != nil {
		return 0, err
	}
	value := w.data[h.value:next]
	switch {
	case v == vrSQ && h.vr == vrUN:
		w.hiddenSequence(h, next, depth, kept)
	case v == vrSQ:
		return next, w.sequence(h, next, false, explicit, depth, kept)
	case h.tag == tag.SpecificCharacterSet:
		if depth == 0 {
			w.lay.charset = splitText(string(value))
		}
	case kept && h.tag.Group != 0x7fe0:
		w.out.value(h.tag, v, value, w.big)
	}
	return next, nil
}

// undefinedLength walks the value of h, whose end only its delimiter tells: a
// sequence, or bytes in fragments, which are left out.
func (w *walker) undefinedLength(h head, v vr, end int, explicit bool, depth int, kept bool) (int, error) {
	if h.vr == vrOB || h.vr == vrOW || h.tag.Group == 0x7fe0 {
		_, next, err := w.fragments(h.value, end)
		return next, err
	}
	if h.vr != 0 && h.vr != vrSQ && h.vr != vrUN {
		return 0, refuse(Malformed, "element %v at offset %d has undefined length", h.tag, h.value)
	}
	if h.vr == vrUN { // PS3.5 section 6.2.2 note 7: its items are implicit little endian
		explicit = false
		defer func(big bool) { w.big = big }(w.big)
		w.big = false
	}
	mark := len(w.out.b)
	err := w.sequence(h, end, true, explicit, depth, kept && (v == vrSQ || v == vrUN))
	if err != nil {
		w.out.b = w.out.b[:mark]
	}
	return w.next, err
}

// hiddenSequence walks a sequence that some system has written as UN. If its
// bytes are none, the element is left out.
func (w *walker) hiddenSequence(h head, end int, depth int, kept bool) {
	mark, big := len(w.out.b), w.big
	w.big = false
	if w.sequence(h, end, false, false, depth, kept) != nil {
		w.out.b = w.out.b[:mark]
		w.note("element %v of unknown representation left out", h.tag)
	}
	w.big = big
}

// sequence walks the items of h, up to end or, if open, to the delimiter.
// w.next is where the following element starts.
func (w *walker) sequence(h head, end int, open, explicit bool, depth int, kept bool) error {
	if depth >= maxDepth {
		return refuse(TooDeep, "sequences more than %d deep at offset %d", maxDepth, h.value)
	}
	start := len(w.out.b)
	mark := w.out.open(h.tag, vrSQ)
	p := h.value
	for {
		if p+8 > end {
			if open {
				return refuse(Truncated, "sequence at offset %d has no end", h.value)
			}
			break
		}
		it, err := w.head(p, end, false)
		if err != nil {
			return err
		}
		if it.tag == tag.SequenceDelimitationItem {
			p = it.value
			if open {
				break
			}
			w.note("stray delimiter in the sequence at offset %d", h.value)
			continue
		}
		if it.tag == tag.ItemDelimitationItem {
			w.note("stray delimiter in the sequence at offset %d", h.value)
			p = it.value
			continue
		}
		if it.tag != tag.Item {
			return refuse(Malformed, "no item at offset %d, in the sequence at %d", p, h.value)
		}
		if p, err = w.item(it, end, explicit, depth+1); err != nil {
			return err
		}
	}
	w.out.shut(mark)
	if !kept {
		w.out.b = w.out.b[:start]
	}
	w.next = p
	return nil
}

// item walks one item and returns where the next starts. Some systems change
// between explicit and implicit from item to item, so that its first element
// decides.
func (w *walker) item(it head, end int, explicit bool, depth int) (int, error) {
	open := it.length == undefined
	if !open {
		var err error
		if end, err = w.inside(it, end); err != nil {
			return 0, err
		}
	}
	mark := w.out.open(tag.Item, 0)
	p := it.value
	if p+8 <= end && !explicit && isVR(w.data[p+4:]) && w.u16(p) != 0xfffe {
		explicit = uint64(w.u32(p+4)) > uint64(end-p-8)
	}
	for {
		if p+8 > end {
			if open {
				return 0, refuse(Truncated, "item at offset %d has no end", it.value)
			}
			break
		}
		h, err := w.head(p, end, explicit)
		if err != nil {
			return 0, err
		}
		if h.tag.Group == 0xfffe {
			var done bool
			if p, done, err = w.delimiter(h, p, open); err != nil {
				return 0, err
			}
			if done {
				break
			}
			continue
		}
		if p, err = w.element(h, end, explicit, depth); err != nil {
			return 0, err
		}
	}
	w.out.shut(mark)
	if !open {
		p = end
	}
	return p, nil
}

// delimiter takes the delimiter h at p, met within an item, and returns where the
// walk goes on, and whether the item ends. The end of the sequence ends an item whose own
// delimiter is missing.
func (w *walker) delimiter(h head, p int, open bool) (next int, done bool, err error) {
	switch {
	case h.tag == tag.Item:
		return 0, false, refuse(Malformed, "item within an item at offset %d", p)
	case open && h.tag == tag.ItemDelimitationItem:
		return h.value, true, nil
	case open && h.tag == tag.SequenceDelimitationItem:
		return p, true, nil
	}
	w.note("stray delimiter at offset %d", p)
	return h.value, false, nil
}
