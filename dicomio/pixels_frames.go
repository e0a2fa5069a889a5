package dicomio

import (
	"encoding/binary"
	"errors"

	"oncovox/dicomio/codec"
)

// Encapsulated transfer syntaxes that are told apart by their label. The JPEG
// families are told apart by their codestream, since labels are often wrong.
const (
	rleLossless   = "1.2.840.10008.1.2.5"
	deflatedFrame = "1.2.840.10008.1.2.8.1"
)

// encapsulated decodes frame i of compressed pixels into memory from alloc; check has
// passed.
func (in *Instance) encapsulated(i int, alloc func(n int) []byte) (Stored, error) {
	parts, err := in.framesOf()
	if err != nil {
		return Stored{}, err
	}
	src := in.join(parts[i])
	s := Stored{Kind: in.kind(), Rows: in.Rows, Columns: in.Columns, Samples: in.SamplesPerPixel}
	sh := codec.Shape{Rows: in.Rows, Columns: in.Columns, Samples: in.SamplesPerPixel, Bytes: (in.BitsAllocated + 7) / 8}
	if !in.Signed && in.HighBit == in.BitsStored-1 {
		sh.Bits = in.BitsStored
	}
	packed := in.BitsAllocated == 1 && (in.TransferSyntax == rleLossless || in.TransferSyntax == deflatedFrame)
	if packed { // eight pixels a byte
		sh.Rows, sh.Columns = 1, (in.frameBits()+7)/8
		sh.Samples = 1
	}
	dst := alloc(sh.Len())
	if err := in.decode(dst, src, sh); err != nil {
		switch {
		case errors.Is(err, codec.ErrUnsupported):
			return s, &Error{Reason: UnsupportedTransferSyntax, Detail: "frame", Err: err}
		default:
			return s, &Error{Reason: BadPixelData, Detail: "frame", Err: err}
		}
	}
	if packed {
		s.Data = unpackBits(dst, 0, in.frameBits(), false)
	} else {
		s.Data = in.usedBits(dst)
	}
	return s, nil
}

// decode picks the codec by the codestream, or by the label where the bytes do
// not tell.
func (in *Instance) decode(dst, src []byte, sh codec.Shape) error {
	switch {
	case in.TransferSyntax == rleLossless:
		return codec.RLE(dst, src, sh)
	case in.TransferSyntax == deflatedFrame:
		if err := codec.Deflate(dst, src); err != nil {
			return err
		}
		if in.PlanarConfiguration == 1 && sh.Samples > 1 {
			copy(dst, interleave(dst, sh.Samples, sh.Bytes))
		}
		return nil
	}
	return codec.Decode(dst, src, sh)
}

// join returns the bytes of the fragments parts as one; a single one is not copied.
func (in *Instance) join(parts []span) []byte {
	if len(parts) == 1 {
		return in.data[parts[0].from:parts[0].to]
	}
	var b []byte
	for _, p := range parts {
		b = append(b, in.data[p.from:p.to]...)
	}
	return b
}

// framesOf says which fragments make up each frame: by the offset tables if they
// fit, else one each, else by where codestreams start (PS3.5 annex A.4).
func (in *Instance) framesOf() ([][]span, error) {
	px := in.pixels
	n := in.Frames
	if n == 1 {
		return [][]span{px.fragments}, nil
	}
	if starts := in.tableStarts(px.eot, 8); len(starts) == n {
		return cut(px.fragments, starts), nil
	}
	if starts := in.tableStarts(px.bot, 4); len(starts) == n {
		return cut(px.fragments, starts), nil
	}
	starts := make([]int, 0, n)
	for k, f := range px.fragments {
		if len(px.fragments) == n || in.startsFrame(in.data[f.from:f.to]) {
			starts = append(starts, k)
		}
	}
	if len(starts) != n || starts[0] != 0 {
		return nil, refuse(BadPixelData, "%d frames in %d fragments, and no telling which is which", n, len(px.fragments))
	}
	return cut(px.fragments, starts), nil
}

// cut splits fragments before each index in starts.
func cut(fragments []span, starts []int) [][]span {
	frames := make([][]span, len(starts))
	for i, from := range starts {
		to := len(fragments)
		if i+1 < len(starts) {
			to = starts[i+1]
		}
		frames[i] = fragments[from:to]
	}
	return frames
}

// tableStarts reads an offset table with entries of size bytes and returns the
// fragment that each frame starts with, or nil unless every offset is that of a
// fragment and they ascend from the first. Offsets count from the first fragment's tag.
func (in *Instance) tableStarts(table span, size int) []int {
	px := in.pixels
	if table.len() < size || table.len()%size != 0 {
		return nil
	}
	var starts []int
	k := 0
	for b := in.data[table.from:table.to]; len(b) >= size; b = b[size:] {
		offset := uint64(binary.LittleEndian.Uint32(b))
		if size == 8 {
			offset = binary.LittleEndian.Uint64(b)
		}
		for k < len(px.fragments) && uint64(px.fragments[k].from-px.fragments[0].from) < offset {
			k++
		}
		if k == len(px.fragments) || uint64(px.fragments[k].from-px.fragments[0].from) != offset {
			return nil
		}
		if len(starts) > 0 && starts[len(starts)-1] == k || len(starts) == 0 && k != 0 {
			return nil
		}
		starts = append(starts, k)
	}
	return starts
}

// startsFrame reports whether a fragment begins as a codestream does.
func (in *Instance) startsFrame(b []byte) bool {
	if in.TransferSyntax == rleLossless {
		return len(b) >= 64 && binary.LittleEndian.Uint32(b) == uint32(in.SamplesPerPixel*in.BitsAllocated/8) &&
			binary.LittleEndian.Uint32(b[4:]) == 64
	}
	return codec.Starts(b)
}
