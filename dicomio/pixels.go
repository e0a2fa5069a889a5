package dicomio

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
	Float32
	Float64
)

// Size returns the bytes of one value of kind k.
func (k Kind) Size() int { return [...]int{1, 1, 2, 2, 4, 4, 4, 8}[k] }

// Stored holds the stored values of one frame, before rescale and whatever
// else gives them meaning: unused bits are cleared (overlays) and signs
// extended, nothing else is done.
type Stored struct {
	Kind    Kind
	Rows    int
	Columns int
	Samples int    // per pixel, next to each other (colour by pixel)
	Data    []byte // little endian, C order: rows, columns, samples
}

// Stored decodes frame i, from 0. It fails with an *Error: NoPixels,
// UnsupportedTransferSyntax, UnsupportedPixels, BadPixelData, Truncated. It panics
// if i is out of range.
func (in *Instance) Stored(i int) (Stored, error) { return in.stored(i) }

// Pixels decodes frame i into dst, which holds Rows·Columns values, and brings
// them to real units: the Modality LUT, or the slope and intercept of the frame
// (see Frame), computed in float64 and rounded once. It refuses colour images
// with UnsupportedPixels, and fails as Stored does.
func (in *Instance) Pixels(i int, dst []float32) error { return in.rescaled(i, dst) }
