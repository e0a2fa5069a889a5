package codec

// Markers of JPEG-LS (ITU-T T.87 annex C).
const (
	mSOF55 = 0xf7
	mLSE   = 0xf8
	mAPP8  = 0xe8
)

// isJPEGLS reports whether the first frame header of b is that of JPEG-LS.
func isJPEGLS(b []byte) bool {
	d := jpegDecoder{src: b}
	for {
		m, ok := d.nextMarker()
		switch {
		case !ok || m == mSOS || m >= mSOF0 && m <= mSOF3:
			return false
		case m == mSOF55:
			return true
		case m == mSOI:
			continue
		}
		if _, err := d.segment(); err != nil {
			return false
		}
	}
}

// JPEGLS decodes a JPEG-LS codestream (ITU-T T.87), lossless or near-lossless, in
// any interleave, into dst, of s.Len() bytes. Mapping tables, colour transforms
// and restart intervals give ErrUnsupported.
func JPEGLS(dst, src []byte, s Shape) error {
	mustFit("JPEGLS", dst, s)
	d := &lsDecoder{jpegDecoder: jpegDecoder{src: src, shape: s}, dst: dst}
	for {
		m, ok := d.nextMarker()
		if !ok || m == mEOI {
			break
		}
		if m == mSOI {
			continue
		}
		seg, err := d.segment()
		if err != nil {
			if d.complete() {
				break
			}
			return err
		}
		switch m {
		case mSOF55:
			err = d.header(seg)
		case mLSE:
			err = d.preset(seg)
		case mDRI:
			err = unsupported("jpeg-ls: restart intervals")
		case mAPP8:
			if len(seg) >= 5 && string(seg[:4]) == "mrfx" && seg[4] != 0 {
				err = unsupported("jpeg-ls: colour transform %d", seg[4])
			}
		case mSOS:
			err = d.scanLS(seg)
		}
		if err != nil {
			return err
		}
	}
	if !d.complete() {
		return bad("jpeg-ls: ends before all components")
	}
	return nil
}

// An lsDecoder holds the parameters of one codestream.
type lsDecoder struct {
	jpegDecoder
	dst     []byte
	presets [5]int // MAXVAL, T1, T2, T3, RESET; 0 for the default
}

func (d *lsDecoder) header(seg []byte) error {
	if d.process != 0 {
		return bad("jpeg-ls: two frame headers")
	}
	if len(seg) < 6 || len(seg) < 6+3*int(seg[5]) {
		return bad("jpeg-ls: frame header")
	}
	rows, columns, n := int(seg[1])<<8|int(seg[2]), int(seg[3])<<8|int(seg[4]), int(seg[5])
	d.process, d.precision = mSOF55, int(seg[0])
	if rows != d.shape.Rows || columns != d.shape.Columns || n != d.shape.Samples {
		return bad("jpeg-ls: %d x %d x %d, want %d x %d x %d", rows, columns, n, d.shape.Rows, d.shape.Columns, d.shape.Samples)
	}
	if d.precision < 2 || d.precision > 16 || d.precision > 8*d.shape.Bytes {
		return bad("jpeg-ls: %d bits a sample in %d bytes", d.precision, d.shape.Bytes)
	}
	for k := range n {
		if seg[7+3*k] != 0x11 {
			return unsupported("jpeg-ls: subsampled components")
		}
		d.comps = append(d.comps, jpegComp{id: seg[6+3*k]})
	}
	return nil
}

// preset reads the coding parameters of an LSE segment (C.2.4.1.1).
func (d *lsDecoder) preset(seg []byte) error {
	if len(seg) < 1 || seg[0] != 1 {
		return unsupported("jpeg-ls: mapping tables or oversize images")
	}
	if len(seg) < 11 {
		return bad("jpeg-ls: coding parameters")
	}
	for k := range d.presets {
		d.presets[k] = int(seg[1+2*k])<<8 | int(seg[2+2*k])
	}
	return nil
}

// scanLS reads a scan header (C.2.3) and decodes what follows.
func (d *lsDecoder) scanLS(seg []byte) error {
	if d.process == 0 || len(seg) < 1 || seg[0] < 1 || int(seg[0]) > len(d.comps) || len(seg) < 4+2*int(seg[0]) {
		return bad("jpeg-ls: scan header")
	}
	n := int(seg[0])
	var which []int
	for k := range n {
		if seg[2+2*k] != 0 {
			return unsupported("jpeg-ls: mapping tables")
		}
		for i := range d.comps {
			if d.comps[i].id == seg[1+2*k] && !d.comps[i].done {
				which = append(which, i)
				d.comps[i].done = true
				break
			}
		}
	}
	if len(which) != n {
		return bad("jpeg-ls: scan of an unknown component, or of one twice")
	}
	near, interleave, shift := int(seg[1+2*n]), seg[2+2*n], uint(seg[3+2*n]&15)
	if interleave > 2 || interleave == 0 && n != 1 {
		return bad("jpeg-ls: interleave %d of %d components", interleave, n)
	}
	s, err := d.newScan(near)
	if err != nil {
		return err
	}
	s.bits = lsBits{src: d.src, pos: d.pos}
	err = s.lines(n, interleave == 2, func(y, k int, line []int32) {
		d.put(y, which[k], line, shift)
	})
	d.pos = s.bits.resume()
	return err
}

// put writes one line of one component.
func (d *lsDecoder) put(y, k int, line []int32, shift uint) {
	n, size := d.shape.Samples, d.shape.Bytes
	o := (y*d.shape.Columns*n + k) * size
	if size == 1 {
		for _, v := range line {
			d.dst[o] = byte(v << shift)
			o += n
		}
		return
	}
	for _, v := range line {
		v <<= shift
		d.dst[o], d.dst[o+1] = byte(v), byte(v>>8)
		o += n * size
	}
}

// newScan settles the parameters of a scan (C.2.4.1.1.1 and A.2.1).
func (d *lsDecoder) newScan(near int) (*lsScan, error) {
	maxval := 1<<d.precision - 1
	if m := d.presets[0]; m > 0 && m <= maxval {
		maxval = m
	}
	if near > min(255, maxval/2) {
		return nil, bad("jpeg-ls: NEAR %d", near)
	}
	t := lsThresholds(maxval, near)
	for k := range t {
		if d.presets[1+k] != 0 {
			t[k] = d.presets[1+k]
		}
	}
	if !(near < t[0] && t[0] <= t[1] && t[1] <= t[2] && t[2] <= maxval) {
		return nil, bad("jpeg-ls: thresholds")
	}
	s := &lsScan{columns: d.shape.Columns, rows: d.shape.Rows, maxval: int32(maxval), near: int32(near), reset: 64}
	if d.presets[4] != 0 {
		s.reset = int32(d.presets[4])
	}
	if s.reset < 3 {
		return nil, bad("jpeg-ls: RESET %d", s.reset)
	}
	s.setUp(t)
	return s, nil
}

// lsThresholds returns the default T1, T2, T3.
func lsThresholds(maxval, near int) [3]int {
	clamp := func(v, low int) int {
		if v > maxval || v < low {
			return low
		}
		return v
	}
	var t [3]int
	low := near + 1
	for k, basic := range [3]int{3, 7, 21} {
		v := 0
		if maxval >= 128 {
			factor := (min(maxval, 4095) + 128) / 256
			v = factor*(basic-2-k) + 2 + k + (3+2*k)*near
		} else {
			v = max(2+k, basic/(256/(maxval+1))+(3+2*k)*near)
		}
		t[k] = clamp(v, low)
		low = t[k]
	}
	return t
}
