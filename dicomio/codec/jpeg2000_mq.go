package codec

import "math/bits"

// mqStates is the probability table of the MQ coder (T.800 table C.2): the
// estimate, and the states after a more and a less probable symbol. States are doubled:
// the lowest bit is the more probable symbol.
var mqStates = mqTable()

type mqState struct {
	qe       uint32
	mps, lps uint8
}

func mqTable() (t [128]mqState) { // 94 are used; the size spares a bounds check
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
			t[2*i+int(mps)] = mqState{r.qe, 2*r.nmps + mps, 2*r.nlps + (mps ^ r.sw)}
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

// An mqDecoder decodes binary symbols (annex C.3). src ends with two bytes FF.
type mqDecoder struct {
	a, c, ct uint32
	pos      int
	src      []byte
	ctx      [numContexts]uint8
}

func (m *mqDecoder) resetContexts() {
	m.ctx = [numContexts]uint8{}
	m.ctx[0], m.ctx[ctxRun], m.ctx[ctxUniform] = 2*4, 2*3, 2*46
}

// start begins a codeword segment.
func (m *mqDecoder) start(src []byte) {
	m.src, m.pos = src, 0
	m.c = uint32(src[0]) << 16
	m.byteIn()
	m.c <<= 7
	m.ct -= 7
	m.a = 0x8000
}

func (m *mqDecoder) byteIn() {
	next := uint32(0xff)
	if m.pos+1 < len(m.src) {
		next = uint32(m.src[m.pos+1])
	}
	if m.pos < len(m.src) && m.src[m.pos] != 0xff {
		m.pos++
		m.c += next << 8
		m.ct = 8
		return
	}
	if next > 0x8f { // a marker: ones from here on
		m.c += 0xff00
		m.ct = 8
		return
	}
	m.pos++
	m.c += next << 9
	m.ct = 7
}

// decode returns the next symbol, in context k.
func (m *mqDecoder) decode(k uint8) uint32 {
	s := &m.ctx[k%numContexts]
	st := mqStates[*s&127]
	d := uint32(*s & 1)
	a := m.a - st.qe
	if m.c>>16 >= st.qe {
		m.c -= st.qe << 16
		if a&0x8000 != 0 {
			m.a = a
			return d
		}
		if a < st.qe {
			*s = st.lps
			d ^= 1
		} else {
			*s = st.mps
		}
	} else {
		if a < st.qe {
			*s = st.mps
		} else {
			*s = st.lps
			d ^= 1
		}
		a = st.qe
	}
	m.renormalise(a)
	return d
}

// renormalise brings the interval a back to at least 0x8000 (C.3.3).
func (m *mqDecoder) renormalise(a uint32) {
	for {
		if m.ct == 0 {
			m.byteIn()
		}
		n := min(uint32(bits.LeadingZeros16(uint16(a))), m.ct)
		a <<= n
		m.c <<= n
		m.ct -= n
		if a&0x8000 != 0 {
			m.a = a
			return
		}
	}
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
