package dicomio

import "sync"

// A Kind is the number type of stored values.
type Kind int

// The kinds of stored values.
const (
	Uint8 Kind = iota
	Int8
	Uint16
	Int16
	Uint32
	Int32
	Uint64
	Int64
	Float32
	Float64
)

// Size returns the bytes of one value of kind k.
func (k Kind) Size() int { return [...]int{1, 1, 2, 2, 4, 4, 8, 8, 4, 8}[k] }

// Stored holds the stored values of one frame, before rescale and whatever
// else gives them meaning: bits beyond BitsStored are cleared (old overlays) and
// signs extended, packed bits are one byte each, colours are left as they are coded.
type Stored struct {
	Kind    Kind
	Rows    int
	Columns int
	Samples int    // per pixel, next to each other (colour by pixel)
	Data    []byte // little endian, C order: rows, columns, samples. It may alias the file's bytes: read only
}

// Stored decodes frame i, from 0. It fails with an *Error: NoPixels,
// UnsupportedTransferSyntax, UnsupportedPixels, BadPixelData, Truncated. It panics
// if i is out of range.
func (in *Instance) Stored(i int) (Stored, error) {
	var s Stored
	err := in.read(i, func(n int) []byte { return make([]byte, n) }, func(found Stored) error {
		s = found
		return nil
	})
	return s, err
}

// scratch holds buffers for decoded frames that nobody keeps.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// passStored is Stored for values that use has done with when it returns. It returns use's
// error as it is.
func (in *Instance) passStored(i int, use func(Stored) error) error {
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	return in.read(i, func(n int) []byte {
		if cap(*buf) < n {
			*buf = make([]byte, n)
		}
		clear((*buf)[:n])
		return (*buf)[:n]
	}, use)
}

// read decodes frame i into zeroed memory from alloc, where it needs some, and hands it to use.
func (in *Instance) read(i int, alloc func(n int) []byte, use func(Stored) error) error {
	if i < 0 || i >= in.Frames {
		panic("dicomio: Stored: frame out of range")
	}
	if err := in.check(); err != nil {
		return at(in.Path, err)
	}
	if !in.HasPixels || in.data == nil {
		return at(in.Path, refuse(NoPixels, "no pixel data"))
	}
	var s Stored
	var err error
	if in.pixels.isFrag && !in.nativeSyntax() {
		s, err = in.encapsulated(i, alloc)
	} else {
		s, err = in.native(i)
	}
	if err != nil {
		return at(in.Path, err)
	}
	return use(s)
}

// Pixels decodes frame i into dst, which holds Rows·Columns values, and brings
// them to real units: by the Modality LUT, or by the slope and intercept of the frame
// (see Frame), computed in float64 and rounded once. It refuses colour images
// with UnsupportedPixels, and fails as Stored does. It panics if i is out of range or
// dst has another length.
func (in *Instance) Pixels(i int, dst []float32) error {
	if len(dst) != in.Rows*in.Columns {
		panic("dicomio: Pixels: dst does not hold one frame")
	}
	if in.SamplesPerPixel != 1 {
		return at(in.Path, refuse(UnsupportedPixels, "%d samples per pixel, want 1", in.SamplesPerPixel))
	}
	return in.passStored(i, func(s Stored) error {
		if in.lut != nil {
			in.lut.apply(dst, s)
			return nil
		}
		f := in.Frame(i)
		s.Scale(dst, f.Slope, f.Intercept)
		return nil
	})
}

// The most bytes that one decoded frame may take.
const maxFrameBytes = 1 << 31

// check compares what the header says of the pixels with what is there, so that
// no later step has to doubt it.
func (in *Instance) check() error {
	if !in.HasPixels {
		return nil
	}
	if in.Rows < 1 || in.Columns < 1 || in.SamplesPerPixel < 1 || in.SamplesPerPixel > 4 {
		return refuse(BadPixelData, "%d rows, %d columns, %d samples", in.Rows, in.Columns, in.SamplesPerPixel)
	}
	switch in.BitsAllocated {
	case 1, 8, 16, 32, 64:
	default:
		return refuse(UnsupportedPixels, "%d bits allocated", in.BitsAllocated)
	}
	if in.BitsStored < 1 || in.BitsStored > in.BitsAllocated {
		return refuse(BadPixelData, "%d bits stored in %d", in.BitsStored, in.BitsAllocated)
	}
	if in.frameBits() > 8*maxFrameBytes {
		return refuse(TooLarge, "a frame of %d bits", in.frameBits())
	}
	if in.pixels.isFrag && !in.nativeSyntax() {
		return in.checkFragments()
	}
	have := in.nativeBytes()
	if uint64(have)*8/uint64(in.frameBits()) >= uint64(in.Frames) {
		return nil
	}
	reason := BadPixelData
	if in.pixels.short {
		reason = Truncated
	}
	return refuse(reason, "%d frames of %d bits announced, %d bytes of pixels there", in.Frames, in.frameBits(), have)
}

// checkFragments refuses encapsulated pixels that cannot hold every frame.
func (in *Instance) checkFragments() error {
	px := in.pixels
	if px.short {
		return refuse(Truncated, "encapsulated pixel data end within a fragment")
	}
	if len(px.fragments) == 0 {
		return refuse(BadPixelData, "encapsulated pixel data without a fragment")
	}
	if in.Frames > len(px.fragments) {
		return refuse(BadPixelData, "%d frames in %d fragments", in.Frames, len(px.fragments))
	}
	return nil
}

// frameBits returns the bits of one native frame. Frames of packed bits follow
// one another without padding.
func (in *Instance) frameBits() int {
	n := in.Rows * in.Columns
	if in.subsampled() {
		return 2 * n * in.BitsAllocated
	}
	return n * in.SamplesPerPixel * in.BitsAllocated
}

// subsampled reports whether native colour is stored as Y Y Cb Cr, two pixels
// sharing their chroma (PS3.3 C.7.6.3.1.2).
func (in *Instance) subsampled() bool {
	return in.Photometric == "YBR_FULL_422" && in.SamplesPerPixel == 3 && !in.pixels.isFrag && in.Columns%2 == 0
}

func (in *Instance) nativeSyntax() bool {
	switch in.TransferSyntax {
	case implicitLittle, explicitLittle, deflatedLittle, explicitBig:
		return true
	}
	return false
}

// kind returns the number type of the stored values.
func (in *Instance) kind() Kind {
	switch {
	case in.Float && in.BitsAllocated == 32:
		return Float32
	case in.Float:
		return Float64
	case in.BitsAllocated == 1:
		return Uint8
	}
	k := map[int]Kind{8: Uint8, 16: Uint16, 32: Uint32, 64: Uint64}[in.BitsAllocated]
	if in.Signed {
		k++
	}
	return k
}
