package kernel

// blockA points the tile at the block of A. Where A cannot be read where it is, it
// is packed, each strip of rows that makes a tile by itself: one row of the strip
// after the other, or, from a transposed A or as pairs, row k as long as the tile
// is high.
func (t *gemm) blockA(s *scratch, r0, r1, kq, kb int) {
	s.tile.segs = t.zeroOffset[:]
	s.tile.k = t.units(kb)
	if t.inPlace {
		s.tile.a, s.tile.rs, s.tile.ks = t.a[kq:], t.lda, 1
		if t.transA {
			s.tile.a, s.tile.rs, s.tile.ks = t.a[kq*t.lda:], 1, t.lda
		}
		return
	}
	row := t.stripRow(kb)
	buf := s.floats(0, (r1-r0)*row+16)
	if t.transA {
		t.packTransposed(buf, r0, r1, kq, kb)
	} else {
		for r, h := r0, 0; r < r1; r += h {
			h = t.p.height(r1 - r)
			dst := buf[(r-r0)*row:]
			if t.pairs {
				t.p.transPairs(kb, h, t.a[r*t.lda+kq:], t.lda, dst, h)
				continue
			}
			for i := range h {
				copy(dst[i*row:i*row+kb], t.a[(r+i)*t.lda+kq:])
			}
		}
	}
	if t.half && !t.pairs {
		t.p.roundAll(buf[:(r1-r0)*row])
	}
	s.tile.a = buf
}

// packTransposed packs the block of a transposed A some of its rows at a time, so
// that memory is read in long runs.
func (t *gemm) packTransposed(buf []float32, r0, r1, kq, kb int) {
	const some = 16 // even
	copyTo, row := t.p.copyRows, t.stripRow(kb)
	if t.pairs {
		copyTo = t.p.copyPairs
	}
	for k := 0; k < kb; k += some {
		for r, h := r0, 0; r < r1; r += h {
			h = t.p.height(r1 - r)
			copyTo(min(some, kb-k), h, t.a[(kq+k)*t.lda+r:], t.lda, buf[(r-r0)*row+t.units(k)*h:], h)
		}
	}
}

// stripRow returns how many floats of a packed strip belong to one row of A. The
// gap also takes what the packing functions write beyond a narrow strip.
func (t *gemm) stripRow(kb int) int { return t.units(kb) + stripGap }

// strip points the tile at the strip of h rows from row r of the block at r0.
func (t *gemm) strip(s *scratch, a []float32, r0, r, h, kb int) {
	row := t.stripRow(kb)
	switch {
	case t.inPlace:
		s.tile.a = a[r*s.tile.rs:]
	case !t.transA && !t.pairs:
		s.tile.a, s.tile.rs, s.tile.ks = a[(r-r0)*row:], row, 1
	default:
		s.tile.a, s.tile.rs, s.tile.ks = a[(r-r0)*row:], 1, h
	}
}
