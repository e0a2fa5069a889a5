package dicomio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"runtime"

	"github.com/ulikunitz/xz/lzma"
)

// Bounds of an xz file; xz -9 uses a dictionary of 64 MiB.
const (
	xzMaxDict  = 128 << 20
	xzMaxAhead = 64 << 20 // larger blocks are decoded as a stream, not ahead
)

var errXZ = errors.New("damaged xz data")

// An xzReader reads an xz file (The .xz File Format 1.2.1). The container is
// read here and not by the library, so that a header cannot claim a dictionary
// of 4 GiB, and so that blocks that state their sizes, as those of xz -T do, are
// decoded on all cores. Only the filter LZMA2 is read.
type xzReader struct {
	r     *bufio.Reader
	pos   int64            // bytes taken from r
	check byte             // how blocks are checked
	next  *xzBlock         // a block whose header has been read
	ahead []chan xzDecoded // blocks being decoded, in their order
	cur   io.Reader        // what Read gives now
	err   error            // what ends the file, after all that is ahead
}

type xzDecoded struct {
	data []byte
	err  error
}

// An xzBlock is a block header. Sizes are -1 where it does not state them.
type xzBlock struct {
	compressed, size int64
	dict             int
}

func newXZ(r io.Reader) *xzReader { return &xzReader{r: bufio.NewReaderSize(r, 1<<16)} }

func (x *xzReader) Read(p []byte) (int, error) {
	for {
		if x.cur != nil {
			n, err := x.cur.Read(p)
			if err == io.EOF {
				x.cur, err = nil, nil
			}
			if n > 0 || err != nil {
				return n, err
			}
			continue
		}
		x.fill()
		switch {
		case len(x.ahead) > 0:
			b := <-x.ahead[0]
			x.ahead = x.ahead[1:]
			if b.err != nil {
				x.err, x.ahead = b.err, nil
				return 0, b.err
			}
			x.cur = bytes.NewReader(b.data)
		case x.cur == nil:
			return 0, x.err
		}
	}
}

// fill starts decoding blocks until every core has one, or one must be streamed.
func (x *xzReader) fill() {
	for x.err == nil && x.cur == nil && len(x.ahead) < runtime.GOMAXPROCS(0) {
		if x.next == nil {
			x.next, x.err = x.header()
			continue
		}
		b := x.next
		switch {
		case b.compressed >= 0 && b.compressed <= xzMaxAhead && b.size >= 0 && b.size <= xzMaxAhead:
			x.err = x.start(b)
		case len(x.ahead) > 0:
			return
		default:
			x.cur, x.err = x.stream(b)
		}
		x.next = nil
	}
}

// Read and ReadByte of xzSource count what is taken.
type xzSource struct{ x *xzReader }

func (s xzSource) Read(p []byte) (int, error) {
	n, err := s.x.r.Read(p)
	s.x.pos += int64(n)
	return n, err
}

func (s xzSource) ReadByte() (byte, error) {
	c, err := s.x.r.ReadByte()
	if err == nil {
		s.x.pos++
	}
	return c, err
}

// take reads n bytes. The end of the file is an error.
func (x *xzReader) take(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(xzSource{x}, b); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return b, nil
}

// header reads up to and with the header of the next block: the header of a
// stream before it, and the index and footer of the stream that has ended. It
// returns io.EOF after the last stream.
func (x *xzReader) header() (*xzBlock, error) {
	for {
		if x.pos == 0 {
			if err := x.streamHeader(); err != nil {
				return nil, err
			}
		}
		n, err := x.take(1)
		if err != nil {
			return nil, err
		}
		if n[0] != 0 {
			return x.blockHeader(n[0])
		}
		if err := x.index(); err != nil {
			return nil, err
		}
		for { // padding between streams
			b, err := x.r.Peek(4)
			if len(b) == 0 && err == io.EOF {
				return nil, io.EOF
			}
			if len(b) < 4 || !zero(b) {
				break
			}
			x.r.Discard(4)
		}
		x.pos = 0
	}
}

func (x *xzReader) streamHeader() error {
	b, err := x.take(12)
	if err != nil {
		return err
	}
	if string(b[:6]) != "\xfd7zXZ\x00" || b[6] != 0 || crc32.ChecksumIEEE(b[6:8]) != binary.LittleEndian.Uint32(b[8:]) {
		return errXZ
	}
	x.check = b[7] & 15
	return nil
}

func (x *xzReader) blockHeader(n byte) (*xzBlock, error) {
	rest, err := x.take(4*int(n) + 3)
	if err != nil {
		return nil, err
	}
	h := append([]byte{n}, rest...)
	h, sum := h[:len(h)-4], h[len(h)-4:]
	if crc32.ChecksumIEEE(h) != binary.LittleEndian.Uint32(sum) {
		return nil, errXZ
	}
	flags := h[1]
	h = h[2:]
	b := &xzBlock{compressed: -1, size: -1}
	for _, f := range []struct {
		bit byte
		to  *int64
	}{{0x40, &b.compressed}, {0x80, &b.size}} {
		if flags&f.bit == 0 {
			continue
		}
		v, n := binary.Uvarint(h)
		if n <= 0 || v > 1<<62 {
			return nil, errXZ
		}
		*f.to, h = int64(v), h[n:]
	}
	if flags&3 != 0 || len(h) < 3 || h[0] != 0x21 || h[1] != 1 {
		return nil, errors.New("xz filter other than LZMA2 is not read; unpack it")
	}
	dict, err := lzma.DecodeDictCap(h[2])
	if err != nil || dict > xzMaxDict {
		return nil, refuse(TooLarge, "xz dictionary of more than %d bytes", xzMaxDict)
	}
	b.dict = max(int(dict), lzma.MinDictCap)
	return b, nil
}

// start reads the block b and decodes it in the background.
func (x *xzReader) start(b *xzBlock) error {
	var packed bytes.Buffer
	if n, err := packed.ReadFrom(io.LimitReader(xzSource{x}, b.compressed)); err != nil || n < b.compressed {
		return io.ErrUnexpectedEOF
	}
	sum, err := x.blockEnd(b.compressed)
	if err != nil {
		return err
	}
	done, check := make(chan xzDecoded, 1), x.check
	x.ahead = append(x.ahead, done)
	go func() {
		data, err := b.decode(packed.Bytes())
		if err == nil && !xzCheck(check, sum, newXZSum(check, data)) {
			err = errXZ
		}
		done <- xzDecoded{data, err}
	}()
	return nil
}

func (b *xzBlock) decode(packed []byte) ([]byte, error) {
	r, err := lzma.Reader2Config{DictCap: b.dict}.NewReader2(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(int(min(b.size, 4<<20)))
	n, err := out.ReadFrom(io.LimitReader(r, b.size+1))
	if err == nil && n != b.size {
		err = errXZ
	}
	return out.Bytes(), err
}

// blockEnd reads the padding of a block of n compressed bytes and its check.
func (x *xzReader) blockEnd(n int64) ([]byte, error) {
	b, err := x.take(int(-n&3) + xzCheckSize[x.check])
	if err != nil {
		return nil, err
	}
	return b[-n&3:], nil
}

// index reads the index and the footer. Blocks have been checked one by one, so
// that nothing depends on them.
func (x *xzReader) index() error {
	start := x.pos - 1
	n, err := binary.ReadUvarint(xzSource{x})
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	for range n {
		for range 2 {
			if _, err := binary.ReadUvarint(xzSource{x}); err != nil {
				return io.ErrUnexpectedEOF
			}
		}
	}
	if _, err := x.take(int(-(x.pos-start)&3) + 4); err != nil {
		return err
	}
	b, err := x.take(12)
	if err == nil && string(b[10:]) != "YZ" {
		err = errXZ
	}
	return err
}
