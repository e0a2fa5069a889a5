package codec

// JPEG decodes a JPEG codestream (ITU-T T.81) into dst, of s.Len() bytes: the
// baseline, extended (8 and 12 bits), progressive and lossless processes, with Huffman
// coding. Samples are left in the colours they are coded in; chroma that is
// stored at half the resolution is brought to full size with the triangle filter
// that libjpeg uses by default. Arithmetic coding and the hierarchical processes give
// ErrUnsupported.
func JPEG(dst, src []byte, s Shape) error {
	mustFit("JPEG", dst, s)
	d := &jpegDecoder{src: src, shape: s}
	if err := d.markers(); err != nil {
		return err
	}
	return d.output(dst)
}

// Markers of T.81 table B.1.
const (
	mSOF0 = 0xc0 // baseline
	mSOF1 = 0xc1 // extended sequential
	mSOF2 = 0xc2 // progressive
	mSOF3 = 0xc3 // lossless
	mDHT  = 0xc4
	mDAC  = 0xcc
	mRST0 = 0xd0
	mRST7 = 0xd7
	mSOI  = 0xd8
	mEOI  = 0xd9
	mSOS  = 0xda
	mDQT  = 0xdb
	mDRI  = 0xdd
)

// A jpegDecoder holds the tables and planes of one codestream.
type jpegDecoder struct {
	src   []byte
	pos   int
	shape Shape

	process   byte // marker of the frame header, 0 before it
	precision int  // bits of a sample
	restart   int  // MCUs between restart markers, 0 for none
	shift     uint // point transform of the lossless process
	comps     []jpegComp
	hmax      int
	vmax      int
	quant     [4][64]int32 // in zigzag order
	dc, ac    [4]*huffman
	scans     int
}

// A jpegComp is one component: its sampling and its plane.
type jpegComp struct {
	id     byte
	h, v   int // sampling factors
	tq     byte
	wide   int      // blocks in a row, padded to whole MCUs
	high   int      // rows of blocks, padded
	plane  []uint16 // samples: wide·8 a row for DCT, Columns for lossless
	coeffs []int16  // progressive only: 64 a block, zigzag order
	done   bool
}

// markers goes through the marker segments up to the end of the image.
func (d *jpegDecoder) markers() error {
	for {
		m, ok := d.nextMarker()
		if !ok && d.process == mSOF2 { // only the end tells that no scan is missing
			return bad("jpeg: no end of image")
		}
		if !ok || m == mEOI {
			return d.finish()
		}
		if m == mSOI || m >= mRST0 && m <= mRST7 || m == 0x01 {
			continue
		}
		seg, err := d.segment()
		if err != nil {
			if d.complete() && d.process != mSOF2 { // garbage after the last scan
				return d.finish()
			}
			return err
		}
		switch {
		case m == mDQT:
			err = d.quantTables(seg)
		case m == mDHT:
			err = d.huffmanTables(seg)
		case m == mDRI && len(seg) >= 2:
			d.restart = int(seg[0])<<8 | int(seg[1])
		case m >= mSOF0 && m <= mSOF3:
			err = d.frame(m, seg)
		case m > mSOF3 && m <= 0xcf && m != 0xc8:
			err = unsupported("jpeg: process %#x (arithmetic or hierarchical)", m)
		case m == mSOS:
			err = d.scan(seg)
		}
		if err != nil {
			return err
		}
	}
}

// nextMarker finds the next marker and moves past it; fill bytes and entropy-coded
// rests are skipped.
func (d *jpegDecoder) nextMarker() (byte, bool) {
	for ; d.pos+1 < len(d.src); d.pos++ {
		if m := d.src[d.pos+1]; d.src[d.pos] == 0xff && m != 0 && m != 0xff {
			d.pos += 2
			return m, true
		}
	}
	return 0, false
}

// segment returns the contents of the segment whose length is next.
func (d *jpegDecoder) segment() ([]byte, error) {
	if d.pos+2 > len(d.src) {
		return nil, bad("jpeg: ends in a marker segment")
	}
	n := int(d.src[d.pos])<<8 | int(d.src[d.pos+1])
	if n < 2 || d.pos+n > len(d.src) {
		return nil, bad("jpeg: marker segment of %d bytes", n)
	}
	seg := d.src[d.pos+2 : d.pos+n]
	d.pos += n
	return seg, nil
}

func (d *jpegDecoder) quantTables(seg []byte) error {
	for len(seg) > 0 {
		id, size := seg[0]&15, 1+int(seg[0]>>4)
		if id > 3 || size > 2 || len(seg) < 1+64*size {
			return bad("jpeg: quantisation table")
		}
		for k := range 64 {
			if size == 1 {
				d.quant[id][k] = int32(seg[1+k])
			} else {
				d.quant[id][k] = int32(seg[1+2*k])<<8 | int32(seg[2+2*k])
			}
		}
		seg = seg[1+64*size:]
	}
	return nil
}

func (d *jpegDecoder) huffmanTables(seg []byte) error {
	for len(seg) > 0 {
		if len(seg) < 17 {
			return bad("jpeg: Huffman table")
		}
		class, id, n := seg[0]>>4, seg[0]&15, 0
		for _, c := range seg[1:17] {
			n += int(c)
		}
		if class > 1 || id > 3 || len(seg) < 17+n {
			return bad("jpeg: Huffman table")
		}
		h, err := newHuffman(seg[1:17], seg[17:17+n])
		if err != nil {
			return err
		}
		if class == 0 {
			d.dc[id] = h
		} else {
			d.ac[id] = h
		}
		seg = seg[17+n:]
	}
	return nil
}

// frame reads a frame header and compares it with the shape, which alone
// decides what is allocated.
func (d *jpegDecoder) frame(m byte, seg []byte) error {
	if d.process != 0 {
		return bad("jpeg: two frame headers")
	}
	if len(seg) < 6 || len(seg) < 6+3*int(seg[5]) {
		return bad("jpeg: frame header")
	}
	rows, columns, n := int(seg[1])<<8|int(seg[2]), int(seg[3])<<8|int(seg[4]), int(seg[5])
	d.process, d.precision = m, int(seg[0])
	if rows == 0 { // to be told by a DNL marker: the header knows
		rows = d.shape.Rows
	}
	if rows != d.shape.Rows || columns != d.shape.Columns || n != d.shape.Samples {
		return bad("jpeg: %d x %d x %d, want %d x %d x %d", rows, columns, n, d.shape.Rows, d.shape.Columns, d.shape.Samples)
	}
	if d.precision < 2 || d.precision > 8*d.shape.Bytes || d.precision > 16 || m != mSOF3 && d.precision != 8 && d.precision != 12 {
		return bad("jpeg: %d bits a sample in %d bytes", d.precision, d.shape.Bytes)
	}
	for k := range n {
		c := seg[6+3*k:]
		d.comps = append(d.comps, jpegComp{id: c[0], h: int(c[1] >> 4), v: int(c[1] & 15), tq: c[2] & 3})
		if d.comps[k].h < 1 || d.comps[k].h > 4 || d.comps[k].v < 1 || d.comps[k].v > 4 {
			return bad("jpeg: sampling factors")
		}
		d.hmax, d.vmax = max(d.hmax, d.comps[k].h), max(d.vmax, d.comps[k].v)
	}
	return d.planes()
}

// planes allocates: at most 4 times the frame for DCT padding of tiny frames is
// bounded by one MCU in each direction.
func (d *jpegDecoder) planes() error {
	if len(d.comps) == 1 { // factors of a lone component mean nothing
		d.comps[0].h, d.comps[0].v, d.hmax, d.vmax = 1, 1, 1, 1
	}
	mcusX, mcusY := ceilDiv(d.shape.Columns, 8*d.hmax), ceilDiv(d.shape.Rows, 8*d.vmax)
	for k := range d.comps {
		c := &d.comps[k]
		if d.process == mSOF3 {
			if c.h != d.hmax || c.v != d.vmax {
				return unsupported("jpeg: lossless with subsampled components")
			}
			c.plane = make([]uint16, d.shape.Rows*d.shape.Columns)
			continue
		}
		c.wide, c.high = mcusX*c.h, mcusY*c.v
		c.plane = make([]uint16, c.wide*c.high*64)
		if d.process == mSOF2 {
			c.coeffs = make([]int16, c.wide*c.high*64)
		}
	}
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// complete reports whether every component has been decoded.
func (d *jpegDecoder) complete() bool {
	for _, c := range d.comps {
		if !c.done {
			return false
		}
	}
	return len(d.comps) > 0
}

// finish brings progressive coefficients to samples.
func (d *jpegDecoder) finish() error {
	if !d.complete() {
		return bad("jpeg: ends before all components")
	}
	if d.process != mSOF2 {
		return nil
	}
	var block [64]int32
	for k := range d.comps {
		c := &d.comps[k]
		for b := range c.wide * c.high {
			q := &d.quant[c.tq]
			for z := range 64 {
				block[unzigzag[z]] = int32(c.coeffs[64*b+z]) * q[z]
			}
			d.transform(c, b, &block)
		}
	}
	return nil
}

// transform writes the samples of block b into the plane of c.
func (d *jpegDecoder) transform(c *jpegComp, b int, block *[64]int32) {
	stride := 8 * c.wide
	idct(block, d.precision, d.shape.top(d.precision), c.plane[b/c.wide*8*stride+b%c.wide*8:], stride)
}
