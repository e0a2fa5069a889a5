package codec

import "math/bits"

// An lsScan decodes one scan. Names are those of T.87 annex A.
type lsScan struct {
	columns, rows int
	maxval, near  int32
	reset         int32
	rng           int32 // RANGE
	step          int32 // 2·NEAR + 1
	qbpp          uint
	limit         uint
	quantised     []int8 // of a gradient, at gradient + maxval
	ctx           [365]lsContext
	run           [2]lsRun // run interruption, by RItype
	bits          lsBits
}

// An lsContext adapts the coding of regular samples (A.6).
type lsContext struct{ a, b, c, n int32 }

// An lsRun adapts the coding of samples that end a run (A.7).
type lsRun struct{ a, n, nn int32 }

func (s *lsScan) setUp(t [3]int) {
	s.step = 2*s.near + 1
	s.rng = (s.maxval+2*s.near)/s.step + 1
	s.qbpp = uint(bits.Len32(uint32(s.rng - 1)))
	bpp := uint(max(2, bits.Len32(uint32(s.maxval))))
	s.limit = 2 * (bpp + max(8, bpp))
	a := max(2, (s.rng+32)/64)
	for k := range s.ctx {
		s.ctx[k] = lsContext{a: a, n: 1}
	}
	s.run = [2]lsRun{{a: a, n: 1}, {a: a, n: 1}}
	s.quantised = make([]int8, 2*s.maxval+1)
	from := [5]int{0, int(s.near) + 1, t[0], t[1], t[2]}
	zero := int(s.maxval)
	for region, first := range from { // A.3.3
		for d := first; d <= zero && region > 0; d++ {
			if region < 4 && d >= from[region+1] {
				break
			}
			s.quantised[zero+d], s.quantised[zero-d] = int8(region), int8(-region)
		}
	}
}

// runLengths is J of A.2.1.
var runLengths = [32]uint{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// An lsLine is the state of one component: two lines with a margin on either
// side, and the run index.
type lsLine struct {
	up, cur []int32 // sample x is at x+1
	index   int     // RUNindex
}

// lines decodes n components and gives each line to put. With bySample, the
// samples of a pixel follow each other, and else the lines.
func (s *lsScan) lines(n int, bySample bool, put func(y, k int, line []int32)) error {
	comps := make([]lsLine, n)
	for k := range comps {
		comps[k] = lsLine{up: make([]int32, s.columns+2), cur: make([]int32, s.columns+2)}
	}
	for y := range s.rows {
		for k := range comps {
			c := &comps[k]
			c.up, c.cur = c.cur, c.up
			c.up[s.columns+1] = c.up[s.columns]
			c.cur[0] = c.up[1]
			if !bySample {
				s.line(c)
			}
		}
		if bySample {
			s.pixels(comps)
		}
		if s.bits.over() {
			return bad("jpeg-ls: scan ends early")
		}
		for k := range comps {
			put(y, k, comps[k].cur[1:s.columns+1])
		}
	}
	return nil
}

// line decodes one line of one component. It is most of the time of JPEG-LS: the next bits
// stay in registers, and short codes are taken from them in place.
func (s *lsScan) line(c *lsLine) {
	up, cur := c.up[:s.columns+2], c.cur[:s.columns+2]
	q, zero := s.quantised, s.maxval
	acc, n := s.bits.acc, s.bits.n
	plain := s.limit - s.qbpp - 1
	for x := 1; x <= s.columns; {
		ra, rb, rc, rd := cur[x-1], up[x], up[x-1], up[x+1]
		ctx := (int32(q[rd-rb+zero])*9+int32(q[rb-rc+zero]))*9 + int32(q[rc-ra+zero])
		if ctx == 0 {
			s.bits.acc, s.bits.n = acc, n
			x = s.repeat(c, x)
			acc, n = s.bits.acc, s.bits.n
			continue
		}
		sign := ctx >> 31
		t := &s.ctx[(ctx^sign)-sign]
		k := golombParameter(t.n, t.a)
		if n < 32 {
			s.bits.acc, s.bits.n = acc, n
			s.bits.fill()
			acc, n = s.bits.acc, s.bits.n
		}
		m := int32(0)
		if zeros := uint(bits.LeadingZeros64(acc)); zeros < plain && zeros+1+k <= n {
			acc <<= (zeros + 1) & 63
			m = int32(zeros<<k | uint(acc>>1>>(63-k)))
			acc <<= k & 63
			n -= zeros + 1 + k
		} else {
			s.bits.acc, s.bits.n = acc, n
			m = s.golomb(k, s.limit)
			acc, n = s.bits.acc, s.bits.n
		}
		px := min(max(median(ra, rb, rc)+(t.c^sign)-sign, 0), s.maxval)
		err := t.error(m, k, s.near)
		t.update(err, s.step, s.reset)
		cur[x] = s.rebuild(px + ((err^sign)-sign)*s.step)
		x++
	}
	s.bits.acc, s.bits.n = acc, n
}

// repeat decodes a run from place x on and the sample that ends it, and returns the place
// after.
func (s *lsScan) repeat(c *lsLine, x int) int {
	ra := c.cur[x-1]
	n, ended := s.runLength(&c.index, s.columns+1-x)
	for ; n > 0; n-- {
		c.cur[x] = ra
		x++
	}
	if ended {
		c.cur[x] = s.interrupted(ra, c.up[x], c.index, false)
		c.index = max(c.index-1, 0)
		x++
	}
	return x
}

// pixels decodes one line of all components, sample by sample. A run is one only
// where it is one in every component (B.3).
func (s *lsScan) pixels(comps []lsLine) {
	var ctx [4]int32
	index := &comps[0].index
	for x := 1; x <= s.columns; {
		flat := true
		for k := range comps {
			up, cur := comps[k].up, comps[k].cur
			ra, rb, rc, rd := cur[x-1], up[x], up[x-1], up[x+1]
			ctx[k] = (int32(s.quantised[rd-rb+s.maxval])*9+int32(s.quantised[rb-rc+s.maxval]))*9 + int32(s.quantised[rc-ra+s.maxval])
			flat = flat && ctx[k] == 0
		}
		if !flat {
			for k := range comps {
				up, cur := comps[k].up, comps[k].cur
				cur[x] = s.regular(ctx[k], cur[x-1], up[x], up[x-1])
			}
			x++
			continue
		}
		n, ended := s.runLength(index, s.columns+1-x)
		for ; n > 0; n-- {
			for k := range comps {
				comps[k].cur[x] = comps[k].cur[x-1]
			}
			x++
		}
		if ended {
			for k := range comps {
				comps[k].cur[x] = s.interrupted(comps[k].cur[x-1], comps[k].up[x], *index, true)
			}
			*index = max(*index-1, 0)
			x++
		}
	}
}

// regular decodes a sample in context q (A.4 to A.6).
func (s *lsScan) regular(q, ra, rb, rc int32) int32 {
	sign := q >> 31
	c := &s.ctx[(q^sign)-sign]
	px := min(max(median(ra, rb, rc)+(c.c^sign)-sign, 0), s.maxval)
	k := golombParameter(c.n, c.a)
	err := c.error(s.golomb(k, s.limit), k, s.near)
	c.update(err, s.step, s.reset)
	return s.rebuild(px + ((err^sign)-sign)*s.step)
}

// median predicts a sample (A.4.1).
func median(ra, rb, rc int32) int32 {
	low, high := min(ra, rb), max(ra, rb)
	return min(max(ra+rb-rc, low), high)
}

// error maps m to an error of prediction: 0, -1, 1, -2, ... (A.5.2).
func (c *lsContext) error(m int32, k uint, near int32) int32 {
	err := m>>1 ^ -(m & 1)
	if k == 0 && near == 0 && 2*c.b <= -c.n {
		err = ^err
	}
	return err
}

// golombParameter returns the least k with n·2^k >= a (A.5.1).
func golombParameter(n, a int32) uint {
	k := max(bits.Len32(uint32(a))-bits.Len32(uint32(n)), 0) & 31
	k -= int((n<<k - a) >> 31) // one more where n·2^k is less
	return uint(min(k, 24))
}

// update adapts a context to a prediction error (A.6). Which way the bias goes is hard to
// foresee, so it is computed without a branch.
func (c *lsContext) update(err, step, reset int32) {
	b, n := c.b+err*step, c.n
	c.a += max(err, -err)
	if n == reset {
		c.a, b, n = c.a>>1, b>>1, n>>1
	}
	n++
	low, high := (b+n-1)>>31, -b>>31 // all ones where b <= -n and where b > 0
	c.b = min(max(b+n&low-n&high, 1-n), 0)
	c.c = min(max(c.c+low-high, -128), 127)
	c.n = n
}

// rebuild brings a decoded value back into range (A.4.5).
func (s *lsScan) rebuild(v int32) int32 {
	if v < -s.near {
		v += s.rng * s.step
	} else if v > s.maxval+s.near {
		v -= s.rng * s.step
	}
	return min(max(v, 0), s.maxval)
}

// golomb decodes a mapped error of parameter k (A.5.3).
func (s *lsScan) golomb(k, limit uint) int32 {
	zeros := s.bits.zeros(limit)
	if zeros < limit-s.qbpp-1 {
		return int32(zeros)<<k | s.bits.take(k)
	}
	return s.bits.take(s.qbpp) + 1
}

// runLength decodes how many samples repeat, at most left, and whether a sample
// that ends the run follows (A.7.1).
func (s *lsScan) runLength(index *int, left int) (n int, ended bool) {
	for s.bits.take(1) == 1 {
		full := 1 << runLengths[*index]
		if n+full > left {
			return left, false
		}
		n += full
		*index = min(*index+1, 31)
		if n == left {
			return n, false
		}
	}
	n += int(s.bits.take(runLengths[*index]))
	if n >= left { // only a broken stream does this
		s.bits.broken = true
		return left, false
	}
	return n, true
}

// interrupted decodes the sample that ends a run (A.7.2).
func (s *lsScan) interrupted(ra, rb int32, index int, bySample bool) int32 {
	kind := 0
	if d := ra - rb; !bySample && d <= s.near && -d <= s.near {
		kind = 1
	}
	r := &s.run[kind]
	temp := r.a
	if kind == 1 {
		temp += r.n >> 1
	}
	k := golombParameter(r.n, temp)
	m := s.golomb(k, s.limit-runLengths[index]-1)
	t := m + int32(kind)
	err := (t + 1) / 2
	if (k != 0 || 2*r.nn >= r.n) == (t&1 == 1) {
		err = -err
	}
	if err < 0 {
		r.nn++
	}
	r.a += (m + 1 - int32(kind)) >> 1
	if r.n == s.reset {
		r.a, r.n, r.nn = r.a>>1, r.n>>1, r.nn>>1
	}
	r.n++
	if kind == 1 {
		return s.rebuild(ra + err*s.step)
	}
	if ra > rb {
		err = -err
	}
	return s.rebuild(rb + err*s.step)
}
