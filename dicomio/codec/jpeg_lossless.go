package codec

// lossless decodes a scan of the lossless process (T.81 annex H): first the
// differences of a row, then the predictions.
func (d *jpegDecoder) lossless(s *jpegScan) error {
	columns := d.shape.Columns
	if d.restart%columns != 0 {
		return bad("jpeg: restart interval of %d in rows of %d", d.restart, columns)
	}
	if int(s.al) >= d.precision {
		return bad("jpeg: point transform of %d bits", s.al)
	}
	d.shift = s.al
	for _, h := range s.dc {
		h.differences()
	}
	start := uint16(1) << (d.precision - int(s.al) - 1)
	for y := range d.shape.Rows {
		fresh := y == 0
		if d.restart > 0 && y > 0 && y*columns%d.restart == 0 {
			if err := s.bits.restart(); err != nil {
				return err
			}
			fresh = true
		}
		if err := s.differences(y, columns); err != nil {
			return err
		}
		for _, c := range s.comps {
			row := c.plane[y*columns : (y+1)*columns]
			switch {
			case fresh:
				row[0] += start
				sumLeft(row)
			default:
				up := c.plane[(y-1)*columns : y*columns]
				row[0] += up[0]
				predict(s.ss, row, up)
			}
		}
		if s.bits.over() {
			return bad("jpeg: scan ends early")
		}
	}
	return nil
}

// differences decodes row y of every component; arithmetic is modulo 2^16.
func (s *jpegScan) differences(y, columns int) error {
	if len(s.comps) == 1 {
		return s.bits.differences(s.comps[0].plane[y*columns:(y+1)*columns], s.dc[0])
	}
	for x := y * columns; x < (y+1)*columns; x++ {
		for k, c := range s.comps {
			if err := s.bits.differences(c.plane[x:x+1], s.dc[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

// differences decodes as many differences as row holds.
func (b *bitReader) differences(row []uint16, h *huffman) error {
	whole := h.whole[:1<<wholeBits]
	acc, n := b.acc, b.n
	for x := range row {
		if n < wholeBits {
			b.acc, b.n = acc, n
			b.fill()
			acc, n = b.acc, b.n
		}
		if v := whole[acc>>(n-wholeBits)&(1<<wholeBits-1)]; v != 0 {
			row[x] = uint16(v >> 16)
			n -= uint(v & 31)
			continue
		}
		b.acc, b.n = acc, n
		d, ok := b.difference(h)
		if !ok {
			return bad("jpeg: difference code")
		}
		row[x] = d
		acc, n = b.acc, b.n
	}
	b.acc, b.n = acc, n
	return nil
}

func sumLeft(row []uint16) {
	a := row[0]
	for x := 1; x < len(row); x++ {
		a += row[x]
		row[x] = a
	}
}

// predict adds to each difference but the first its prediction from the left (a), above (b)
// and above left (c); T.81 table H.1.
func predict(selection int, row, up []uint16) {
	up = up[:len(row)]
	a := row[0]
	switch selection {
	case 1:
		sumLeft(row)
	case 2:
		for x := 1; x < len(row); x++ {
			row[x] += up[x]
		}
	case 3:
		for x := 1; x < len(row); x++ {
			row[x] += up[x-1]
		}
	case 4:
		for x := 1; x < len(row); x++ {
			a += row[x] + up[x] - up[x-1]
			row[x] = a
		}
	case 5:
		for x := 1; x < len(row); x++ {
			a += row[x] + uint16((int32(up[x])-int32(up[x-1]))>>1)
			row[x] = a
		}
	case 6:
		for x := 1; x < len(row); x++ {
			a = row[x] + up[x] + uint16((int32(a)-int32(up[x-1]))>>1)
			row[x] = a
		}
	case 7:
		for x := 1; x < len(row); x++ {
			a = row[x] + uint16((int32(a)+int32(up[x]))>>1)
			row[x] = a
		}
	}
}
