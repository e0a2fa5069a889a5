package codec

import (
	"encoding/binary"
	"math/bits"
)

// mqStates is the probability table of the MQ coder (T.800 table C.2). An entry holds the
// estimate in its top 16 bits, where the decoder has its interval; below, from bit 16 on, the
// state after a less probable symbol, from bit 8 on that after a more probable one, and in
// bit 0 the more probable symbol. States are doubled: the lowest bit is the more probable symbol.
var mqStates = mqTable()

func mqTable() (t [128]uint64) { // 94 are used; the size spares a bounds check
	rows := [47]struct {
		qe         uint32
		nmps, nlps uint8
		sw         uint8
	}{
		{0x5601, 1, 1, 1}, {0x3401, 2, 6, 0}, {0x1801, 3, 9, 0}, {0x0ac1, 4, 12, 0}, {0x0521, 5, 29, 0}, {0x0221, 38, 33, 0},
		{0x5601, 7, 6, 1}, {0x5401, 8, 14, 0}, {0x4801, 9, 14, 0}, {0x3801, 10, 14, 0}, {0x3001, 11, 17, 0}, {0x2401, 12, 18, 0},
		{0x1c01, 13, 20, 0}, {0x1601, 29, 21, 0}, {0x5601, 15, 14, 1}, {0x5401, 16, 14, 0}, {0x5101, 17, 15, 0}, {0x4801, 18, 16, 0},
		{0x3801, 19, 17, 0}, {0x3401, 20, 18, 0}, {0x3001, 21, 19, 0}, {0x2801, 22, 19, 0}, {0x2401, 23, 20, 0}, {0x2201, 24, 21, 0},
		{0x1c01, 25, 22, 0}, {0x1801, 26, 23, 0}, {0x1601, 27, 24, 0}, {0x1401, 28, 25, 0}, {0x1201, 29, 26, 0}, {0x1101, 30, 27, 0},
		{0x0ac1, 31, 28, 0}, {0x09c1, 32, 29, 0}, {0x08a1, 33, 30, 0}, {0x0521, 34, 31, 0}, {0x0441, 35, 32, 0}, {0x02a1, 36, 33, 0},
		{0x0221, 37, 34, 0}, {0x0141, 38, 35, 0}, {0x0111, 39, 36, 0}, {0x0085, 40, 37, 0}, {0x0049, 41, 38, 0}, {0x0025, 42, 39, 0},
		{0x0015, 43, 40, 0}, {0x0009, 44, 41, 0}, {0x0005, 45, 42, 0}, {0x0001, 45, 43, 0}, {0x5601, 46, 46, 0},
	}
	for i, r := range rows {
		for mps := range uint8(2) {
			t[2*i+int(mps)] = uint64(r.qe)<<48 | uint64(2*r.nlps+(mps^r.sw))<<16 | uint64(2*r.nmps+mps)<<8 | uint64(mps)
		}
	}
	return t
}

// Contexts of the coefficient bit model (table D.1 to D.4).
const (
	ctxSign     = 9
	ctxMag      = 14
	ctxRun      = 17
	ctxUniform  = 18
	numContexts = 32 // 19 are used; the size spares a bounds check
)

// An mqDecoder decodes binary symbols (annex C.3).
type mqDecoder struct {
	mqInterval
	words []uint32            // the code without stuffing; the last one is taken again and again
	ctx   [numContexts]uint64 // entries of mqStates
}

// An mqInterval is what changes with every symbol. Passes keep it in registers: the interval
// and the code are in the top 16 bits, and bits that come later lie below them already. n counts the
// bits that are there, less 16; word is the next to take in.
type mqInterval struct {
	a, c uint64
	n    int
	word int
}

func (m *mqDecoder) resetContexts() {
	for k := range m.ctx {
		m.ctx[k] = mqStates[0]
	}
	m.ctx[0], m.ctx[ctxRun], m.ctx[ctxUniform] = mqStates[2*4], mqStates[2*3], mqStates[2*46]
}

// start begins a codeword segment.
func (m *mqDecoder) start(src []byte) {
	m.unstuff(src)
	m.mqInterval = mqInterval{a: 1 << 63, c: uint64(m.words[0])<<32 | uint64(m.words[1]), n: 48, word: min(2, len(m.words)-1)}
}

// unstuff brings a codeword segment into words: a first bit of 0, then bytes; after FF, seven bits
// and a carry, which is added to what came before; ones from a marker or the end on.
func (m *mqDecoder) unstuff(src []byte) {
	m.words = m.words[:0]
	acc, n := uint64(0), 1 // n bits that are not in a word yet
	last := byte(0)
	for len(src) > 0 {
		if len(src) >= 4 && last != 0xff {
			if v := binary.BigEndian.Uint32(src); noFF(v) {
				acc = acc<<32 | uint64(v)
				m.words = append(m.words, uint32(acc>>n))
				acc &= 1<<n - 1
				last, src = byte(v), src[4:]
				continue
			}
		}
		fresh := 8
		if last == 0xff {
			if src[0] > 0x8f {
				break
			}
			fresh = 7
		}
		last, src = src[0], src[1:]
		acc = acc<<fresh + uint64(last)
		if n += fresh; acc>>n != 0 {
			m.carry()
			acc &= 1<<n - 1
		}
		if n >= 32 {
			n -= 32
			m.words = append(m.words, uint32(acc>>n))
			acc &= 1<<n - 1
		}
	}
	m.words = append(m.words, uint32((acc+1)<<(32-n)-1), ^uint32(0))
}

// carry adds 1 to the words.
func (m *mqDecoder) carry() {
	for k := len(m.words) - 1; k >= 0; k-- {
		if m.words[k]++; m.words[k] != 0 {
			return
		}
	}
}

// refill brings 32 bits into the code.
func (m *mqDecoder) refill(r mqInterval) mqInterval {
	r.c += uint64(m.words[r.word]) << ((16 - r.n) & 63)
	r.n += 32
	r.word = min(r.word+1, len(m.words)-1)
	return r
}

// step decodes a symbol in the state e without a branch, since symbols are hard to foresee. It
// returns the interval, not yet brought back to size, and 1 if the less probable symbol came.
func (r mqInterval) step(e uint64) (mqInterval, uint64) {
	q := e >> 48 << 48
	a := r.a - q
	c, below := bits.Sub64(r.c, q, 0)
	_, exchange := bits.Sub64(a, q, 0)
	r.c = c + q&-below
	r.a = a ^ (a^q)&-below
	return r, below ^ exchange
}

// small reports whether the interval must be brought back to size.
func (r mqInterval) small() bool { return int64(r.a) >= 0 }

// grown brings the interval back to size (C.3.3).
func (r mqInterval) grown() mqInterval {
	s := bits.LeadingZeros64(r.a)
	r.a <<= s & 63
	r.c <<= s & 63
	r.n -= s
	return r
}

// next returns the state after e: less is what step has returned.
func mqNext(e, less uint64) uint64 { return mqStates[e>>(8+8*less&31)&127] }

// decode returns the next symbol in context k.
func (m *mqDecoder) decode(r mqInterval, k uint8) (mqInterval, uint32) {
	e := m.ctx[k%numContexts]
	r, less := r.step(e)
	if r.small() {
		m.ctx[k%numContexts] = mqNext(e, less)
		if r = r.grown(); r.n < 0 {
			r = m.refill(r)
		}
	}
	return r, uint32(e^less) & 1
}

// rawBits reads the bits of a bypassed segment (D.6): after FF, seven.
type rawBits struct {
	src []byte
	pos int
	cur byte
	n   uint
}

func (r *rawBits) bit() uint32 {
	if r.n == 0 {
		r.n = 8
		if r.cur == 0xff {
			r.n = 7
		}
		r.cur = 0xff
		if r.pos < len(r.src) {
			r.cur = r.src[r.pos]
			r.pos++
		}
	}
	r.n--
	return uint32(r.cur>>r.n) & 1
}
