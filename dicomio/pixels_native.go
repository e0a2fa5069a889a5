package dicomio

import "encoding/binary"

// nativeBytes returns how many bytes of uncompressed pixels there are.
func (in *Instance) nativeBytes() int {
	n := in.pixels.span.len()
	if in.pixels.isFrag {
		n = 0
		for _, f := range in.pixels.fragments {
			n += f.len()
		}
	}
	return n
}

// native decodes frame i of uncompressed pixels; check has passed.
func (in *Instance) native(i int) (Stored, error) {
	raw := in.data[in.pixels.span.from:in.pixels.span.to]
	if in.pixels.isFrag { // undefined length, though nothing is compressed
		raw = in.join(in.pixels.fragments)
	}
	s := Stored{Kind: in.kind(), Rows: in.Rows, Columns: in.Columns, Samples: in.SamplesPerPixel}
	bits := in.frameBits()
	if in.BitsAllocated == 1 {
		s.Data = unpackBits(raw, i*bits, bits, in.wordSwapped())
		return s, nil
	}
	b := raw[i*bits/8 : (i+1)*bits/8]
	switch unit := in.BitsAllocated / 8; {
	case in.wordSwapped():
		b = unswapBytes(raw, i*bits/8, bits/8)
	case in.pixels.bigEndian && unit > 1:
		b = append([]byte(nil), b...)
		swap(b, unit)
	}
	switch {
	case in.subsampled():
		b = expand422(b, in.BitsAllocated/8)
	case in.PlanarConfiguration == 1 && in.SamplesPerPixel > 1:
		b = interleave(b, in.SamplesPerPixel, in.BitsAllocated/8)
	}
	s.Data = in.usedBits(b)
	return s, nil
}

// wordSwapped reports whether bytes are stored as 16-bit big-endian words, so
// that neighbours have changed places (PS3.5 section 8.1.1).
func (in *Instance) wordSwapped() bool {
	return in.pixels.bigEndian && in.BitsAllocated <= 8 && in.pixels.vr == vrOW
}

// unswapBytes copies n bytes from offset from of raw, whose pairs are swapped.
func unswapBytes(raw []byte, from, n int) []byte {
	out := make([]byte, n)
	for k := range out {
		if j := (from + k) ^ 1; j < len(raw) {
			out[k] = raw[j]
		}
	}
	return out
}

// unpackBits returns n bits of raw from bit from on as bytes 0 or 1, the least
// significant bit of each byte first (PS3.5 section 8.1.1).
func unpackBits(raw []byte, from, n int, swapped bool) []byte {
	out := make([]byte, n)
	flip := 0
	if swapped {
		flip = 1
	}
	for k := range out {
		bit := from + k
		if j := bit>>3 ^ flip; j < len(raw) {
			out[k] = raw[j] >> (bit & 7) & 1
		}
	}
	return out
}

// interleave turns planes into pixels: b holds one plane a sample, each value of
// size bytes.
func interleave(b []byte, samples, size int) []byte {
	out := make([]byte, len(b))
	plane := len(b) / samples
	for s := range samples {
		in := b[s*plane : (s+1)*plane]
		for k, o := 0, s*size; k < len(in); k, o = k+size, o+samples*size {
			copy(out[o:o+size], in[k:k+size])
		}
	}
	return out
}

// expand422 turns Y Y Cb Cr into Y Cb Cr, Y Cb Cr.
func expand422(b []byte, size int) []byte {
	out := make([]byte, 0, len(b)/2*3)
	for ; len(b) >= 4*size; b = b[4*size:] {
		out = append(out, b[:size]...)
		out = append(out, b[2*size:4*size]...)
		out = append(out, b[size:4*size]...)
	}
	return out
}

// usedBits returns b with every value reduced to its BitsStored bits below
// HighBit, and signs extended. Where that changes nothing, as in most files, b
// itself is returned.
func (in *Instance) usedBits(b []byte) []byte {
	if in.Float || in.BitsStored == in.BitsAllocated {
		return b
	}
	shift := in.HighBit + 1 - in.BitsStored
	if shift < 0 || in.HighBit >= in.BitsAllocated {
		shift = 0
	}
	switch in.BitsAllocated {
	case 8:
		return clean8(b, in.BitsStored, shift, in.Signed)
	case 16:
		return clean16(b, in.BitsStored, shift, in.Signed)
	}
	return cleanWide(b, in.BitsAllocated/8, in.BitsStored, shift, in.Signed)
}

func clean8(b []byte, bits, shift int, signed bool) []byte {
	up := 8 - bits
	out := b
	for i, v := range b {
		w := v >> shift << up >> up
		if signed {
			w = byte(int8(v>>shift<<up) >> up)
		}
		if w == v {
			continue
		}
		if &out[0] == &b[0] {
			out = append([]byte(nil), b...)
		}
		out[i] = w
	}
	return out
}

func clean16(b []byte, bits, shift int, signed bool) []byte {
	up := 16 - bits
	out := b
	copied := false
	for i := 0; i+1 < len(b); i += 2 {
		v := uint16(b[i]) | uint16(b[i+1])<<8
		w := v >> shift << up >> up
		if signed {
			w = uint16(int16(v>>shift<<up) >> up)
		}
		if w == v {
			continue
		}
		if !copied {
			out, copied = append([]byte(nil), b...), true
		}
		out[i], out[i+1] = byte(w), byte(w>>8)
	}
	return out
}

// cleanWide serves 32 and 64-bit values, which are rare.
func cleanWide(b []byte, size, bits, shift int, signed bool) []byte {
	out := append([]byte(nil), b...)
	up := 64 - bits
	for i := 0; i+size <= len(out); i += size {
		var v uint64
		if size == 4 {
			v = uint64(binary.LittleEndian.Uint32(out[i:]))
		} else {
			v = binary.LittleEndian.Uint64(out[i:])
		}
		w := v >> shift << up >> up
		if signed {
			w = uint64(int64(v>>shift<<up) >> up)
		}
		if size == 4 {
			binary.LittleEndian.PutUint32(out[i:], uint32(w))
		} else {
			binary.LittleEndian.PutUint64(out[i:], w)
		}
	}
	return out
}
