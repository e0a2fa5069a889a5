package codec

// refineHT decodes the significance propagation pass (T.814 7.4) and, with both, the
// magnitude refinement pass (7.5) of a high-throughput code-block, which share the bytes src
// from either end. They refine what the cleanup pass has left in t.data, at bit-plane plane.
func (t *blockDecoder) refineHT(src []byte, plane int, both bool) {
	p := htPropagation{blockDecoder: t, bits: htForward{src: src}, value: 3 << plane >> 1, wide: t.w + 2}
	p.state = append(p.state, make([]bool, p.wide*(t.h+2))...)
	for i, v := range t.data {
		p.state[(i/t.w+1)*p.wide+i%t.w+1] = v != 0
	}
	var magnitudes htReverse
	if both {
		magnitudes = htReverse{src: src, after: true}
		t.refineMagnitudes(&magnitudes, plane)
	}
	for y := 0; y < t.h; y += 4 {
		for x := 0; x < t.w; x += 4 {
			p.group(y, x)
		}
	}
}

// refineMagnitudes gives every significant sample one more bit, stripe by stripe, column by
// column.
func (t *blockDecoder) refineMagnitudes(b *htReverse, plane int) {
	half := int32(1) << plane >> 1
	for top := 0; top < t.h; top += 4 {
		for x := range t.w {
			for y := top; y < min(top+4, t.h); y++ {
				v := &t.data[y*t.w+x]
				if *v == 0 {
					continue
				}
				if b.n == 0 {
					b.need()
				}
				*v += int32(b.acc&1)<<plane - half // the value stood in the middle of its interval
				b.skip(1)
			}
		}
	}
}

// An htPropagation is the state of a significance propagation pass.
type htPropagation struct {
	*blockDecoder
	bits  htForward
	value uint32 // of samples that become significant
	wide  int    // of a row of state: w + 2
	state []bool // significant; sample (y, x) is at (y+1)·wide + x + 1
}

// group decodes four columns of a stripe: first which samples become significant, then
// their signs.
func (p *htPropagation) group(top, left int) {
	var fresh [16]int
	n := 0
	bottom, right := min(top+4, p.h), min(left+4, p.w)
	for x := left; x < right; x++ {
		for y := top; y < bottom; y++ {
			at := (y+1)*p.wide + x + 1
			if p.state[at] || !p.near(at, y == top+3 && p.style&styleCausal != 0) {
				continue
			}
			if p.bits.take(1) == 1 {
				p.state[at] = true
				fresh[n] = y*p.w + x
				n++
			}
		}
	}
	for _, i := range fresh[:n] {
		p.data[i] = int32(p.value | p.bits.take(1)<<31)
	}
}

// near reports whether one of the eight neighbours of a sample is significant; a causal
// stripe does not look at the next.
func (p *htPropagation) near(at int, causal bool) bool {
	s, w := p.state, p.wide
	return s[at-w-1] || s[at-w] || s[at-w+1] || s[at-1] || s[at+1] ||
		!causal && (s[at+w-1] || s[at+w] || s[at+w+1])
}
