package dicomio

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unique"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Reasons that concern a series, or the part of one that a split has made.
const (
	// NoSeriesUID: an image that does not say which series it belongs to.
	NoSeriesUID Reason = "no-series-uid"
	// MixedPatients: images of one series that name different patients.
	MixedPatients Reason = "mixed-patients"
	// NoGeometry: a slice lacks its position, orientation or pixel spacing.
	NoGeometry Reason = "no-geometry"
	// BadGeometry: an orientation that is not two directions at right angles,
	// or a spacing or a position that no scanner has.
	BadGeometry Reason = "bad-geometry"
	// Localiser: overview images, which do not sample a volume.
	Localiser Reason = "localiser"
	// Mosaic: slices tiled into one image, as Siemens stores functional MR.
	Mosaic Reason = "mosaic"
	// Colour: pixels with more than one sample, which have no intensity.
	Colour Reason = "colour"
	// TooFewSlices: fewer slices than min_slices.
	TooFewSlices Reason = "too-few-slices"
	// OnePosition: all slices lie in one place, and nothing tells them apart.
	OnePosition Reason = "one-position"
	// DuplicatePositions: slices in one place that differ in their pixels, and
	// that no header field sorts into volumes.
	DuplicatePositions Reason = "duplicate-positions"
	// MissingSlice: the gaps are whole multiples of the spacing.
	MissingSlice Reason = "missing-slice"
	// UnevenSpacing: slices off their places on any even grid.
	UnevenSpacing Reason = "uneven-spacing"
	// ShiftedSlices: slices that do not lie on one straight line.
	ShiftedSlices Reason = "shifted-slices"
	// GantryTilt: the slices lie on a line that leans from their normal.
	GantryTilt Reason = "gantry-tilt"
)

// A slice is one frame of a series: where it lies, what tells it from others
// in the same place, and where its stored values wait in the spill file.
type slice struct {
	sop   string // SOP Instance UID
	frame int    // in its object, from 0
	order int    // InstanceNumber

	file  [16]byte // file.id
	visit int      // of its file, from 1

	ofMany bool // its object holds several frames

	rows, cols int
	position   [3]float64 // centre of the first voxel, LPS mm
	row, col   [3]float64 // unit directions to higher columns and to higher rows
	spacing    [2]float64 // mm between rows, between columns
	space      string     // Frame of Reference UID: positions compare within one only
	localiser  bool
	inverted   bool // MONOCHROME1
	phase      phase

	pixels stored
}

// A stored says how the stored values of a slice become real ones, and where
// they are. The values themselves are in the spill file.
type stored struct {
	kind             Kind
	offset           int64 // in the spill file, or unread
	digest           [16]byte
	slope, intercept float64
	padded           bool // values from padLow to padHigh are no measurements
	padLow, padHigh  float64
}

// A phase is what may tell slices in one place apart, in the order in which it
// is asked.
type phase struct {
	stack       string
	echo        float64 // ms
	bvalue      float64 // s/mm², -1 unknown
	gradient    string  // of diffusion
	temporal    int
	kind        string  // ImageType or FrameType
	trigger     float64 // ms
	dimension   string  // index along dimensions other than place
	acquisition int
}

// phaseKeys name the fields of a phase and compare two phases by one.
var phaseKeys = []struct {
	name    string
	compare func(a, b phase) int
}{
	{"stack", func(a, b phase) int { return cmp.Compare(a.stack, b.stack) }},
	{"echo", func(a, b phase) int { return cmp.Compare(a.echo, b.echo) }},
	{"b-value", func(a, b phase) int { return cmp.Compare(a.bvalue, b.bvalue) }},
	{"gradient", func(a, b phase) int { return cmp.Compare(a.gradient, b.gradient) }},
	{"temporal-position", func(a, b phase) int { return cmp.Compare(a.temporal, b.temporal) }},
	{"image-type", func(a, b phase) int { return cmp.Compare(a.kind, b.kind) }},
	{"trigger-time", func(a, b phase) int { return cmp.Compare(a.trigger, b.trigger) }},
	{"dimension", func(a, b phase) int { return cmp.Compare(a.dimension, b.dimension) }},
	{"acquisition", func(a, b phase) int { return cmp.Compare(a.acquisition, b.acquisition) }},
}

// newSlice takes what assembly needs of frame i of in. It fails with
// NoGeometry, BadGeometry, Mosaic or Colour.
func newSlice(in *Instance, i int) (slice, error) {
	f := in.Frame(i)
	s := slice{
		sop: in.SOPInstance, frame: i, order: in.InstanceNumber, ofMany: in.Frames > 1,
		rows: in.Rows, cols: in.Columns,
		position: f.Position, spacing: f.PixelSpacing,
		row:       [3]float64(f.Orientation[:3]),
		col:       [3]float64(f.Orientation[3:]),
		space:     shared(in.FrameOfReference),
		localiser: slices.Contains(in.ImageType, "LOCALIZER"),
		inverted:  in.Photometric == "MONOCHROME1",
		phase: phase{
			stack: shared(f.Stack), echo: cmp.Or(f.EchoTime, in.EchoTime), bvalue: -1,
			temporal: cmp.Or(f.Temporal, in.TemporalPosition),
			kind:     shared(strings.Join(in.ImageType, `\`)),
			gradient: gradient(in.Dataset.Floats(tag.DiffusionGradientOrientation)),
			trigger:  in.TriggerTime, acquisition: in.AcquisitionNumber,
		},
	}
	if b := cmp.Or(f.BValue, in.BValue); b != nil {
		s.phase.bvalue = *b
	}
	if in.enhanced() {
		s.phase.tellApart(in, i)
	}
	switch {
	case in.SamplesPerPixel > 1:
		return s, refuse(Colour, "%d samples a pixel", in.SamplesPerPixel)
	case slices.Contains(in.ImageType, "MOSAIC"):
		return s, refuse(Mosaic, "slices tiled into one image")
	case !f.HasPosition || !f.HasOrientation || !f.HasSpacing:
		return s, refuse(NoGeometry, "position %v, orientation %v, pixel spacing %v", f.HasPosition, f.HasOrientation, f.HasSpacing)
	}
	s.pixels.slope, s.pixels.intercept = f.Slope, f.Intercept
	if m, ok := in.petMapping(i); ok && in.Modality == "PT" && in.PET.Units == "" {
		s.pixels.slope, s.pixels.intercept = m.slope, m.intercept
	}
	if in.PaddingValue != nil {
		low, high := *in.PaddingValue, *in.PaddingValue
		if in.PaddingLimit != nil {
			low, high = min(low, *in.PaddingLimit), max(high, *in.PaddingLimit)
		}
		s.pixels.padded, s.pixels.padLow, s.pixels.padHigh = true, float64(low), float64(high)
	}
	if in.lut != nil { // its results are kept in place of the stored values
		s.pixels.slope, s.pixels.intercept, s.pixels.padded = 1, 0, false
	}
	return s, s.straighten()
}

// The largest coordinates and the range of spacings that are taken for a
// patient's, in mm.
const (
	farthest             = 1e5
	finest, coarsest     = 1e-3, 1e3
	rightAngleTolerance  = 1e-3 // of the cosine between a row and a column
	directionTolerance   = 1e-3 // between slices of one orientation, per component
	unitTolerance        = 1e-2 // of the length of a direction
	samePlaceMM          = 0.01 // slices nearer than this are in one place
	tiltToleranceDegrees = 0.5  // below this the affine alone carries the lean
)

// straighten checks the geometry of s and makes its directions exactly unit.
func (s *slice) straighten() error {
	for _, v := range s.position {
		if !(math.Abs(v) <= farthest) {
			return refuse(BadGeometry, "a position beyond %g mm", float64(farthest))
		}
	}
	for _, v := range s.spacing {
		if !(v >= finest && v <= coarsest) {
			return refuse(BadGeometry, "a pixel spacing of %g mm", v)
		}
	}
	for _, d := range []*[3]float64{&s.row, &s.col} {
		length := math.Sqrt(dot(*d, *d))
		if !(math.Abs(length-1) <= unitTolerance) {
			return refuse(BadGeometry, "a direction of length %g", length)
		}
		*d = scale(*d, 1/length)
	}
	if !(math.Abs(dot(s.row, s.col)) <= rightAngleTolerance) {
		return refuse(BadGeometry, "rows and columns are not at right angles")
	}
	return nil
}

// shared returns a copy of text that all equal texts share, since most slices
// of an archive say the same.
func shared(text string) string { return unique.Make(text).Value() }

// normal returns the direction in which slices like s are stacked.
func (s *slice) normal() [3]float64 { return cross(s.row, s.col) }

// identical reports whether a and b show the same: bytes, scale and place.
func (s *slice) identical(o *slice) bool {
	a, b := s.pixels, o.pixels
	a.offset, b.offset = 0, 0
	return a == b && distance(s.position, o.position) <= samePlaceMM
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func cross(a, b [3]float64) [3]float64 {
	return [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func scale(a [3]float64, k float64) [3]float64 { return [3]float64{a[0] * k, a[1] * k, a[2] * k} }

func sub(a, b [3]float64) [3]float64 { return [3]float64{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }

func distance(a, b [3]float64) float64 {
	d := sub(a, b)
	return math.Sqrt(dot(d, d))
}
