package codec

// A blockDecoder decodes code-blocks (T.800 annex D). Its memory is reused.
//
// One flag word serves a column of four samples, the height of a stripe. Bits
// 3·r + c, r from 0 to 5 and c from 0 to 2, tell which samples are significant in
// rows -1 to 4 and in the columns to the left, here, and to the right, so that a shift by
// 3·i brings the neighbourhood of sample i to bits 0 to 8. Bit 18 is the sign of the sample
// above, bits 19 + 3·i the signs of the samples and (i = 4) of the one below; bits
// 20 + 3·i and 21 + 3·i tell which samples were refined and visited.
type blockDecoder struct {
	mq    mqDecoder
	raw   rawBits
	w, h  int
	wide  int // flag words in a row: w + 2
	flags []uint32
	data  []int32 // values with one fraction bit
	zc    *[512]uint8
	style byte
	buf   []byte
	ht    htDecoder
}

const (
	flagSelf    = 1 << 4
	flagAround  = 0x1ef
	flagSign    = 1 << 19
	flagRefined = 1 << 20
	flagVisited = 1 << 21
	allVisited  = 1<<21 | 1<<24 | 1<<27 | 1<<30
)

// decode decodes blk into t.data, of t.w by t.h.
func (t *blockDecoder) decode(blk *j2kBlock, style byte) error {
	t.w, t.h, t.style = blk.rect.w(), blk.rect.h(), style
	t.wide = t.w + 2
	t.flags = cleared(t.flags, t.wide*((t.h+3)/4+2))
	t.data = cleared(t.data, t.w*t.h)
	t.zc = &zeroContexts[blk.band.orient]
	planes := blk.band.planes - blk.zero
	if planes < 1 {
		if blk.passes > 0 {
			return bad("jpeg 2000: passes without bit-planes")
		}
		return nil
	}
	if style&styleHT != 0 {
		return t.highThroughput(blk, planes)
	}
	t.mq.resetContexts()
	plane, kind := planes, 2 // the first pass is a cleanup
	for k := range blk.segments {
		s := &blk.segments[k]
		raw := style&styleBypass != 0 && plane <= planes-4 && kind < 2
		t.begin(s, raw)
		for range s.passes {
			if plane < 1 {
				return bad("jpeg 2000: more passes than bit-planes")
			}
			t.pass(kind, uint(plane), raw)
			if style&styleReset != 0 && !raw {
				t.mq.resetContexts()
			}
			if kind++; kind == 3 {
				kind = 0
				plane--
			}
		}
	}
	return nil
}

// begin starts a codeword segment.
func (t *blockDecoder) begin(s *j2kSegment, raw bool) {
	t.gather(s)
	if raw {
		t.raw = rawBits{src: t.buf}
		return
	}
	t.buf = append(t.buf, 0xff, 0xff)
	t.mq.start(t.buf)
}

// gather puts the bytes of a segment together.
func (t *blockDecoder) gather(s *j2kSegment) {
	t.buf = t.buf[:0]
	for _, p := range s.pieces {
		t.buf = append(t.buf, p...)
	}
}

func cleared[T int | int32 | uint32](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

func (t *blockDecoder) pass(kind int, plane uint, raw bool) {
	switch {
	case kind == 0:
		t.significance(plane, raw)
	case kind == 1:
		t.refinement(plane, raw)
	default:
		t.cleanup(plane)
	}
}

// significance is the significance propagation pass (D.3.1).
func (t *blockDecoder) significance(plane uint, raw bool) {
	for y := 0; y < t.h; y += 4 {
		rows := min(4, t.h-y)
		at := (y/4+1)*t.wide + 1
		for x := range t.w {
			if t.flags[at+x] == 0 {
				continue
			}
			for i := range rows {
				f := t.flags[at+x] >> (3 * i)
				if f&(flagSelf|flagVisited) != 0 || f&flagAround == 0 {
					continue
				}
				var on uint32
				if raw {
					on = t.raw.bit()
				} else {
					on = t.mq.decode(t.zc[f&0x1ff])
				}
				if on == 1 {
					var sign uint32
					if raw {
						sign = t.raw.bit()
					} else {
						sign = t.sign(at+x, i)
					}
					t.become(x, y, i, at+x, sign, plane)
				}
				t.flags[at+x] |= flagVisited << (3 * i)
			}
		}
	}
}

// refinement is the magnitude refinement pass (D.3.3).
func (t *blockDecoder) refinement(plane uint, raw bool) {
	half := int32(1) << plane >> 1
	for y := 0; y < t.h; y += 4 {
		rows := min(4, t.h-y)
		at := (y/4+1)*t.wide + 1
		for x := range t.w {
			if t.flags[at+x]&(flagSelf|flagSelf<<3|flagSelf<<6|flagSelf<<9) == 0 {
				continue
			}
			for i := range rows {
				f := t.flags[at+x] >> (3 * i)
				if f&(flagSelf|flagVisited) != flagSelf {
					continue
				}
				var up uint32
				if raw {
					up = t.raw.bit()
				} else {
					k := uint8(ctxMag)
					switch {
					case f&flagRefined != 0:
						k = ctxMag + 2
					case f&flagAround != 0:
						k = ctxMag + 1
					}
					up = t.mq.decode(k)
				}
				v := &t.data[(y+i)*t.w+x]
				if (up == 1) != (*v < 0) {
					*v += half
				} else {
					*v -= half
				}
				t.flags[at+x] |= flagRefined << (3 * i)
			}
		}
	}
}

// cleanup is the cleanup pass (D.3.4), and ends a bit-plane.
func (t *blockDecoder) cleanup(plane uint) {
	for y := 0; y < t.h; y += 4 {
		rows := min(4, t.h-y)
		at := (y/4+1)*t.wide + 1
		for x := range t.w {
			i, sure := 0, false
			if rows == 4 && t.flags[at+x] == 0 {
				if t.mq.decode(ctxRun) == 0 {
					continue
				}
				i = int(t.mq.decode(ctxUniform)<<1 | t.mq.decode(ctxUniform))
				sure = true
			}
			for ; i < rows; i++ {
				f := t.flags[at+x] >> (3 * i)
				if !sure && (f&(flagSelf|flagVisited) != 0 || t.mq.decode(t.zc[f&0x1ff]) == 0) {
					continue
				}
				sure = false
				t.become(x, y, i, at+x, t.sign(at+x, i), plane)
			}
			t.flags[at+x] &^= allVisited
		}
	}
	if t.style&styleSegments != 0 {
		for range 4 {
			t.mq.decode(ctxUniform)
		}
	}
}

// sign decodes the sign of sample i of the column whose flags are at k (D.3.2).
func (t *blockDecoder) sign(k, i int) uint32 {
	f := t.flags[k]
	n := f >> (3*i + 16) & 1
	if i == 0 {
		n = f >> 18 & 1
	}
	index := f>>(3*i)&0xaa | t.flags[k-1]>>(19+3*i)&1 | t.flags[k+1]>>(19+3*i)&1<<2 | n<<4 | f>>(22+3*i)&1<<6
	c := signContexts[index]
	return t.mq.decode(c&0x7f) ^ uint32(c>>7)
}

// become makes sample i significant: its value, and what its neighbours see.
func (t *blockDecoder) become(x, y, i, k int, sign uint32, plane uint) {
	v := int32(1)<<plane | int32(1)<<plane>>1
	if sign == 1 {
		v = -v
	}
	t.data[(y+i)*t.w+x] = v
	f := t.flags
	f[k-1] |= 1 << (3*i + 5)
	f[k] |= flagSelf<<(3*i) | sign<<(19+3*i)
	f[k+1] |= 1 << (3*i + 3)
	if i == 0 && t.style&styleCausal == 0 {
		up := k - t.wide
		f[up-1] |= 1 << 17
		f[up] |= 1<<16 | sign<<31
		f[up+1] |= 1 << 15
	}
	if i == 3 {
		down := k + t.wide
		f[down-1] |= 1 << 2
		f[down] |= 1<<1 | sign<<18
		f[down+1] |= 1
	}
}
