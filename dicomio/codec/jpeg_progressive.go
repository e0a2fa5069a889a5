package codec

// progressive decodes what one scan says of one block (T.81 annex G.1.2 and
// G.2). c is in zigzag order.
func (s *jpegScan) progressive(k int, c []int16) error {
	switch {
	case s.ss == 0 && s.ah == 0: // first bits of DC
		t := s.bits.symbol(s.dc[k])
		if t < 0 || t > 15 {
			return bad("jpeg: DC code")
		}
		if t > 0 {
			s.pred[k] += s.bits.signed(uint(t))
		}
		c[0] = int16(s.pred[k] << s.al)
		return nil
	case s.ss == 0:
		c[0] |= int16(s.bits.bits(1) << s.al)
		return nil
	case s.ah == 0:
		return s.acFirst(k, c)
	}
	return s.acRefine(k, c)
}

// acFirst decodes the first bits of a band.
func (s *jpegScan) acFirst(k int, c []int16) error {
	if s.eobrun > 0 {
		s.eobrun--
		return nil
	}
	for z := s.ss; z <= s.se; z++ {
		rs := s.bits.symbol(s.ac[k])
		if rs < 0 {
			return bad("jpeg: AC code")
		}
		run, size := rs>>4, uint(rs&15)
		if size == 0 {
			if run < 15 {
				s.eobrun = 1<<run - 1 + int(s.bits.bits(uint(run)))
				return nil
			}
			z += 15
			continue
		}
		if z += run; z > s.se {
			return bad("jpeg: AC run")
		}
		c[z] = int16(s.bits.signed(size) << s.al)
	}
	return nil
}

// acRefine adds one bit to each coefficient of a band that is known, and new
// ones in between.
func (s *jpegScan) acRefine(k int, c []int16) error {
	bit := int16(1) << s.al
	z := s.ss
	for ; z <= s.se && s.eobrun == 0; z++ {
		rs := s.bits.symbol(s.ac[k])
		if rs < 0 {
			return bad("jpeg: AC code")
		}
		run, size := rs>>4, rs&15
		fresh := int16(0)
		switch {
		case size == 1:
			fresh = -bit
			if s.bits.bits(1) == 1 {
				fresh = bit
			}
		case size != 0:
			return bad("jpeg: refinement of %d bits", size)
		case run < 15:
			s.eobrun = 1<<run + int(s.bits.bits(uint(run)))
		}
		if s.eobrun > 0 {
			break
		}
		z = s.refine(c, z, run, bit)
		if z > s.se {
			break
		}
		if fresh != 0 {
			c[z] = fresh
		}
	}
	if s.eobrun > 0 {
		s.refine(c, z, -1, bit)
		s.eobrun--
	}
	return nil
}

// refine reads a bit for every known coefficient from z on until it has passed
// run zeros and stands at the next one, and returns that place. A negative run goes to the
// end of the band.
func (s *jpegScan) refine(c []int16, z, run int, bit int16) int {
	for ; z <= s.se; z++ {
		if c[z] == 0 {
			if run == 0 {
				return z
			}
			run--
			continue
		}
		if s.bits.bits(1) == 1 && c[z]&bit == 0 {
			if c[z] > 0 {
				c[z] += bit
			} else {
				c[z] -= bit
			}
		}
	}
	return z
}
