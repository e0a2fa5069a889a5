package codec

import "encoding/binary"

// output writes the planes to dst, pixel by pixel.
func (d *jpegDecoder) output(dst []byte) error {
	rows, columns := d.shape.Rows, d.shape.Columns
	for k := range d.comps {
		c := &d.comps[k]
		stride := columns
		if d.process != mSOF3 {
			stride = 8 * c.wide
		}
		plane := c.plane
		if c.h != d.hmax || c.v != d.vmax {
			if d.hmax%c.h != 0 || d.vmax%c.v != 0 {
				return unsupported("jpeg: sampling factors %d of %d, %d of %d", c.h, d.hmax, c.v, d.vmax)
			}
			plane, stride = d.upsample(c), columns
		}
		for y := range rows {
			d.row(dst[y*columns*d.shape.Samples*d.shape.Bytes:], plane[y*stride:y*stride+columns], k)
		}
	}
	return nil
}

// row writes the samples of component k of one row.
func (d *jpegDecoder) row(dst []byte, row []uint16, k int) {
	n, o := d.shape.Samples, k*d.shape.Bytes
	switch d.shape.Bytes {
	case 1:
		for x, v := range row {
			dst[x*n+o] = byte(v << d.shift)
		}
	case 2:
		if n == 1 {
			dst = dst[:2*len(row)]
			for x, v := range row {
				binary.LittleEndian.PutUint16(dst[2*x:], v<<d.shift)
			}
			return
		}
		fallthrough
	default:
		step := n * d.shape.Bytes
		for _, v := range row {
			v <<= d.shift
			dst[o], dst[o+1] = byte(v), byte(v>>8)
			o += step
		}
	}
}

// upsample brings a plane to full size. Halved chroma goes through libjpeg's
// triangle filter, 3/4 of the nearer and 1/4 of the farther sample; other ratios
// repeat samples.
func (d *jpegDecoder) upsample(c *jpegComp) []uint16 {
	rows, columns := d.shape.Rows, d.shape.Columns
	w, h := ceilDiv(columns*c.h, d.hmax), ceilDiv(rows*c.v, d.vmax)
	fx, fy := d.hmax/c.h, d.vmax/c.v
	out := make([]uint16, rows*columns)
	at := func(y int) []uint16 { y = min(max(y, 0), h-1); return c.plane[y*8*c.wide : y*8*c.wide+w] }
	for y := range rows {
		to := out[y*columns : (y+1)*columns]
		switch {
		case fx == 2 && fy == 1 && w > 2:
			triangle(to, at(y), at(y), 4, 1, 2)
		case fx == 2 && fy == 2 && w > 2:
			near := y / 2
			far := near - 1 + y%2*2
			triangle(to, at(near), at(far), 16, 8, 7)
		default:
			from := at(y / fy)
			for x := range to {
				to[x] = from[x/fx]
			}
		}
	}
	return out
}

// triangle writes a row of twice the width. With near and far the same row, one
// direction is filtered (whole 4, roundings 1 and 2 for the left and right sample
// of a pair); with different rows, both are (whole 16, roundings 8 and 7).
func triangle(to, near, far []uint16, whole, left, right int) {
	sum := func(x int) int { // of the column, 1 or 4 parts
		if whole == 4 {
			return int(near[x])
		}
		return 3*int(near[x]) + int(far[x])
	}
	last := len(near) - 1
	for x := range to {
		k := x / 2
		s := sum(k)
		other, round := max(k-1, 0), left
		if x%2 == 1 {
			other, round = min(k+1, last), right
		}
		if other == k && whole == 4 {
			to[x] = uint16(s)
			continue
		}
		to[x] = uint16((3*s + sum(other) + round) / whole)
	}
}
