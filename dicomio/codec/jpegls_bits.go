package codec

import (
	"encoding/binary"
	"math/bits"
)

// lsBits reads the bits of a JPEG-LS scan: after a byte FF, the next byte holds
// only seven (T.87 A.1). Past the end or a marker it gives zeros.
type lsBits struct {
	src    []byte
	pos    int
	acc    uint64 // next bits, from the top
	n      uint   // how many of them are valid
	after  bool   // the last byte taken was FF
	stuck  uint   // bits made up
	broken bool
}

func (b *lsBits) fill() {
	if b.n <= 32 && !b.after && b.pos+4 <= len(b.src) {
		if v := binary.BigEndian.Uint32(b.src[b.pos:]); noFF(v) {
			b.acc |= uint64(v) << (32 - b.n)
			b.n += 32
			b.pos += 4
		}
	}
	for b.n <= 56 {
		if b.pos >= len(b.src) || b.after && b.src[b.pos] >= 0x80 || b.src[b.pos] == 0xff && b.marker() {
			b.stuck += 8
			b.n += 8
			continue
		}
		c, width := b.src[b.pos], uint(8)
		if b.after {
			width = 7
		}
		b.acc |= uint64(c) << (64 - width - b.n)
		b.n += width
		b.after = c == 0xff
		b.pos++
	}
}

// marker reports whether the FF at pos begins a marker.
func (b *lsBits) marker() bool { return b.pos+1 >= len(b.src) || b.src[b.pos+1] >= 0x80 }

// take returns the next n bits, n at most 24.
func (b *lsBits) take(n uint) int32 {
	if b.n < n {
		b.fill()
	}
	v := b.acc >> 1 >> (63 - n)
	b.acc <<= n
	b.n -= n
	return int32(v)
}

// zeros counts the zeros before the next one, at most limit, and passes it.
func (b *lsBits) zeros(limit uint) uint {
	count := uint(0)
	for {
		if b.n == 0 {
			b.fill()
		}
		z := uint(bits.LeadingZeros64(b.acc))
		if z < b.n {
			count += z
			b.acc <<= z + 1
			b.n -= z + 1
			return min(count, limit)
		}
		count += b.n
		b.acc, b.n = 0, 0
		if count > limit {
			b.broken = true
			return limit
		}
	}
}

// over reports whether the scan has ended before its image.
func (b *lsBits) over() bool { return b.broken || b.stuck > b.n }

// resume returns where the markers go on.
func (b *lsBits) resume() int { return max(b.pos-1, 0) }
