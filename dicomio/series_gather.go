package dicomio

import (
	"cmp"
	"errors"
	"slices"
	"strings"
)

// A series is what the sources hold of one DICOM series.
type series struct {
	uid, study, patient, space string // as in the source; private
	modality, manufacturer     string
	unit                       string  // "HU" for CT in Hounsfield units, else ""
	thickness                  float64 // mm, as stated
	pet                        *petFacts
	mixed                      bool    // its files name several patients
	blocks                     []block // where its slices are
	broken                     []brokenFile
}

// A brokenFile is a file that could not be used.
type brokenFile struct {
	path string // private
	err  error  // an *Error
}

// newSeries takes from in what describes its series.
func newSeries(in *Instance) *series {
	s := &series{
		uid: in.Series, study: in.Study, patient: in.PatientID, space: in.FrameOfReference,
		modality: codeString(in.Modality), manufacturer: vendor(in.Manufacturer), thickness: in.SliceThickness,
	}
	if kind := in.rescaleType(); in.Modality == "CT" && (kind == "" || kind == "HU") {
		s.unit = "HU"
	}
	if in.Modality == "PT" {
		f := newPETFacts(in)
		s.pet = &f
	}
	return s
}

// merge adds what o holds of the same series. The result does not depend on
// the order of merging but for the order of blocks and broken files.
func (s *series) merge(o *series) {
	s.mixed = s.mixed || o.mixed || s.patient != o.patient
	s.study, s.patient, s.space = min(s.study, o.study), min(s.patient, o.patient), min(s.space, o.space)
	s.modality, s.manufacturer = min(s.modality, o.modality), min(s.manufacturer, o.manufacturer)
	s.unit, s.thickness = min(s.unit, o.unit), max(s.thickness, o.thickness)
	if s.pet != nil && o.pet != nil {
		f := s.pet.merge(*o.pet)
		s.pet = &f
	}
	s.blocks = append(s.blocks, o.blocks...)
	s.broken = append(s.broken, o.broken...)
}

// count returns how many slices s has.
func (s *series) count() (n int) {
	for _, bl := range s.blocks {
		n += int(bl.slices)
	}
	return n
}

// refusal returns why the series as a whole cannot be used, or nil. One file
// that cannot be read leaves a hole in the volume, so it refuses the series
// with its own reason rather than with that of the hole.
func (s *series) refusal() error {
	if s.mixed {
		return refuse(MixedPatients, "%d slices", s.count())
	}
	if len(s.broken) == 0 {
		return nil
	}
	count := map[Reason]int{}
	for _, b := range s.broken {
		count[ReasonOf(b.err)]++
	}
	worst := slices.MaxFunc(s.broken, func(a, b brokenFile) int {
		return cmp.Or(
			cmp.Compare(count[ReasonOf(a.err)], count[ReasonOf(b.err)]),
			cmp.Compare(ReasonOf(b.err), ReasonOf(a.err)),
			cmp.Compare(b.err.Error(), a.err.Error()),
		)
	})
	reason := ReasonOf(worst.err)
	return refuse(reason, "%d files, beside %d good slices; one: %s", count[reason], s.count(), detailOf(worst.err))
}

// detailOf returns the detail of an *Error, without its path, with its cause
// where that cannot hold one or a value of the file: decoders and readers of
// archives name a rule that was broken, and at most an offset.
func detailOf(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	if e.Err == nil {
		return e.Detail
	}
	switch e.Reason {
	case UnsupportedTransferSyntax, BadPixelData, BadArchive, Unreadable:
		return strings.TrimPrefix(e.Detail+": "+pathless(e.Err).Error(), ": ")
	}
	return e.Detail
}

// vendor returns the common name of the maker of a scanner. What is not known
// is "other", since the element is free text.
func vendor(manufacturer string) string {
	m := strings.ToLower(manufacturer)
	if m == "" {
		return ""
	}
	for _, v := range [][2]string{
		{"siemens", "Siemens"}, {"philips", "Philips"}, {"canon", "Canon"}, {"toshiba", "Canon"},
		{"hitachi", "Fujifilm"}, {"fuji", "Fujifilm"}, {"united imaging", "United Imaging"}, {"uih", "United Imaging"},
		{"general electric", "GE"}, {"oncovox phantom", "Oncovox phantom"},
	} {
		if strings.Contains(m, v[0]) {
			return v[1]
		}
	}
	if strings.HasPrefix(m, "ge ") || m == "ge" || strings.HasPrefix(m, "gems") {
		return "GE"
	}
	return "other"
}
