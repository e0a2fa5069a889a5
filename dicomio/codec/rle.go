package codec

import "encoding/binary"

// RLE decodes a frame of the RLE transfer syntax into dst, of s.Len() bytes. Each
// byte of each sample is a segment of its own, the most significant first.
func RLE(dst, src []byte, s Shape) error {
	mustFit("RLE", dst, s)
	if len(src) < 64 {
		return bad("rle: %d bytes, less than a header", len(src))
	}
	n := s.Samples * s.Bytes
	if got := binary.LittleEndian.Uint32(src); got != uint32(n) || n > 15 {
		return bad("rle: %d segments, want %d", got, n)
	}
	for k := range n {
		from, to := uint64(binary.LittleEndian.Uint32(src[4+4*k:])), uint64(len(src))
		if k+1 < n {
			to = uint64(binary.LittleEndian.Uint32(src[8+4*k:]))
		}
		if from < 64 || to > uint64(len(src)) || from > to {
			return bad("rle: segment %d at %d to %d of %d", k, from, to, len(src))
		}
		sample, byteOf := k/s.Bytes, s.Bytes-1-k%s.Bytes
		if !packBits(dst[sample*s.Bytes+byteOf:], n, s.Rows*s.Columns, src[from:to]) {
			return bad("rle: segment %d ends early", k)
		}
	}
	return nil
}

// packBits unpacks count bytes of src into every step-th byte of dst, and
// reports whether there were as many. What src holds beyond is ignored.
func packBits(dst []byte, step, count int, src []byte) bool {
	at, end := 0, count*step
	for i := 0; at < end; {
		if i >= len(src) {
			return false
		}
		c := int(src[i])
		i++
		switch {
		case c < 128: // c+1 literal bytes
			run := src[i:min(i+c+1, len(src))]
			i += len(run)
			if step == 1 {
				at += copy(dst[at:end], run)
				continue
			}
			for _, v := range run {
				if at >= end {
					break
				}
				dst[at] = v
				at += step
			}
		case c > 128 && i < len(src): // one byte, 257-c times
			v := src[i]
			i++
			stop := min(at+(257-c)*step, end)
			for ; at < stop; at += step {
				dst[at] = v
			}
		}
	}
	return true
}
