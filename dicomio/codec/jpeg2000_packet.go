package codec

import "math/bits"

// A j2kPackets reads the packets of one tile.
type j2kPackets struct {
	p     *j2kParams
	comps []*j2kComp
	data  []byte
	pos   int
}

// all reads packets in the order of progression p (B.12), up to the end of the
// data.
func (t *j2kPackets) all() error {
	levels := 0
	for _, c := range t.comps {
		levels = max(levels, c.coding.levels)
	}
	var err error
	visit := func(layer, r, k, i int) bool {
		if t.pos >= len(t.data) {
			err = bad("jpeg 2000: packets missing")
			return false
		}
		err = t.packet(&t.comps[k].res[r].precincts[i], t.comps[k].coding.style, layer)
		return err == nil
	}
	switch t.p.progression {
	case 0, 1:
		t.byLayer(levels, visit)
	default:
		t.byPosition(levels, visit)
	}
	return err
}

// byLayer goes through LRCP and RLCP.
func (t *j2kPackets) byLayer(levels int, visit func(layer, r, k, i int) bool) {
	outer, inner := t.p.layers, levels+1
	if t.p.progression == 1 {
		outer, inner = inner, outer
	}
	for a := range outer {
		for b := range inner {
			layer, r := a, b
			if t.p.progression == 1 {
				layer, r = b, a
			}
			for k, c := range t.comps {
				if r > c.coding.levels {
					continue
				}
				for i := range c.res[r].precincts {
					if !visit(layer, r, k, i) {
						return
					}
				}
			}
		}
	}
}

// byPosition goes through RPCL, PCRL and CPRL: precincts in the order of their
// top left corners on the reference grid.
func (t *j2kPackets) byPosition(levels int, visit func(layer, r, k, i int) bool) {
	type place struct{ y, x, r, k, i int }
	var places []place
	for k, c := range t.comps {
		for r := range c.res {
			res := &c.res[r]
			n := c.coding.levels - r
			for i := range res.precincts {
				x := (res.rect.x0>>res.px + i%res.wide) << (res.px + n)
				y := (res.rect.y0>>res.py + i/res.wide) << (res.py + n)
				places = append(places, place{max(y, c.rect.y0), max(x, c.rect.x0), r, k, i})
			}
		}
	}
	var key func(p place) [4]int
	switch t.p.progression {
	case 2:
		key = func(p place) [4]int { return [4]int{p.r, p.y, p.x, p.k} }
	case 3:
		key = func(p place) [4]int { return [4]int{p.y, p.x, p.k, p.r} }
	default:
		key = func(p place) [4]int { return [4]int{p.k, p.y, p.x, p.r} }
	}
	sortBy(places, key)
	for _, p := range places {
		for layer := range t.p.layers {
			if !visit(layer, p.r, p.k, p.i) {
				return
			}
		}
	}
}

// packet reads one packet: what it adds to the blocks of a precinct (B.10).
func (t *j2kPackets) packet(p *j2kPrecinct, style byte, layer int) error {
	if t.data = t.data[t.pos:]; len(t.data) >= 6 && t.data[0] == 0xff && t.data[1] == mSOP {
		t.data = t.data[6:]
	}
	b := packetBits{src: t.data}
	var pieces []j2kPiece
	if b.bit() == 1 {
		for k := range p.bands {
			for i := range p.bands[k].blocks {
				if p.bands[k].present(&b, i, layer) {
					pieces = p.bands[k].blocks[i].lengths(&b, style, pieces)
				}
			}
		}
	}
	b.align()
	if b.over {
		return bad("jpeg 2000: ends within a packet header, or the header is broken")
	}
	t.pos = b.pos
	if t.pos+2 <= len(t.data) && t.data[t.pos] == 0xff && t.data[t.pos+1] == mEPH {
		t.pos += 2
	}
	for _, pc := range pieces {
		if pc.length > len(t.data)-t.pos {
			return bad("jpeg 2000: ends within a packet")
		}
		s := &pc.block.segments[pc.segment]
		s.pieces = append(s.pieces, t.data[t.pos:t.pos+pc.length])
		t.pos += pc.length
	}
	return nil
}

// A j2kPiece is what a packet adds to a codeword segment.
type j2kPiece struct {
	block           *j2kBlock
	segment, length int
}

// lengths reads how many passes of blk a packet has, and the bytes of the
// segments that they go into (B.10.6 and B.10.7).
func (blk *j2kBlock) lengths(b *packetBits, style byte, pieces []j2kPiece) []j2kPiece {
	n := b.passes()
	if blk.passes+n > 3*(blk.band.planes-blk.zero)-2 {
		b.over = true // each would be a segment, and memory
		return pieces
	}
	for b.bit() == 1 && !b.over {
		blk.lblock++
	}
	for n > 0 {
		k := blk.segmentFor(style)
		take := min(n, blk.segments[k].maximum-blk.segments[k].passes)
		width := blk.lblock + bits.Len(uint(take)) - 1
		if width > 31 || b.over {
			b.over = true
			return pieces
		}
		pieces = append(pieces, j2kPiece{blk, k, b.take(width)})
		blk.segments[k].passes += take
		blk.passes += take
		n -= take
	}
	return pieces
}

// present reports whether the packet of layer has passes of block i, and reads
// what its first inclusion tells.
func (p *j2kPrecinctBand) present(b *packetBits, i, layer int) bool {
	blk := &p.blocks[i]
	if blk.included {
		return b.bit() == 1
	}
	x, y := i%p.wide, i/p.wide
	if !p.inclusion.below(b, x, y, int32(layer)+1) {
		return false
	}
	blk.included = true
	for limit := int32(1); !p.planes.below(b, x, y, limit); limit++ {
		if b.over || limit > 64 {
			b.over = true
			return false
		}
		blk.zero = int(limit)
	}
	return true
}

// Code-block styles (table A.19).
const (
	styleBypass   = 1
	styleReset    = 2
	styleTermAll  = 4
	styleCausal   = 8
	styleSegments = 32
	styleHT       = 64 // T.814 table A.4
	styleMixed    = 64 + 128
)

// segmentFor returns the segment that the next pass goes into (D.4.2, table D.9).
func (blk *j2kBlock) segmentFor(style byte) int {
	last := len(blk.segments) - 1
	if last >= 0 && blk.segments[last].passes < blk.segments[last].maximum {
		return last
	}
	maximum := 1 << 20
	switch {
	case style&styleHT != 0: // cleanup; significance propagation and refinement (T.814 B.3)
		maximum = min(last+2, 2)
	case style&styleTermAll != 0:
		maximum = 1
	case style&styleBypass != 0:
		switch {
		case last < 0:
			maximum = 10
		case blk.segments[last].maximum == 2:
			maximum = 1
		default:
			maximum = 2
		}
	}
	blk.segments = append(blk.segments, j2kSegment{maximum: maximum})
	return last + 1
}
