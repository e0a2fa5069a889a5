package dicomio

// An Instance is the header of one DICOM object: what later steps need of it,
// and where its pixels lie. Text is trimmed; a number that is absent is 0 (its
// Has flag, where there is one, tells it from a true 0).
//
// An Instance holds on to the bytes it was read from until Drop, since frames
// are decoded from them on demand. It may be used by several goroutines at
// once as long as none calls Drop.
type Instance struct {
	Path           string   // inside the archive
	TransferSyntax string   // as decided from the bytes; "" never
	Notes          []string // what was mended while reading, such as "no preamble"; for people
	Charset        []string // SpecificCharacterSet

	// Who and what. PatientID and the UIDs must not reach a log or a shared artifact.
	SOPClass, SOPInstance, Series, Study, FrameOfReference, PatientID string

	Modality                               string
	ImageType                              []string
	Manufacturer, ModelName                string
	SeriesDescription, ProtocolName        string // private: free text
	SeriesNumber, AcquisitionNumber        int
	InstanceNumber, EchoNumber             int
	TemporalPosition                       int
	EchoTime, RepetitionTime, FlipAngle    float64  // ms, ms, degrees
	TriggerTime                            float64  // ms
	BValue                                 *float64 // s/mm²; nil unknown
	GantryTilt                             float64  // degrees, as stated; positions are what counts
	SliceThickness, SpacingBetweenSlices   float64  // mm, as stated
	BodyPart, PatientPosition              string
	ContentTime, AcquisitionTime           string // TM
	AcquisitionDate, SeriesDate, StudyDate string // DA; private
	SeriesTime, StudyTime                  string // TM

	// Geometry of a single-frame object; see Frame for the frames of others.
	Position       [3]float64 // centre of the first pixel, LPS mm
	HasPosition    bool
	Orientation    [6]float64 // direction of a row (to higher columns), then of a column
	HasOrientation bool
	PixelSpacing   [2]float64 // mm: between rows, between columns
	HasSpacing     bool

	// Pixels.
	HasPixels                          bool
	Rows, Columns, Frames              int // Frames is at least 1
	SamplesPerPixel                    int
	BitsAllocated, BitsStored, HighBit int
	Signed                             bool
	Float                              bool // Float or Double Float Pixel Data
	Photometric                        string
	PlanarConfiguration                int
	RescaleSlope, RescaleIntercept     float64 // 1 and 0 where absent
	HasRescale                         bool
	RescaleType                        string // "HU", ...
	PaddingValue, PaddingLimit         *int   // stored values; PixelPaddingRangeLimit is nil for a single value
	BurnedIn                           string // BurnedInAnnotation

	PET PET // zero unless Modality is PT

	// Dataset is the whole header, for label objects and whatever has no field above.
	Dataset Dataset

	lut     *lut   // Modality LUT, in place of rescale
	data    []byte // the file, inflated where it was deflated
	pixels  extent
	shared  Dataset   // item of SharedFunctionalGroupsSequence
	frames  []Dataset // items of PerFrameFunctionalGroupsSequence
	offsets []float64 // GridFrameOffsetVector, mm
}

// PET holds what body-weight SUV needs, as the header states it. Times are TM,
// dates DA, datetimes DT.
type PET struct {
	Units           string   // BQML, CNTS, GML, ...
	SUVType         string   // BW, LBM, ... ; with Units GML
	CorrectedImage  []string // ATTN, DECY, ...
	DecayCorrection string   // START, ADMIN, NONE
	PatientWeight   float64  // kg
	PatientSize     float64  // m
	PatientSex      string
	HalfLife        float64 // s
	TotalDose       float64 // Bq
	StartTime       string  // RadiopharmaceuticalStartTime
	StartDateTime   string  // RadiopharmaceuticalStartDateTime
	FrameReference  float64 // FrameReferenceTime, ms
	FrameDuration   float64 // ActualFrameDuration, ms
	DecayFactor     float64
	PhilipsSUV      float64 // (7053,xx00) SUV scale factor
	PhilipsActivity float64 // (7053,xx09) activity concentration scale factor
	GEScanDateTime  string  // (0009,xx0D) post-injection scan start
	GEInjectionTime string  // (0009,xx3B)
}

// A Frame is one frame of an instance: its place and its scale.
type Frame struct {
	Position         [3]float64
	HasPosition      bool
	Orientation      [6]float64
	HasOrientation   bool
	PixelSpacing     [2]float64
	HasSpacing       bool
	SliceThickness   float64
	Slope, Intercept float64  // of the rescale; 1 and 0 where absent
	Stack            string   // StackID
	Index            []int    // DimensionIndexValues, from 1
	Temporal         int      // TemporalPositionIndex
	EchoTime         float64  // EffectiveEchoTime, ms
	BValue           *float64 // s/mm²; nil unknown
	Segment          int      // ReferencedSegmentNumber of a SEG, 0 elsewhere
	Source           []string // SOP Instance UIDs of the images that the frame derives from
	Groups           Dataset  // the frame's own functional groups
}

// ReadInstance reads the header of the DICOM object in b. path is used in
// errors only.
//
// It fails with an *Error: NotDICOM, Malformed, Truncated, TooDeep or TooLarge.
// Where the header itself could be read, as in a file that ends within its
// pixels, the instance is returned beside the error, for reports; it must not
// be used as an image.
//
// The instance refers to b, which must not change until Drop.
func ReadInstance(path string, b []byte) (*Instance, error) {
	lay, err := walk(b)
	return newInstance(path, lay, err)
}

// newInstance makes an instance of what a walk has found.
func newInstance(path string, lay *layout, err error) (*Instance, error) {
	if lay == nil {
		return nil, at(path, err)
	}
	ds, herr := parseHeader(lay.header)
	if herr != nil {
		return nil, at(path, herr)
	}
	in := facts(ds, lay)
	in.Path = path
	if err == nil && !(lay.pixels.unread && lay.pixels.isFrag) { // fragments were not looked at
		err = in.check()
	}
	return in, at(path, err)
}

// Drop lets go of the file's bytes: Stored and Pixels fail from here on, while
// every field stays.
func (in *Instance) Drop() { in.data = nil }
