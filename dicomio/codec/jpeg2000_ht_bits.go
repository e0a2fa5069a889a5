package codec

import "encoding/binary"

// htForward reads bits from the lowest up, forwards: after a byte FF, the next holds
// seven (T.814 7.1.2). Past the end it gives bytes of fill.
type htForward struct {
	src   []byte
	acc   uint64
	n     uint
	after bool // the last byte was FF
	fill  byte
}

// need brings at least 57 bits into acc.
func (b *htForward) need() {
	for b.n <= 32 && len(b.src) >= 4 && !b.after {
		v := binary.LittleEndian.Uint32(b.src)
		if !noFF(v) {
			break
		}
		b.acc |= uint64(v) << b.n
		b.n += 32
		b.src = b.src[4:]
	}
	for b.n <= 56 {
		c := b.fill
		if len(b.src) > 0 {
			c = b.src[0]
			b.src = b.src[1:]
		}
		b.acc |= uint64(c) << b.n
		b.n += 8
		if b.after {
			b.n-- // the top bit of c is 0
		}
		b.after = c == 0xff
	}
}

// take returns the next n bits, at most 32.
func (b *htForward) take(n uint) uint32 {
	if b.n < n {
		b.need()
	}
	v := uint32(b.acc & (1<<n - 1))
	b.acc >>= n
	b.n -= n
	return v
}

// htReverse reads bits from the lowest up, backwards from the end of src: of a byte 7F or
// FF before one above 8F, seven (7.1.3). Past the beginning it gives zeros, and counts them.
type htReverse struct {
	src   []byte
	acc   uint64
	n     uint
	after bool // the last byte was above 8F
	stuck uint // bits made up
}

// need brings at least 57 bits into acc.
func (b *htReverse) need() {
	for b.n <= 56 {
		c := byte(0)
		if k := len(b.src) - 1; k >= 0 {
			c = b.src[k]
			b.src = b.src[:k]
		} else {
			b.stuck += 8
		}
		b.acc |= uint64(c) << b.n
		b.n += 8
		if b.after && c&0x7f == 0x7f {
			b.acc &^= 1 << (b.n - 1)
			b.n--
		}
		b.after = c > 0x8f
	}
}

// skip passes n bits that are in acc.
func (b *htReverse) skip(n uint) {
	b.acc >>= n
	b.n -= n
}

// over reports whether bits were used that are made up.
func (b *htReverse) over() bool { return b.stuck > b.n }

// An htRuns decodes the events of the adaptive run-length code MEL (7.3.3).
type htRuns struct {
	src   []byte
	acc   uint64 // next bits, from the top
	n     uint
	after bool // the last byte was FF
	k     int  // state
	zeros int  // events 0 that come next
	one   bool // whether an event 1 follows them
}

var htRunBits = [13]uint{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5}

// event returns the next event.
func (b *htRuns) event() bool {
	if b.zeros == 0 && !b.one {
		b.run()
	}
	if b.zeros > 0 {
		b.zeros--
		return false
	}
	b.one = false
	return true
}

func (b *htRuns) run() {
	for b.n <= 48 { // ones past the end
		c, width := byte(0xff), uint(8)
		if len(b.src) > 0 {
			c = b.src[0]
			b.src = b.src[1:]
		}
		if b.after {
			width = 7
			c &= 0x7f
		}
		b.acc |= uint64(c) << (64 - width - b.n)
		b.n += width
		b.after = c == 0xff
	}
	e := htRunBits[b.k]
	if b.acc>>63 == 1 {
		b.zeros, b.one = 1<<e, false
		b.k = min(b.k+1, 12)
		b.acc <<= 1
		b.n--
		return
	}
	b.zeros, b.one = int(b.acc<<1>>1>>(63-e)), true
	b.k = max(b.k-1, 0)
	b.acc <<= e + 1
	b.n -= e + 1
}
