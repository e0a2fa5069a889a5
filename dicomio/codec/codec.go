// Package codec decodes the compressed frames that DICOM objects hold: RLE
// (PS3.5 annex G), the JPEG processes (ITU-T T.81), JPEG-LS (ITU-T T.87), JPEG
// 2000 (ITU-T T.800), also with high throughput (T.814), and deflated frames. Bytes go in, samples come out; nothing here
// knows of elements, photometric interpretations or rescale.
//
// The caller says what a frame holds and gives the memory for it. What a
// codestream claims is compared with that and never decides an allocation, so
// that decoding costs memory in proportion to the frame, whatever the bytes.
package codec

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
)

var (
	// ErrFormat marks a codestream that breaks its own rules or does not hold
	// the frame that the caller expects.
	ErrFormat = errors.New("bad codestream")
	// ErrUnsupported marks a valid codestream in a form that is not decoded.
	ErrUnsupported = errors.New("unsupported codestream")
)

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// A Shape is a frame as its header describes it. Samples of one pixel lie next to
// each other; each takes Bytes bytes, little endian.
type Shape struct {
	Rows, Columns int
	Samples       int // per pixel
	Bytes         int // of a sample: 1, 2 or 4
	// Bits is how many bits of a sample that is not negative are used, or 0 for all. What loss brings
	// beyond them is the largest value that they hold, in JPEG with loss and irreversible JPEG 2000:
	// cut off, it would be black instead of white.
	Bits int
}

// top returns the largest sample of a codestream of the given precision.
func (s Shape) top(precision int) int {
	if s.Bits > 0 {
		precision = min(precision, s.Bits)
	}
	return 1<<precision - 1
}

// Len returns the bytes of a decoded frame.
func (s Shape) Len() int { return s.Rows * s.Columns * s.Samples * s.Bytes }

// Starts reports whether b begins as a JPEG, JPEG-LS or JPEG 2000 codestream does.
func Starts(b []byte) bool {
	return len(b) >= 4 && (b[0] == 0xff && (b[1] == 0xd8 || b[1] == 0x4f) && b[2] == 0xff || bytes.HasPrefix(b, jp2Signature))
}

// jp2Signature begins a JPEG 2000 codestream in its file wrapping.
var jp2Signature = []byte("\x00\x00\x00\x0cjP  ")

// Decode decodes a JPEG, JPEG-LS or JPEG 2000 codestream into dst, of s.Len()
// bytes, and tells them apart by their markers.
func Decode(dst, src []byte, s Shape) error {
	switch {
	case len(src) >= 2 && src[0] == 0xff && src[1] == 0x4f, bytes.HasPrefix(src, jp2Signature):
		return JPEG2000(dst, src, s)
	case isJPEGLS(src):
		return JPEGLS(dst, src, s)
	}
	return JPEG(dst, src, s)
}

// Deflate unpacks a deflated frame into dst (PS3.5 section 10.19). It must hold at
// least len(dst) bytes; a padding byte after is ignored.
func Deflate(dst, src []byte) error {
	n, err := io.ReadFull(flate.NewReader(bytes.NewReader(src)), dst)
	if err != nil {
		return bad("deflate: %d of %d bytes", n, len(dst))
	}
	return nil
}

func mustFit(name string, dst []byte, s Shape) {
	if len(dst) != s.Len() {
		panic("codec: " + name + ": dst does not have the frame's length")
	}
}
