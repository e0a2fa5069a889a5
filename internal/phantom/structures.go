package phantom

import (
	"fmt"
	"math"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// A region is a region of interest of an RTSTRUCT: its outline on each slice
// that it meets.
type region struct {
	name, kind string // kind is the RT ROI interpreted type
	slices     []int  // counted from the feet
	outlines   [][]vec
}

// regions returns the body's outline and, if the patient is marked, every nodule.
func (p *patient) regions() []region {
	body := region{name: "BODY", kind: "EXTERNAL"}
	for iz := range p.grid[0] {
		body.slices = append(body.slices, iz)
		body.outlines = append(body.outlines, p.bodyOutline(p.height(iz)))
	}
	out := []region{body}
	for i, n := range p.scene.nodules {
		g := region{name: fmt.Sprintf("GTV_%d", i+1), kind: "GTV"}
		for iz := range p.grid[0] {
			if c := n.contour(p.height(iz)); c != nil {
				g.slices = append(g.slices, iz)
				g.outlines = append(g.outlines, c)
			}
		}
		out = append(out, g)
	}
	return out
}

// height is the body's own z of a slice.
func (p *patient) height(iz int) float64 { return p.first[2] + float64(iz)*p.step[2] }

func (p *patient) bodyOutline(z float64) []vec {
	const corners = 60
	out := make([]vec, corners)
	for i := range out {
		th := 2 * math.Pi * float64(i) / corners
		skin, _, _ := p.scene.body(th, z)
		out[i] = vec{skin * math.Cos(th), skin * math.Sin(th), z}
	}
	return out
}

// structureSet returns the patient's RTSTRUCT as a DICOM file.
func (p *patient) structureSet() ([]byte, error) {
	d := new(dataset)
	p.person(d)
	d.text(tag.Modality, "RTSTRUCT")
	d.text(tag.SeriesInstanceUID, p.uid("structures"))
	d.text(tag.SeriesNumber, "2")
	d.text(tag.SeriesDescription, "Truth of made data")
	d.text(tag.OperatorsName, "")
	d.text(tag.InstanceNumber, "1")
	d.text(tag.StructureSetLabel, "TRUTH")
	d.text(tag.StructureSetDate, "20010101")
	d.text(tag.StructureSetTime, "110000")
	d.text(tag.ApprovalStatus, "UNAPPROVED")
	d.seq(tag.ReferencedFrameOfReferenceSequence, p.references)
	regions := p.regions()
	var names, contours, meanings []func(*dataset)
	for i, g := range regions {
		number := strconv.Itoa(i + 1)
		names = append(names, func(d *dataset) {
			d.text(tag.ROINumber, number)
			d.text(tag.ReferencedFrameOfReferenceUID, p.uid("frame"))
			d.text(tag.ROIName, g.name)
			d.text(tag.ROIGenerationAlgorithm, "AUTOMATIC")
		})
		contours = append(contours, func(d *dataset) {
			d.text(tag.ROIDisplayColor, "255", strconv.Itoa(40*i%256), "0")
			d.text(tag.ReferencedROINumber, number)
			d.seq(tag.ContourSequence, p.contours(g)...)
		})
		meanings = append(meanings, func(d *dataset) {
			d.text(tag.ObservationNumber, number)
			d.text(tag.ReferencedROINumber, number)
			d.text(tag.RTROIInterpretedType, g.kind)
			d.text(tag.ROIInterpreter, "")
		})
	}
	d.seq(tag.StructureSetROISequence, names...)
	d.seq(tag.ROIContourSequence, contours...)
	d.seq(tag.RTROIObservationsSequence, meanings...)
	return d.encode(classStructure, p.uid("structure set"), p.syntax)
}

// references names the series that the regions were drawn on.
func (p *patient) references(d *dataset) {
	d.text(tag.FrameOfReferenceUID, p.uid("frame"))
	d.seq(tag.RTReferencedStudySequence, func(d *dataset) {
		d.text(tag.ReferencedSOPClassUID, "1.2.840.10008.3.1.2.3.1")
		d.text(tag.ReferencedSOPInstanceUID, p.uid("study"))
		d.seq(tag.RTReferencedSeriesSequence, func(d *dataset) {
			d.text(tag.SeriesInstanceUID, p.uid("series"))
			images := make([]func(*dataset), p.grid[0])
			for iz := range images {
				images[iz] = p.imageReference(iz)
			}
			d.seq(tag.ContourImageSequence, images...)
		})
	})
}

func (p *patient) imageReference(iz int) func(*dataset) {
	return func(d *dataset) {
		d.text(tag.ReferencedSOPClassUID, p.sopClass())
		d.text(tag.ReferencedSOPInstanceUID, p.instance(iz))
	}
}

// contours returns an item for each outline of g.
func (p *patient) contours(g region) []func(*dataset) {
	var out []func(*dataset)
	for i, outline := range g.outlines {
		out = append(out, func(d *dataset) {
			d.seq(tag.ContourImageSequence, p.imageReference(g.slices[i]))
			d.text(tag.ContourGeometricType, "CLOSED_PLANAR")
			d.text(tag.NumberOfContourPoints, strconv.Itoa(len(outline)))
			var data []float64
			for _, corner := range outline {
				at := p.lps(corner)
				data = append(data, rounded(at[0]), rounded(at[1]), rounded(at[2]))
			}
			d.numbers(tag.ContourData, data...)
		})
	}
	return out
}
