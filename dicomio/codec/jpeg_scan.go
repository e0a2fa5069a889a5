package codec

// A jpegScan is one scan: its components, and for progressive ones its band.
type jpegScan struct {
	comps  []*jpegComp
	dc, ac []*huffman // by component
	ss, se int        // first and last coefficient; ss is the predictor when lossless
	ah, al uint       // bits known before and after; al is the point transform when lossless
	bits   bitReader
	pred   [4]int32 // DC of the block before, by component
	eobrun int      // progressive: blocks still to skip
}

// scan reads a scan header and decodes what follows.
func (d *jpegDecoder) scan(seg []byte) error {
	if d.process == 0 {
		return bad("jpeg: scan before its frame header")
	}
	d.scans++
	if d.scans > 256 { // a progressive image of 4 components and 16 bits has fewer
		return bad("jpeg: too many scans")
	}
	s, err := d.scanHeader(seg)
	if err != nil {
		return err
	}
	s.bits = bitReader{src: d.src, pos: d.pos}
	if d.process == mSOF3 {
		err = d.lossless(s)
	} else {
		err = d.blocks(s)
	}
	d.pos = s.bits.pos
	for _, c := range s.comps {
		c.done = true
	}
	return err
}

func (d *jpegDecoder) scanHeader(seg []byte) (*jpegScan, error) {
	if len(seg) < 1 || seg[0] < 1 || seg[0] > 4 || len(seg) < 4+2*int(seg[0]) {
		return nil, bad("jpeg: scan header")
	}
	n := int(seg[0])
	s := &jpegScan{}
	for k := range n {
		id, tables := seg[1+2*k], seg[2+2*k]
		for i := range d.comps {
			if d.comps[i].id == id {
				s.comps = append(s.comps, &d.comps[i])
				break
			}
		}
		s.dc, s.ac = append(s.dc, d.dc[tables>>4&3]), append(s.ac, d.ac[tables&3])
	}
	if len(s.comps) != n {
		return nil, bad("jpeg: scan of an unknown component")
	}
	rest := seg[1+2*n:]
	s.ss, s.se, s.ah, s.al = int(rest[0]), int(rest[1]), uint(rest[2]>>4), uint(rest[2]&15)
	return s, s.check(d.process)
}

// check refuses scans that lack a table or make no sense.
func (s *jpegScan) check(process byte) error {
	switch process {
	case mSOF3:
		s.se = 0
		if s.ss < 1 || s.ss > 7 {
			return bad("jpeg: predictor %d", s.ss)
		}
	case mSOF2:
		if s.ss > s.se || s.se > 63 || s.ss == 0 && s.se != 0 || s.ss > 0 && len(s.comps) != 1 || s.al > 13 || s.ah > 13 {
			return bad("jpeg: progressive scan %d to %d", s.ss, s.se)
		}
	default:
		s.ss, s.se, s.ah, s.al = 0, 63, 0, 0
	}
	for k := range s.comps {
		if s.dc[k] == nil && (process == mSOF3 || s.ss == 0 && s.ah == 0) || s.ac[k] == nil && process != mSOF3 && s.se > 0 {
			return bad("jpeg: scan without its Huffman table")
		}
	}
	return nil
}

// blocks decodes the blocks of a DCT scan, MCU by MCU (T.81 annex A.2).
func (d *jpegDecoder) blocks(s *jpegScan) error {
	if len(s.comps) == 1 { // not interleaved: a block is an MCU, and padding is not coded
		c := s.comps[0]
		wide := ceilDiv(ceilDiv(d.shape.Columns*c.h, d.hmax), 8)
		high := ceilDiv(ceilDiv(d.shape.Rows*c.v, d.vmax), 8)
		return d.mcus(s, wide*high, func(m int) error {
			return d.block(s, 0, m/wide*c.wide+m%wide)
		})
	}
	wide, high := ceilDiv(d.shape.Columns, 8*d.hmax), ceilDiv(d.shape.Rows, 8*d.vmax)
	return d.mcus(s, wide*high, func(m int) error {
		for k, c := range s.comps {
			for v := range c.v {
				for h := range c.h {
					if err := d.block(s, k, (m/wide*c.v+v)*c.wide+m%wide*c.h+h); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// mcus calls decode for n MCUs and keeps to the restart interval.
func (d *jpegDecoder) mcus(s *jpegScan, n int, decode func(m int) error) error {
	for m := range n {
		if d.restart > 0 && m > 0 && m%d.restart == 0 {
			if err := s.bits.restart(); err != nil {
				return err
			}
			s.pred, s.eobrun = [4]int32{}, 0
		}
		if err := decode(m); err != nil {
			return err
		}
		if s.bits.over() {
			return bad("jpeg: scan ends early")
		}
	}
	return nil
}

// block decodes block b of component k of the scan.
func (d *jpegDecoder) block(s *jpegScan, k, b int) error {
	c := s.comps[k]
	if d.process == mSOF2 {
		return s.progressive(k, c.coeffs[64*b:64*b+64:64*b+64])
	}
	var block [64]int32
	q := &d.quant[c.tq]
	t := s.bits.symbol(s.dc[k])
	if t < 0 || t > 15 {
		return bad("jpeg: DC code")
	}
	if t > 0 {
		s.pred[k] += s.bits.signed(uint(t))
	}
	block[0] = s.pred[k] * q[0]
	for z := 1; z < 64; z++ {
		rs := s.bits.symbol(s.ac[k])
		if rs < 0 {
			return bad("jpeg: AC code")
		}
		run, size := rs>>4, uint(rs&15)
		if size == 0 {
			if run != 15 {
				break
			}
			z += 15
			continue
		}
		if z += run; z > 63 {
			return bad("jpeg: AC run")
		}
		block[unzigzag[z]] = s.bits.signed(size) * q[z]
	}
	d.transform(c, b, &block)
	return nil
}

// unzigzag is the place, row by row, of coefficient z (T.81 figure A.6).
var unzigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}
