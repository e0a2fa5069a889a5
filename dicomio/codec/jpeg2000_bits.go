package codec

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
