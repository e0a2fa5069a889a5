package codec

import "math/bits"

// The three coding passes (T.800 D.3). They are most of the time that JPEG 2000 takes: symbols
// are decoded in place, the interval and the flags of a column stay in registers, and what a symbol
// decides is computed rather than branched on where that can be. stripePass does the same faster
// where the processor can.

// significance is the significance propagation pass (D.3.1).
func (t *blockDecoder) significance(plane uint) {
	r, ctx, zc := t.mq.mqInterval, &t.mq.ctx, t.zc
	value := uint32(3) << plane >> 1
	for y := 0; y < t.h; y += 4 {
		flags, data := t.stripe(y)
		all := uint32(flagSelves) & (1<<(3*min(4, t.h-y)+2) - 1)
		for k := 1; k < len(flags)-1; k++ {
			f := flags[k]
			if f&0x3ffff == 0 {
				continue
			}
			for todo := all &^ f; todo != 0; todo &= todo - 1 {
				i3 := uint(bits.TrailingZeros32(todo)-4) & 15
				g := f >> i3
				if g&flagAround == 0 {
					continue
				}
				c := zc[g&0x1ff] % numContexts
				e := ctx[c]
				var less uint64
				if r, less = r.step(e); r.small() {
					ctx[c] = mqNext(e, less)
					if r = r.grown(); r.n < 0 {
						r = t.mq.refill(r)
					}
				}
				f |= flagVisited << i3
				if (e^less)&1 == 0 {
					continue
				}
				turn := signContexts[signIndex(f, flags[k-1], flags[k+1], i3)]
				c = turn % numContexts
				e = ctx[c]
				if r, less = r.step(e); r.small() {
					ctx[c] = mqNext(e, less)
					if r = r.grown(); r.n < 0 {
						r = t.mq.refill(r)
					}
				}
				sign := uint32(e^less)&1 ^ uint32(turn>>7)
				f |= flagSelf<<i3 | sign<<(i3+flagSign)
				data[int(i3)/3*t.w+k-1] = int32(value | sign<<31)
				t.become(y, k, i3, sign)
			}
			flags[k] = f
		}
	}
	t.mq.mqInterval = r
}

// signIndex gathers what the sign of the sample at i3 of the column f depends on, from it
// and the columns beside it (D.3.2).
func signIndex(f, left, right uint32, i3 uint) uint32 {
	above := f >> (i3 + 16) & 1
	if i3 == 0 {
		above = f >> 18 & 1
	}
	return f>>i3&0xaa | left>>(i3+flagSign)&1 | right>>(i3+flagSign)&1<<2 | above<<4 | f>>(i3+22)&1<<6
}

// refinement is the magnitude refinement pass (D.3.3).
func (t *blockDecoder) refinement(plane uint) {
	r, ctx := t.mq.mqInterval, &t.mq.ctx
	half := int32(1) << plane >> 1
	for y := 0; y < t.h; y += 4 {
		flags, data := t.stripe(y)
		for k := 1; k < len(flags)-1; k++ {
			f := flags[k]
			todo := f & flagSelves &^ (f >> selfVisited)
			if todo == 0 {
				continue
			}
			for ; todo != 0; todo &= todo - 1 {
				i3 := uint(bits.TrailingZeros32(todo)-4) & 15
				g := f >> i3
				c := ctxMag + 2
				if g&flagRefined == 0 {
					c = ctxMag
					if g&flagAround != 0 {
						c = ctxMag + 1
					}
				}
				e := ctx[c]
				var less uint64
				if r, less = r.step(e); r.small() {
					ctx[c] = mqNext(e, less)
					if r = r.grown(); r.n < 0 {
						r = t.mq.refill(r)
					}
				}
				data[int(i3)/3*t.w+k-1] += int32((e^less)&1)<<plane - half
				f |= flagRefined << i3
			}
			flags[k] = f
		}
	}
	t.mq.mqInterval = r
}

// cleanup is the cleanup pass (D.3.4), and ends a bit-plane.
func (t *blockDecoder) cleanup(plane uint) {
	r, zc := t.mq.mqInterval, t.zc
	value := uint32(3) << plane >> 1
	for y := 0; y < t.h; y += 4 {
		flags, data := t.stripe(y)
		all := uint32(flagSelves) & (1<<(3*min(4, t.h-y)+2) - 1)
		for k := 1; k < len(flags)-1; k++ {
			f := flags[k]
			todo, on := all&^(f|f>>selfVisited), uint32(0)
			if f == 0 && all == flagSelves {
				if r, on = t.mq.decode(r, ctxRun); on == 0 {
					continue
				}
				var high, low uint32
				r, high = t.mq.decode(r, ctxUniform)
				r, low = t.mq.decode(r, ctxUniform)
				todo &= ^uint32(0) << (3*(high<<1|low) + 4) // on: the first of them is significant
			}
			for ; todo != 0; todo &= todo - 1 {
				i3 := uint(bits.TrailingZeros32(todo)-4) & 15
				if on == 0 {
					r, on = t.mq.decode(r, zc[f>>i3&0x1ff])
				}
				if on == 0 {
					continue
				}
				turn := signContexts[signIndex(f, flags[k-1], flags[k+1], i3)]
				r, on = t.mq.decode(r, turn)
				sign := on ^ uint32(turn>>7)
				on = 0
				f |= flagSelf<<i3 | sign<<(i3+flagSign)
				data[int(i3)/3*t.w+k-1] = int32(value | sign<<31)
				t.become(y, k, i3, sign)
			}
			flags[k] = f &^ allVisited
		}
	}
	t.mq.mqInterval = r
}

// significanceRaw is the significance propagation pass of bypassed bit-planes (D.6).
func (t *blockDecoder) significanceRaw(plane uint) {
	value := uint32(3) << plane >> 1
	for y := 0; y < t.h; y += 4 {
		flags, data := t.stripe(y)
		for k := 1; k < len(flags)-1; k++ {
			f := flags[k]
			for i := range min(4, t.h-y) {
				i3 := uint(3 * i)
				if g := f >> i3; g&flagSelf != 0 || g&flagAround == 0 {
					continue
				}
				f |= flagVisited << i3
				if t.raw.bit() == 0 {
					continue
				}
				sign := t.raw.bit()
				f |= flagSelf<<i3 | sign<<(i3+flagSign)
				data[i*t.w+k-1] = int32(value | sign<<31)
				t.become(y, k, i3, sign)
			}
			flags[k] = f
		}
	}
}

// refinementRaw is the magnitude refinement pass of bypassed bit-planes.
func (t *blockDecoder) refinementRaw(plane uint) {
	half := int32(1) << plane >> 1
	for y := 0; y < t.h; y += 4 {
		flags, data := t.stripe(y)
		for k := 1; k < len(flags)-1; k++ {
			for i := range min(4, t.h-y) {
				if g := flags[k] >> (3 * i); g&(flagSelf|flagVisited) == flagSelf {
					data[i*t.w+k-1] += int32(t.raw.bit())<<plane - half
					flags[k] |= flagRefined << (3 * i)
				}
			}
		}
	}
}
