package codec

import "math/bits"

// A tagTree codes the minima of a grid (B.10.2).
type tagTree struct {
	nodes []tagNode
	wide  []int // nodes in a row, by level from the leaves up
	start []int // first node of each level
}

type tagNode struct{ low, value int32 }

const unknownTag = 1 << 30

func newTagTree(w, h int) tagTree {
	var t tagTree
	n := 0
	for {
		t.wide, t.start = append(t.wide, w), append(t.start, n)
		n += w * h
		if w*h <= 1 {
			break
		}
		w, h = (w+1)/2, (h+1)/2
	}
	t.nodes = make([]tagNode, n)
	for k := range t.nodes {
		t.nodes[k].value = unknownTag
	}
	return t
}

// below reads bits until it is known whether the value of leaf (x, y) is less
// than limit.
func (t *tagTree) below(b *packetBits, x, y int, limit int32) bool {
	low := int32(0)
	for level := len(t.wide) - 1; ; level-- {
		n := &t.nodes[t.start[level]+(y>>level)*t.wide[level]+x>>level]
		n.low = max(n.low, low)
		for n.low < limit && n.low < n.value {
			if b.bit() == 1 {
				n.value = n.low
			} else {
				n.low++
			}
		}
		low = n.low
		if level == 0 {
			return n.value < limit
		}
	}
}

// packetBits reads the bits of packet headers: after a byte FF, the next holds
// seven (B.10.1).
type packetBits struct {
	src  []byte
	pos  int
	cur  byte
	n    uint
	over bool
}

func (b *packetBits) bit() int {
	if b.n == 0 {
		b.n = 8
		if b.cur == 0xff {
			b.n = 7
		}
		if b.pos >= len(b.src) {
			b.over, b.cur = true, 0
		} else {
			b.cur = b.src[b.pos]
			b.pos++
		}
	}
	b.n--
	return int(b.cur>>b.n) & 1
}

func (b *packetBits) take(n int) int {
	v := 0
	for ; n > 0; n-- {
		v = v<<1 | b.bit()
	}
	return v
}

// align ends a header: a last byte FF is followed by a stuffed one.
func (b *packetBits) align() {
	if b.cur == 0xff {
		b.pos++
	}
	b.n, b.cur = 0, 0
}

// passes reads a number of coding passes (table B.4).
func (b *packetBits) passes() int {
	for _, c := range []struct{ bits, base int }{{1, 1}, {1, 2}, {2, 3}, {5, 6}} {
		v := b.take(c.bits)
		if v != 1<<c.bits-1 {
			return c.base + v
		}
	}
	return 37 + b.take(7)
}

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
	t.pos = 0
	b := packetBits{src: t.data}
	type piece struct {
		block *j2kBlock
		seg   int
		n     int
	}
	var pieces []piece
	if b.bit() == 1 {
		for k := range p.bands {
			pb := &p.bands[k]
			for i := range pb.blocks {
				blk := &pb.blocks[i]
				if !pb.present(&b, blk, i, layer) {
					continue
				}
				n := b.passes()
				for b.bit() == 1 && !b.over {
					blk.lblock++
				}
				for n > 0 {
					seg := blk.segmentFor(style)
					take := min(n, blk.segments[seg].maximum-blk.segments[seg].passes)
					width := blk.lblock + bits.Len(uint(take)) - 1
					if width > 31 || b.over {
						return bad("jpeg 2000: packet header")
					}
					pieces = append(pieces, piece{blk, seg, b.take(width)})
					blk.segments[seg].passes += take
					blk.passes += take
					n -= take
				}
			}
		}
	}
	b.align()
	if b.over {
		return bad("jpeg 2000: ends within a packet header")
	}
	pos := b.pos
	if pos+2 <= len(t.data) && t.data[pos] == 0xff && t.data[pos+1] == mEPH {
		pos += 2
	}
	for _, pc := range pieces {
		if pc.n > len(t.data)-pos {
			return bad("jpeg 2000: ends within a packet")
		}
		s := &pc.block.segments[pc.seg]
		s.pieces = append(s.pieces, t.data[pos:pos+pc.n])
		pos += pc.n
	}
	t.pos = pos
	return nil
}

// present reports whether the packet of layer has passes of block i, and reads
// what its first inclusion tells.
func (p *j2kPrecinctBand) present(b *packetBits, blk *j2kBlock, i, layer int) bool {
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
)

// segmentFor returns the segment that the next pass goes into (D.4.2, table D.9).
func (blk *j2kBlock) segmentFor(style byte) int {
	last := len(blk.segments) - 1
	if last >= 0 && blk.segments[last].passes < blk.segments[last].maximum {
		return last
	}
	maximum := 1 << 20
	switch {
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
