package codec

import "encoding/binary"

const (
	lookBits  = 10 // codes up to this length are decoded with one look-up
	wholeBits = 12 // differences up to this length, code and bits, are
)

// A huffman is a decoding table (T.81 annex C and F.2.2.3).
type huffman struct {
	look    [1 << lookBits]uint16 // length<<8 | symbol; 0 for longer codes
	whole   []uint32              // of the lossless process: difference<<16 | length; 0 for longer ones
	maxcode [17]int32             // largest code of each length, -1 for none
	offset  [17]int32             // index of its first symbol less its first code
	symbols []byte
}

func newHuffman(counts, symbols []byte) (*huffman, error) {
	h := &huffman{symbols: symbols}
	code, k := int32(0), int32(0)
	for n := 1; n <= 16; n++ {
		count := int32(counts[n-1])
		if code+count > 1<<n {
			return nil, bad("jpeg: Huffman code overflows")
		}
		h.offset[n], h.maxcode[n] = k-code, -1
		for i := int32(0); i < count && n <= lookBits; i++ {
			from := int(code+i) << (lookBits - n)
			for j := range 1 << (lookBits - n) {
				h.look[from+j] = uint16(n)<<8 | uint16(symbols[k+i])
			}
		}
		code, k = code+count, k+count
		if count > 0 {
			h.maxcode[n] = code - 1
		}
		code <<= 1
	}
	return h, nil
}

// differences makes h.whole.
func (h *huffman) differences() {
	if h.whole != nil {
		return
	}
	h.whole = make([]uint32, 1<<wholeBits)
	for v := range h.whole {
		b := bitReader{acc: uint64(v) << 16, n: wholeBits + 16}
		if d, ok := b.difference(h); ok && b.n >= 16 && b.stuck == 0 {
			h.whole[v] = uint32(d)<<16 | uint32(wholeBits+16-b.n)
		}
	}
}

// A bitReader reads entropy-coded bits, unstuffing FF 00. Past the end or a
// marker it gives zeros, and counts them, so that a broken stream ends.
type bitReader struct {
	src   []byte
	pos   int
	acc   uint64
	n     uint // valid bits in acc, the lowest
	stuck int  // bits made up
}

// fill brings at least 48 bits into acc.
func (b *bitReader) fill() {
	if b.n <= 32 && b.pos+4 <= len(b.src) {
		v := binary.BigEndian.Uint32(b.src[b.pos:])
		if noFF(v) {
			b.acc = b.acc<<32 | uint64(v)
			b.n += 32
			b.pos += 4
		}
	}
	for b.n <= 48 {
		c := byte(0)
		switch {
		case b.pos >= len(b.src):
			b.stuck += 8
		case b.src[b.pos] != 0xff:
			c = b.src[b.pos]
			b.pos++
		case b.pos+1 < len(b.src) && b.src[b.pos+1] == 0:
			c = 0xff
			b.pos += 2
		default: // a marker
			b.stuck += 8
		}
		b.acc = b.acc<<8 | uint64(c)
		b.n += 8
	}
}

// noFF reports whether no byte of v is FF: whether no byte of its complement
// is 0 (Bit Twiddling Hacks, "determine if a word has a zero byte").
func noFF(v uint32) bool {
	c := ^v
	return (c-0x01010101)&^c&0x80808080 == 0
}

// symbol decodes the next symbol, or returns -1 for a code that is none.
func (b *bitReader) symbol(h *huffman) int {
	if b.n < 16 {
		b.fill()
	}
	v := h.look[b.acc>>(b.n-lookBits)&(1<<lookBits-1)]
	if v != 0 {
		b.n -= uint(v >> 8)
		return int(v & 255)
	}
	for n := uint(lookBits + 1); n <= 16; n++ {
		code := int32(b.acc >> (b.n - n) & (1<<n - 1))
		if code <= h.maxcode[n] {
			b.n -= n
			return int(h.symbols[code+h.offset[n]])
		}
	}
	return -1
}

// bits returns the next n bits, n at most 16.
func (b *bitReader) bits(n uint) int32 {
	if b.n < n {
		b.fill()
	}
	b.n -= n
	return int32(b.acc >> b.n & (1<<n - 1))
}

// signed returns the next n bits, 1 to 16, as T.81's EXTEND makes a number of them.
func (b *bitReader) signed(n uint) int32 {
	v := b.bits(n)
	if v < 1<<(n-1) {
		v += -1<<n + 1
	}
	return v
}

// difference decodes a difference of the lossless process, modulo 2^16 (H.1.2.2).
func (b *bitReader) difference(h *huffman) (d uint16, ok bool) {
	switch t := b.symbol(h); {
	case t == 0:
		return 0, true
	case t == 16: // no more bits: the difference 32768
		return 1 << 15, true
	case t < 0 || t > 16:
		return 0, false
	default:
		return uint16(b.signed(uint(t))), true
	}
}

// over reports whether bits were used that are made up: the stream has ended.
func (b *bitReader) over() bool { return b.stuck > int(b.n) }

// restart moves past the restart marker that must follow.
func (b *bitReader) restart() error {
	b.acc, b.n, b.stuck = 0, 0, 0
	for ; b.pos+1 < len(b.src); b.pos++ {
		if b.src[b.pos] != 0xff || b.src[b.pos+1] == 0 || b.src[b.pos+1] == 0xff {
			continue
		}
		if m := b.src[b.pos+1]; m >= mRST0 && m <= mRST7 {
			b.pos += 2
			return nil
		}
		break
	}
	return bad("jpeg: restart marker missing")
}
