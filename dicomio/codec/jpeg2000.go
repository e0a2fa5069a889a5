package codec

import (
	"bytes"
	"encoding/binary"
)

// JPEG2000 decodes a JPEG 2000 codestream (ITU-T T.800), reversible or
// irreversible, or a high-throughput one (ITU-T T.814) without placeholder passes, bare or in its JP2 wrapping, into dst, of s.Len() bytes. The colour
// transform of the codestream is undone; samples are otherwise as they are coded.
// A codestream that ends early is refused, though the format would allow to show
// what there is: a blurred slice must not pass for a scan. Subsampled components, packed packet
// headers, changes of progression order and code-blocks of both kinds in one component give
// ErrUnsupported.
func JPEG2000(dst, src []byte, s Shape) error {
	mustFit("JPEG2000", dst, s)
	start := bytes.Index(src, []byte{0xff, mSOC, 0xff, mSIZ})
	if start < 0 {
		return bad("jpeg 2000: no codestream")
	}
	d := &j2kDecoder{src: src[start:], shape: s, dst: dst, parts: map[int][][]byte{}, tiles: map[int]*j2kParams{}}
	if err := d.markers(); err != nil {
		return err
	}
	return d.decodeTiles()
}

// Markers of T.800 table A.1.
const (
	mSOC = 0x4f
	mSIZ = 0x51
	mCOD = 0x52
	mCOC = 0x53
	mQCD = 0x5c
	mQCC = 0x5d
	mRGN = 0x5e
	mPOC = 0x5f
	mPPM = 0x60
	mPPT = 0x61
	mCAP = 0x50
	mSOT = 0x90
	mSOP = 0x91
	mEPH = 0x92
	mSOD = 0x93
	mEOC = 0xd9
)

// highThroughputPart is the bit of part 15 in the capabilities (T.814 A.3).
const highThroughputPart = 1 << 17

// A j2kDecoder holds what the main header says and the bytes of each tile.
type j2kDecoder struct {
	src   []byte
	pos   int
	shape Shape
	dst   []byte

	x0, y0, x1, y1     int // image area on the reference grid
	tw, th, tx0, ty0   int // tile size and the first tile's place
	precision          []int
	signed             []bool
	main               *j2kParams
	parts              map[int][][]byte   // packets, by tile
	tiles              map[int]*j2kParams // parameters of tiles that have their own
	tilesWide, tilesHi int
}

// markers reads the main header and finds the tile-parts.
func (d *j2kDecoder) markers() error {
	d.pos = 2
	for d.pos+2 <= len(d.src) {
		m := d.src[d.pos+1]
		if d.src[d.pos] != 0xff {
			return bad("jpeg 2000: no marker at %d", d.pos)
		}
		d.pos += 2
		if m == mEOC {
			break
		}
		seg, err := d.segment()
		if err != nil {
			return err
		}
		if m == mSOT {
			if err := d.tilePart(seg); err != nil {
				return err
			}
			continue
		}
		if m != mSIZ && d.main == nil {
			return bad("jpeg 2000: marker %#x before the size", m)
		}
		if err := d.parameter(m, seg, d.main); err != nil {
			return err
		}
	}
	if d.main == nil || len(d.parts) == 0 {
		return bad("jpeg 2000: no tiles")
	}
	return nil
}

func (d *j2kDecoder) segment() ([]byte, error) {
	if d.pos+2 > len(d.src) {
		return nil, bad("jpeg 2000: ends in a marker segment")
	}
	n := int(binary.BigEndian.Uint16(d.src[d.pos:]))
	if n < 2 || d.pos+n > len(d.src) {
		return nil, bad("jpeg 2000: marker segment of %d bytes", n)
	}
	seg := d.src[d.pos+2 : d.pos+n]
	d.pos += n
	return seg, nil
}

// tilePart reads the header of a tile-part (A.4.2) and keeps its packets.
func (d *j2kDecoder) tilePart(seg []byte) error {
	if d.main == nil || len(seg) < 8 {
		return bad("jpeg 2000: tile-part header")
	}
	tile, length := int(binary.BigEndian.Uint16(seg)), int(binary.BigEndian.Uint32(seg[2:]))
	if tile >= d.tilesWide*d.tilesHi {
		return bad("jpeg 2000: tile %d of %d", tile, d.tilesWide*d.tilesHi)
	}
	end := d.pos - 12 + length
	switch {
	case length == 0: // up to the end
		end = len(d.src)
	case end > len(d.src) || end < d.pos:
		return bad("jpeg 2000: tile-part of %d bytes", length)
	}
	params := d.main
	if p := d.tiles[tile]; p != nil {
		params = p
	}
	for d.pos+2 <= end {
		m := d.src[d.pos+1]
		if d.src[d.pos] != 0xff {
			return bad("jpeg 2000: no marker at %d", d.pos)
		}
		d.pos += 2
		if m == mSOD {
			d.parts[tile] = append(d.parts[tile], d.src[d.pos:end])
			d.pos = end
			return nil
		}
		seg, err := d.segment()
		if err != nil {
			return err
		}
		if params == d.main {
			params = d.main.clone()
			d.tiles[tile] = params
		}
		if err := d.parameter(m, seg, params); err != nil {
			return err
		}
	}
	d.pos = end
	return nil
}

// parameter reads one marker segment into p.
func (d *j2kDecoder) parameter(m byte, seg []byte, p *j2kParams) error {
	switch m {
	case mSIZ:
		return d.size(seg)
	case mCOD:
		return p.cod(seg)
	case mCOC, mQCC, mRGN:
		return p.component(m, seg)
	case mQCD:
		var q j2kCoding
		if err := q.quantisation(seg); err != nil {
			return err
		}
		for k := range p.comps {
			if !p.comps[k].ownQuant {
				p.comps[k].takeQuant(&q)
			}
		}
	case mCAP:
		if len(seg) < 4 || binary.BigEndian.Uint32(seg)&^highThroughputPart != 0 {
			return unsupported("jpeg 2000: capabilities beyond parts 1 and 15")
		}
	case mPOC, mPPM, mPPT:
		return unsupported("jpeg 2000: marker %#x", m)
	}
	return nil
}

// size reads the image and tile size (A.5.1) and compares them with the shape.
func (d *j2kDecoder) size(seg []byte) error {
	if len(seg) < 36 || d.main != nil {
		return bad("jpeg 2000: size segment")
	}
	u := func(k int) int { return int(binary.BigEndian.Uint32(seg[k:])) }
	d.x1, d.y1, d.x0, d.y0 = u(2), u(6), u(10), u(14)
	d.tw, d.th, d.tx0, d.ty0 = u(18), u(22), u(26), u(30)
	n := int(binary.BigEndian.Uint16(seg[34:]))
	if d.x1-d.x0 != d.shape.Columns || d.y1-d.y0 != d.shape.Rows || n != d.shape.Samples || len(seg) < 36+3*n {
		return bad("jpeg 2000: %d x %d x %d, want %d x %d x %d", d.y1-d.y0, d.x1-d.x0, n, d.shape.Rows, d.shape.Columns, d.shape.Samples)
	}
	if d.x1 >= 1<<31 || d.y1 >= 1<<31 || d.tw < 1 || d.th < 1 || d.tx0 > d.x0 || d.ty0 > d.y0 || d.tx0+d.tw <= d.x0 || d.ty0+d.th <= d.y0 {
		return bad("jpeg 2000: tiles")
	}
	d.tilesWide, d.tilesHi = ceilDiv(d.x1-d.tx0, d.tw), ceilDiv(d.y1-d.ty0, d.th)
	for k := range n {
		c := seg[36+3*k:]
		prec := int(c[0]&0x7f) + 1
		if prec > 8*d.shape.Bytes || prec > 24 {
			return bad("jpeg 2000: %d bits a sample in %d bytes", prec, d.shape.Bytes)
		}
		if c[1] != 1 || c[2] != 1 {
			return unsupported("jpeg 2000: subsampled components")
		}
		d.precision, d.signed = append(d.precision, prec), append(d.signed, c[0]&0x80 != 0)
	}
	d.main = &j2kParams{comps: make([]j2kCoding, n)}
	return nil
}
