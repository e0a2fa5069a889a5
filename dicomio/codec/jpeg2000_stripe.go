package codec

import "unsafe"

// A stripe is what the assembly of a coding pass works on, in the order that gen/main.go knows.
type stripe struct {
	ctx        [numContexts]uint64
	states     [128]uint64
	signs      [256]uint8
	zc         [512]uint8
	_          [16]uint64 // the assembly's own
	a, c       uint64     // the MQ decoder's interval
	n          int
	word, last int // the next word, and the last
	words      *uint32
	flags      *uint32 // of the first column
	data       *int32  // its first sample
	end        uintptr // behind the flags of the last column
	stride     int     // bytes in a line of samples
	wide       int     // bytes in a row of flags
	all        uint32  // the samples that a column has, as bits of flagSelves
	up         uint32  // the sample of which the stripe above is told
	value      uint32  // of a sample that becomes significant; half a step for refinement
}

// stripePass does what significance, refinement and cleanup, the kinds 0 to 2, do.
func (t *blockDecoder) stripePass(kind int, plane uint) {
	s, m := &t.fast, &t.mq
	if s.states[0] == 0 {
		s.states, s.signs = mqStates, signContexts
	}
	s.ctx, s.zc = m.ctx, *t.zc
	s.a, s.c, s.n, s.word = m.a, m.c, m.n, m.word
	s.words, s.last = &m.words[0], len(m.words)-1
	s.stride, s.wide = 4*t.w, 4*t.wide
	s.up = flagSelf
	if t.style&styleCausal != 0 {
		s.up = 0
	}
	s.value = 3 << plane >> 1
	if kind == 1 {
		s.value = 1 << plane >> 1
	}
	for y := 0; y < t.h; y += 4 {
		flags, data := t.stripe(y)
		s.flags, s.data = &flags[1], &data[0]
		s.end = uintptr(unsafe.Pointer(s.flags)) + uintptr(4*t.w)
		s.all = flagSelves & (1<<(3*min(4, t.h-y)+2) - 1)
		switch kind {
		case 0:
			significanceStripe(s)
		case 1:
			refinementStripe(s)
		default:
			cleanupStripe(s)
		}
	}
	m.ctx = s.ctx
	m.a, m.c, m.n, m.word = s.a, s.c, s.n, s.word
}
