package dicomio

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// reportClasses is what the SOP classes of structured reports begin with
// (PS3.4 B.5).
const reportClasses = "1.2.840.10008.5.1.4.1.1.88."

// Codes of content items (PS3.16 TID 1500, 1410, 1411, 300), with those that they
// had in SNOMED RT.
var (
	measurementGroup  = []string{"125007"}
	codesOfFinding    = []string{"121071"}
	codesOfTracking   = []string{"112039"}
	codesOfDiameter   = []string{"81827009", "M-02550", "103339001", "G-A185", "410668003", "G-A22A"}
	codesOfVolume     = []string{"118565006", "G-D705"}
	codesOfSeriesUsed = []string{"121232"}
)

// An item is a content item of a report.
type item struct{ Dataset }

func (it item) named(codes []string) bool {
	return slices.Contains(codes, it.Item(tag.ConceptNameCodeSequence).Text(tag.CodeValue))
}

// each calls f with every item below it, in their order.
func (it item) each(f func(item)) {
	for _, child := range it.Items(tag.ContentSequence) {
		f(item{child})
		item{child}.each(f)
	}
}

// parseReport takes the findings that cfg counts as lesions from a structured
// report of measurements (TID 1500); ok is false if it holds no group of
// measurements.
//
// A finding goes by its meaning and its tracking identifier. Its place is that of
// the segment or of the outlines that it points to: outlines on several images
// enclose it, while one alone, or a line, gives only a place and a diameter.
func parseReport(in *Instance, cfg Config) (set labelSet, ok bool, err error) {
	set = labelSet{kind: report, sop: in.SOPInstance, patient: in.PatientID}
	for _, study := range in.Dataset.Items(tag.CurrentRequestedProcedureEvidenceSequence) {
		for _, s := range study.Items(tag.ReferencedSeriesSequence) {
			set.series = append(set.series, s.Text(tag.SeriesInstanceUID))
		}
	}
	root := item{in.Dataset}
	var groups []item
	root.each(func(it item) {
		if it.named(measurementGroup) {
			groups = append(groups, it)
		}
		if it.named(codesOfSeriesUsed) {
			set.series = append(set.series, it.Text(tag.UID))
		}
	})
	for n, g := range groups {
		names := []string{}
		g.each(func(it item) {
			if it.named(codesOfFinding) {
				names = append(names, it.Item(tag.ConceptCodeSequence).Text(tag.CodeMeaning))
			}
			if it.named(codesOfTracking) {
				names = append(names, it.Text(tag.TextValue))
			}
		})
		if !cfg.isLesion(names...) {
			set.others++
			continue
		}
		set.named++
		r, err := g.finding()
		if err != nil {
			return set, true, err
		}
		r.number = n + 1
		set.rois = append(set.rois, r)
	}
	set.sortSeries()
	return set, len(groups) > 0, nil
}

// A shape is an outline, a line or a point of a finding, in an image or in the
// patient.
type shape struct {
	kind   string // GraphicType
	image  string // "" in the patient
	space  string
	points [][]float64 // column, row or x, y, z
}

// finding returns the lesion of a group.
func (it item) finding() (r roi, err error) {
	var shapes []shape
	m := mark{}
	it.each(func(c item) {
		switch c.Text(tag.ValueType) {
		case "SCOORD":
			s := shape{kind: c.Text(tag.GraphicType), points: c.points(2)}
			c.each(func(image item) {
				if ref := image.Item(tag.ReferencedSOPSequence); s.image == "" && image.Text(tag.ValueType) == "IMAGE" {
					s.image = ref.Text(tag.ReferencedSOPInstanceUID)
					if n, several := ref.Int(tag.ReferencedFrameNumber); several {
						s.image = frameKey(s.image, n)
					}
				}
			})
			shapes = append(shapes, s)
		case "SCOORD3D":
			shapes = append(shapes, shape{kind: c.Text(tag.GraphicType), space: c.Text(tag.ReferencedFrameOfReferenceUID), points: c.points(3)})
		case "IMAGE":
			if ref := c.Item(tag.ReferencedSOPSequence); isSegmentation(ref.Text(tag.ReferencedSOPClassUID)) {
				m.where, m.image = inSegment, ref.Text(tag.ReferencedSOPInstanceUID)
			}
		case "NUM":
			m.diameter = max(m.diameter, c.diameter())
		}
	})
	shapes = slices.DeleteFunc(shapes, func(s shape) bool { // without a place
		return len(s.points) == 0 || s.image == "" && len(s.points[0]) < 3
	})
	if m.where == inSegment || len(shapes) == 0 {
		return roi{mark: &m}, nil
	}
	if r, err = enclosed(shapes); err != nil || r.parts() > 0 {
		return r, err
	}
	m.at(shapes)
	return roi{mark: &m}, nil
}

// points returns the graphic data of an item in tuples of n.
func (it item) points(n int) [][]float64 {
	data := it.Floats(tag.GraphicData)
	if b := it.Bytes(tag.GraphicData); b != nil { // long values stay bytes
		data = nil
		for ; len(b) >= 4; b = b[4:] {
			data = append(data, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		}
	}
	var all [][]float64
	for ; len(data) >= n; data = data[n:] {
		if slices.ContainsFunc(data[:n], func(v float64) bool { return !(math.Abs(v) <= farthest) }) {
			return nil
		}
		all = append(all, data[:n])
	}
	return all
}

// diameter returns the diameter that a measurement gives, in mm, of a sphere if it is a
// volume; 0 if it gives none.
func (it item) diameter() float64 {
	m := it.Item(tag.MeasuredValueSequence)
	v, _ := m.Float(tag.NumericValue)
	unit := strings.ToLower(m.Item(tag.MeasurementUnitsCodeSequence).Text(tag.CodeValue))
	switch {
	case it.named(codesOfDiameter):
		return v * map[string]float64{"mm": 1, "cm": 10, "m": 1000, "um": 1e-3}[unit]
	case it.named(codesOfVolume):
		mm3 := v * map[string]float64{"mm3": 1, "cm3": 1000, "ml": 1000, "ul": 1}[unit]
		return math.Cbrt(6 / math.Pi * mm3)
	}
	return 0
}

// enclosed returns the region that closed outlines on at least two images, or on two
// planes of the patient, enclose; without parts if shapes are no such outlines.
func enclosed(shapes []shape) (r roi, err error) {
	images := map[string]bool{}
	for _, s := range shapes {
		if s.image != "" && s.kind == "POLYLINE" && len(s.points) > 3 && slices.Equal(s.points[0], s.points[len(s.points)-1]) {
			images[s.image] = true
		}
		if s.image == "" && s.kind == "POLYGON" {
			c := contour{closed: true}
			for _, p := range s.points {
				c.points = append(c.points, [3]float64(p))
			}
			r.contours = append(r.contours, c)
		}
	}
	if len(r.contours) > 1 {
		return r, nil
	}
	r.contours = nil
	for _, s := range shapes {
		if len(images) < 2 || !images[s.image] {
			continue
		}
		b, err := outlineBox(s.corners(), false)
		if ReasonOf(err) == TooFewPoints {
			continue
		}
		if err != nil {
			return r, err
		}
		r.frames = append(r.frames, segmentFrame{images: []string{s.image}, bits: b})
	}
	return r, nil
}

// corners returns the points of a shape in an image as rows and columns of which
// whole numbers are the centres of pixels: in a report, 0 is the edge of the first
// (PS3.3 C.18.6.1.1). A circle becomes the ends of a diameter.
func (s shape) corners() [][2]float64 {
	var all [][2]float64
	for _, p := range s.points {
		all = append(all, [2]float64{p[1] - 0.5, p[0] - 0.5})
	}
	if s.kind == "CIRCLE" && len(all) == 2 {
		all[0] = [2]float64{2*all[0][0] - all[1][0], 2*all[0][1] - all[1][1]}
	}
	return all
}

// at sets the place of m to that of the first shape.
func (m *mark) at(shapes []shape) {
	s := shapes[0]
	if s.image != "" {
		m.where, m.image, m.corners = inImage, s.image, s.corners()
		return
	}
	m.where, m.space = inPatient, s.space
	reach := 0.0
	for i, p := range s.points {
		for k := range m.centre {
			m.centre[k] += p[k] / float64(len(s.points))
		}
		for _, q := range s.points[:i] {
			reach = max(reach, distance([3]float64(p), [3]float64(q)))
		}
	}
	if m.diameter == 0 {
		m.diameter = reach
	}
}
