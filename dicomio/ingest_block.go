package dicomio

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A block is where the facts of the slices of one file lie in the spill: all
// that memory holds of them until their series is made.
type block struct {
	offset int64
	size   int32 // bytes
	slices int32
}

// keepFacts writes what is known of the slices of one file, and returns the bytes.
func (sp *spill) keepFacts(all []slice) (bl block, raw []byte, err error) {
	c := coder{}
	for i := range all {
		c.slice(&all[i])
	}
	if len(c.b) > math.MaxInt32 {
		return bl, nil, refuse(TooLarge, "%d frames", len(all))
	}
	offset, err := sp.write(c.b)
	return block{offset, int32(len(c.b)), int32(len(all))}, c.b, err
}

// facts returns the slices in bl and the bytes that they were read from.
func (sp *spill) facts(bl block) ([]slice, []byte, error) {
	c := coder{b: make([]byte, bl.size), reading: true}
	raw := c.b
	if _, err := sp.ReadAt(c.b, bl.offset); err != nil {
		return nil, nil, fmt.Errorf("reading back decoded slices: %w", err)
	}
	var all []slice
	for n := bl.slices; n > 0 && !c.failed; n-- {
		var s slice
		c.slice(&s)
		all = append(all, s)
	}
	if c.failed || len(c.b) > 0 {
		return nil, nil, fmt.Errorf("reading back decoded slices: %d bytes are none", bl.size)
	}
	return all, raw, nil
}

// slices returns the slices in all blocks.
func (sp *spill) slices(blocks []block) (all []slice, err error) {
	for _, bl := range blocks {
		found, _, err := sp.facts(bl)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// A coder writes values to the end of b or reads them from its start, so that
// one list of fields serves both.
type coder struct {
	b       []byte
	reading bool
	failed  bool // b ended early
}

func (c *coder) slice(s *slice) {
	c.text(&s.sop)
	c.int(&s.frame)
	c.int(&s.order)
	c.bytes(s.file[:])
	c.int(&s.visit)
	c.bool(&s.ofMany)
	c.int(&s.rows)
	c.int(&s.cols)
	c.floats(s.position[:])
	c.floats(s.row[:])
	c.floats(s.col[:])
	c.floats(s.spacing[:])
	c.sharedText(&s.space)
	c.bool(&s.localiser)
	c.bool(&s.inverted)
	c.phase(&s.phase)
	c.stored(&s.pixels)
}

func (c *coder) phase(p *phase) {
	c.sharedText(&p.stack)
	c.float(&p.echo)
	c.float(&p.bvalue)
	c.sharedText(&p.gradient)
	c.int(&p.temporal)
	c.sharedText(&p.kind)
	c.float(&p.trigger)
	c.sharedText(&p.dimension)
	c.int(&p.acquisition)
}

func (c *coder) stored(p *stored) {
	c.int((*int)(&p.kind))
	c.int64(&p.offset)
	c.bytes(p.digest[:])
	c.float(&p.slope)
	c.float(&p.intercept)
	c.bool(&p.padded)
	c.float(&p.padLow)
	c.float(&p.padHigh)
}

// bytes writes v, or fills it.
func (c *coder) bytes(v []byte) {
	switch {
	case !c.reading:
		c.b = append(c.b, v...)
	case len(c.b) < len(v):
		c.failed, c.b = true, nil
	default:
		c.b = c.b[copy(v, c.b):]
	}
}

func (c *coder) int64(v *int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(*v))
	c.bytes(b[:])
	*v = int64(binary.LittleEndian.Uint64(b[:]))
}

func (c *coder) int(v *int) {
	wide := int64(*v)
	c.int64(&wide)
	*v = int(wide)
}

func (c *coder) float(v *float64) {
	bits := int64(math.Float64bits(*v))
	c.int64(&bits)
	*v = math.Float64frombits(uint64(bits))
}

func (c *coder) floats(v []float64) {
	for i := range v {
		c.float(&v[i])
	}
}

func (c *coder) bool(v *bool) {
	b := []byte{0}
	if *v {
		b[0] = 1
	}
	c.bytes(b)
	*v = b[0] == 1
}

func (c *coder) text(v *string) {
	n := len(*v)
	c.int(&n)
	if !c.reading {
		c.b = append(c.b, *v...)
		return
	}
	if n < 0 || n > len(c.b) {
		c.failed, c.b = true, nil
		return
	}
	*v = string(c.b[:n])
	c.b = c.b[n:]
}

// sharedText is text that many slices have in common.
func (c *coder) sharedText(v *string) {
	if c.text(v); c.reading {
		*v = shared(*v)
	}
}
