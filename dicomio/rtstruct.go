package dicomio

import (
	"cmp"
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// A labelSet is what one label object says of lesions.
type labelSet struct {
	kind         labelKind
	sop, patient string   // private
	series       []string // UIDs of the series that it says it was drawn on
	space        string   // UID of its frame of reference, "" if it names none or several
	rois         []roi    // those that are lesions, by number
	named        int      // ROIs whose names are those of lesions
	others       int      // ROIs that are not
	pieces       bool     // each connected piece of a region is a lesion, whatever the settings say
}

// A labelKind is what a label object is.
type labelKind int

const (
	outlines     labelKind = iota // RTSTRUCT
	segmentation                  // SEG
	report                        // structured report, TID 1500
	reading                       // XML of the form of LIDC-IDRI
	list                          // rows of a CSV that are of one series
	labelVolume                   // NIfTI
)

// String returns the name of k in ingest.json.
func (k labelKind) String() string {
	return [...]string{"rtstruct", "seg", "sr", "lidc-xml", "csv", "nifti"}[k]
}

// A roi is one region, an ROI, a segment or a finding: a lesion. Its name stays
// in the file. It has contours, frames or a mark.
type roi struct {
	number   int
	ignore   bool // neither right nor wrong to find
	contours []contour
	frames   []segmentFrame
	mark     *mark
}

// parts returns how many contours, frames and marks r has.
func (r *roi) parts() int {
	n := len(r.contours) + len(r.frames)
	if r.mark != nil {
		n++
	}
	return n
}

// images calls f with the UIDs of the images that r was drawn on.
func (r *roi) images(f func(sop string)) {
	for _, c := range r.contours {
		for _, sop := range c.images {
			f(sop)
		}
	}
	for _, frame := range r.frames {
		for _, sop := range frame.images {
			f(sop)
		}
	}
	if r.mark != nil && r.mark.where == inImage {
		f(r.mark.image)
	}
}

// A contour is an outline in the patient.
type contour struct {
	images []string // SOP Instance UIDs of the images that it was drawn on
	closed bool
	points [][3]float64 // LPS mm
}

// parseStructureSet takes the regions that cfg counts as lesions from an
// RTSTRUCT (PS3.3 A.19, C.8.8.5, C.8.8.6). What is absent or has no sense leaves a region without contours, or
// a contour without points, to be reported when it finds no place.
func parseStructureSet(in *Instance, cfg Config) labelSet {
	d := in.Dataset
	set := labelSet{kind: outlines, sop: in.SOPInstance, patient: in.PatientID, space: in.FrameOfReference}
	for _, space := range d.Items(tag.ReferencedFrameOfReferenceSequence) {
		set.space = cmp.Or(set.space, space.Text(tag.FrameOfReferenceUID))
		for _, study := range space.Items(tag.RTReferencedStudySequence) {
			for _, s := range study.Items(tag.RTReferencedSeriesSequence) {
				set.series = append(set.series, s.Text(tag.SeriesInstanceUID))
			}
		}
	}
	lesions := map[int]bool{}
	for _, r := range d.Items(tag.StructureSetROISequence) {
		if number, ok := r.Int(tag.ROINumber); ok && cfg.isLesion(r.Text(tag.ROIName)) {
			if !lesions[number] {
				set.rois = append(set.rois, roi{number: number})
			}
			lesions[number] = true
			set.named++
		} else {
			set.others++
		}
	}
	for _, r := range d.Items(tag.ROIContourSequence) {
		number, _ := r.Int(tag.ReferencedROINumber)
		if !lesions[number] {
			continue
		}
		i := slices.IndexFunc(set.rois, func(r roi) bool { return r.number == number })
		for _, c := range r.Items(tag.ContourSequence) {
			set.rois[i].contours = append(set.rois[i].contours, parseContour(c))
		}
	}
	set.sortSeries()
	slices.SortStableFunc(set.rois, func(a, b roi) int { return cmp.Compare(a.number, b.number) })
	return set
}

func parseContour(d Dataset) contour {
	kind := d.Text(tag.ContourGeometricType)
	c := contour{closed: kind == "CLOSED_PLANAR" || kind == "CLOSEDPLANAR_XOR"}
	for _, image := range d.Items(tag.ContourImageSequence) {
		c.images = append(c.images, image.Text(tag.ReferencedSOPInstanceUID))
	}
	data := d.Floats(tag.ContourData)
	if len(data)%3 != 0 {
		return c
	}
	for ; len(data) > 0; data = data[3:] {
		c.points = append(c.points, [3]float64(data[:3]))
	}
	return c
}

func (s *labelSet) sortSeries() {
	slices.Sort(s.series)
	s.series = slices.Compact(s.series)
}

// compare orders label objects by UID, then by what they hold.
func (s labelSet) compare(o labelSet) int {
	return cmp.Or(
		cmp.Compare(s.sop, o.sop),
		cmp.Compare(s.patient, o.patient),
		slices.Compare(s.series, o.series),
		slices.CompareFunc(s.rois, o.rois, func(a, b roi) int {
			return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.parts(), b.parts()))
		}),
	)
}
