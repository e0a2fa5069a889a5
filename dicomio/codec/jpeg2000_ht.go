package codec

import "math/bits"

// An htDecoder decodes the cleanup pass of high-throughput code-blocks (ITU-T T.814 clause
// 7), quad by quad: two by two samples, two quads at a time.
type htDecoder struct {
	runs  htRuns
	codes htReverse
	mags  htForward
	most  uint  // bits that a magnitude may have, with its sign
	up    []int // exponents of the line above the quads, column x at x+1; 0 is insignificant
	down  []int // the same for the lower line of the quads
}

// highThroughput decodes blk, of one to three passes, into t.data.
func (t *blockDecoder) highThroughput(blk *j2kBlock, planes int) error {
	if blk.passes > 3 {
		return unsupported("jpeg 2000: high-throughput code-block of %d passes", blk.passes)
	}
	t.gather(&blk.segments[0])
	refine := len(t.buf)
	if len(blk.segments) > 1 {
		for _, p := range blk.segments[1].pieces {
			t.buf = append(t.buf, p...)
		}
	}
	if err := t.ht.start(t.buf[:refine], blk.zero+2, t.w); err != nil {
		return err
	}
	for y := 0; y < t.h; y += 2 {
		if err := t.quads(y, planes-1); err != nil {
			return err
		}
	}
	if t.ht.codes.over() {
		return bad("jpeg 2000: code-block ends early")
	}
	if blk.passes == 1 {
		return nil
	}
	if planes < 2 {
		return bad("jpeg 2000: more passes than bit-planes")
	}
	t.refineHT(t.buf[refine:], planes-1, blk.passes == 3)
	return nil
}

// start finds the three parts of a cleanup segment (7.1).
func (h *htDecoder) start(src []byte, most, w int) error {
	n := len(src)
	if n < 2 {
		return bad("jpeg 2000: code-block of %d bytes", n)
	}
	tail := int(src[n-1])<<4 | int(src[n-2]&15)
	if tail < 2 || tail > n {
		return bad("jpeg 2000: code-block with a suffix of %d in %d bytes", tail, n)
	}
	last := src[n-2]
	src[n-2] |= 15 // its lower half counts as ones in either direction
	h.runs = htRuns{src: src[n-tail : n-1]}
	h.mags = htForward{src: src[:n-tail], fill: 0xff}
	h.codes = htReverse{src: src[n-tail : n-2], acc: uint64(last >> 4), n: 4, after: src[n-2] > 0x8f}
	if last>>4&7 == 7 {
		h.codes.acc, h.codes.n = 7, 3
	}
	h.most = uint(most)
	h.up, h.down = cleared(h.up, w+5), cleared(h.down, w+5)
	return nil
}

// A quad is what the codes tell of two by two samples.
type quad struct {
	code uint16 // of htFirst and htOther
	bits int    // U: of a magnitude less one, with its sign
}

func (q quad) rho() uint16 { return q.code >> 4 & 15 }

// quads decodes the lines y and y+1. Samples go to bit-plane plane and above.
func (t *blockDecoder) quads(y, plane int) error {
	h := &t.ht
	h.up, h.down = h.down, h.up
	clear(h.down)
	table := &htOther
	if y == 0 {
		table = &htFirst
	}
	context := uint16(0)
	for x := 0; x < t.w; x += 4 {
		var q [2]quad
		h.codes.need()
		for k := range q {
			if x+2*k >= t.w {
				break
			}
			context |= h.above(y, x+2*k)
			if context != 0 || h.runs.event() {
				q[k].code = table[context<<7|uint16(h.codes.acc&127)]
				h.codes.skip(uint(q[k].code & 7))
			}
			rho := q[k].rho()
			context = rho>>1 | rho&1
			if y > 0 {
				context = rho>>1&2 | rho>>2&2
			}
		}
		h.lengths(&q, y, x)
		for k := range q {
			if err := t.magnitudes(q[k], y, x+2*k, plane); err != nil {
				return err
			}
		}
	}
	return nil
}

// above returns the context that the line above gives the quad at column x (7.3.5).
func (h *htDecoder) above(y, x int) uint16 {
	c := uint16(0)
	if y > 0 {
		if h.up[x]|h.up[x+1] != 0 {
			c = 1
		}
		if h.up[x+2]|h.up[x+3] != 0 {
			c |= 4
		}
	}
	return c
}

// lengths decodes U of a pair of quads (7.3.6).
func (h *htDecoder) lengths(q *[2]quad, y, x int) {
	var u [2]int
	first, second := q[0].code&8 != 0, q[1].code&8 != 0
	switch {
	case first && second && y == 0 && h.runs.event():
		u = h.twoLengths()
		u[0], u[1] = u[0]+2, u[1]+2
	case first && second && y == 0 && h.codes.acc&3 == 0: // the first is long, and the second one bit
		a, n := h.prefix()
		u[1] = h.suffix(1, 1)
		u[0] = h.suffix(a, n)
	case first && second:
		u = h.twoLengths()
	case first:
		u[0] = h.suffix(h.prefix())
	case second:
		u[1] = h.suffix(h.prefix())
	}
	for k := range q {
		q[k].bits = u[k] + 1
		if rho := q[k].rho(); y > 0 && rho&(rho-1) != 0 {
			at := x + 2*k
			most := max(h.up[at], h.up[at+1], h.up[at+2], h.up[at+3])
			q[k].bits = u[k] + max(1, most-1)
		}
	}
}

// twoLengths decodes u of both quads: their prefixes, then their suffixes.
func (h *htDecoder) twoLengths() [2]int {
	u0, n0 := h.prefix()
	u1, n1 := h.prefix()
	a := h.suffix(u0, n0)
	return [2]int{a, h.suffix(u1, n1)}
}

// prefix decodes the prefix of u (table 3) and returns what it stands for and how many bits
// of suffix follow.
func (h *htDecoder) prefix() (u int, suffix uint) {
	switch v := h.codes.acc; {
	case v&1 != 0:
		h.codes.skip(1)
		return 1, 0
	case v&2 != 0:
		h.codes.skip(2)
		return 2, 0
	case v&4 != 0:
		h.codes.skip(3)
		return 3, 1
	}
	h.codes.skip(3)
	return 5, 5
}

func (h *htDecoder) suffix(u int, n uint) int {
	u += int(h.codes.acc & (1<<n - 1))
	h.codes.skip(n)
	return u
}

// magnitudes decodes the samples of the quad at (y, x), column by column (7.3.8).
func (t *blockDecoder) magnitudes(q quad, y, x, plane int) error {
	h := &t.ht
	rho := q.rho()
	if rho == 0 {
		return nil
	}
	if x+1 >= t.w && rho&12 != 0 || y+1 >= t.h && rho&10 != 0 {
		return bad("jpeg 2000: samples outside of their code-block")
	}
	if q.bits > int(h.most) || q.bits > 32 {
		return bad("jpeg 2000: magnitude of %d bits", q.bits)
	}
	for k := range 4 {
		if rho>>k&1 == 0 {
			continue
		}
		n := uint(q.bits) - uint(q.code>>(12+k)&1)
		v := h.mags.take(n)
		sign := v << 31
		v |= uint32(q.code>>(8+k)&1)<<n | 1
		if k&1 == 1 {
			h.down[x+k>>1+1] = bits.Len32(v)
		}
		t.data[(y+k&1)*t.w+x+k>>1] = int32((v+2)<<plane&(1<<31-1) | sign)
	}
	return nil
}
