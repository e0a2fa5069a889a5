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
	data  []int32 // magnitudes with one fraction bit; the top bit is the sign
	zc    *[512]uint8
	style byte
	buf   []byte
	ht    htDecoder
	fast  stripe
}

const (
	flagSelf    = 1 << 4
	flagSelves  = 1<<4 | 1<<7 | 1<<10 | 1<<13
	flagAround  = 0x1ef
	flagSign    = 19 // its place
	flagRefined = 1 << 20
	flagVisited = 1 << 21
	selfVisited = 21 - 4 // from self to visited
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
	case raw && kind == 0:
		t.significanceRaw(plane)
	case raw:
		t.refinementRaw(plane)
	case stripes:
		t.stripePass(kind, plane)
	case kind == 0:
		t.significance(plane)
	case kind == 1:
		t.refinement(plane)
	default:
		t.cleanup(plane)
	}
	if kind == 2 && t.style&styleSegments != 0 {
		for range 4 {
			t.mq.mqInterval, _ = t.mq.decode(t.mq.mqInterval, ctxUniform)
		}
	}
}

// stripe returns the flags of the stripe that begins at line y, a word a column with one more
// on either side, and its first row of samples.
func (t *blockDecoder) stripe(y int) (flags []uint32, data []int32) {
	at := (y/4 + 1) * t.wide
	return t.flags[at : at+t.wide], t.data[y*t.w:]
}

// become tells the neighbours of a sample that it is significant: the sample at line i of
// the column whose flags are at k of the stripe at line y. Its own flags are the caller's.
func (t *blockDecoder) become(y, k int, i3 uint, sign uint32) {
	k += (y/4 + 1) * t.wide
	f := t.flags
	f[k-1] |= 1 << (i3 + 5)
	f[k+1] |= 1 << (i3 + 3)
	if i3 == 0 && t.style&styleCausal == 0 {
		up := f[k-t.wide-1:][:3]
		up[0] |= 1 << 17
		up[1] |= 1<<16 | sign<<31
		up[2] |= 1 << 15
	}
	if i3 == 9 {
		down := f[k+t.wide-1:][:3]
		down[0] |= 1 << 2
		down[1] |= 1<<1 | sign<<18
		down[2] |= 1
	}
}
