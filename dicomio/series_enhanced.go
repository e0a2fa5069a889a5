package dicomio

import (
	"fmt"
	"slices"
	"strings"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// enhanced reports whether functional groups describe the frames of in.
func (in *Instance) enhanced() bool {
	return len(in.frames) > 0 || len(in.shared.elements) > 0
}

// frameTypes are the groups that say what a frame shows: of MR, CT and PET.
var frameTypes = []tag.Tag{tag.MRImageFrameTypeSequence, tag.CTImageFrameTypeSequence, tag.PETFrameTypeSequence}

// tellApart adds to p what the functional groups of frame i say beyond Frame
// (PS3.3 C.7.6.16.2, C.8.13.5, C.8.15.3, C.8.22.5).
func (p *phase) tellApart(in *Instance, i int) {
	for _, t := range frameTypes {
		if kind := in.group(i, t).Texts(tag.FrameType); len(kind) > 0 {
			p.kind = shared(strings.Join(kind, `\`))
		}
	}
	direction := in.group(i, tag.MRDiffusionSequence).Item(tag.DiffusionGradientDirectionSequence)
	if g := gradient(direction.Floats(tag.DiffusionGradientOrientation)); g != "" {
		p.gradient = g
	}
	if x, ok := in.group(i, tag.CardiacSynchronizationSequence).Float(tag.NominalCardiacTriggerDelayTime); ok {
		p.trigger = x
	}
	content := in.group(i, tag.FrameContentSequence)
	if n, ok := content.Int(tag.FrameAcquisitionNumber); ok {
		p.acquisition = n
	}
	p.dimension = in.dimension(content.Ints(tag.DimensionIndexValues))
}

// gradient returns a diffusion direction as text, to 1e-3, "" for none.
func gradient(v []float64) string {
	if len(v) != 3 {
		return ""
	}
	return shared(fmt.Sprintf("%+.3f %+.3f %+.3f", v[0]+0, v[1]+0, v[2]+0)) // +0 makes -0 plain
}

// dimension returns the index values of a frame along the dimensions other than
// place, as text (PS3.3 C.7.6.17).
func (in *Instance) dimension(index []int) string {
	var rest []int
	for k, d := range in.Dataset.Items(tag.DimensionIndexSequence) {
		at := d.Ints(tag.DimensionIndexPointer)
		if k >= len(index) || len(at) != 2 {
			continue
		}
		switch (tag.Tag{Group: uint16(at[0]), Element: uint16(at[1])}) {
		case tag.InStackPositionNumber, tag.ImagePositionPatient, tag.SliceLocation, tag.TablePosition, tag.ImagePositionVolume:
		default:
			rest = append(rest, index[k])
		}
	}
	if len(rest) == 0 {
		return ""
	}
	return shared(fmt.Sprint(rest))
}

// rescaleType returns what the rescaled values of all frames are, "" where that
// is not said, and "mixed" where frames differ.
func (in *Instance) rescaleType() string {
	kind := in.RescaleType
	for i := range in.frames {
		of := in.group(i, tag.PixelValueTransformationSequence).Text(tag.RescaleType)
		if i == 0 && kind == "" {
			kind = of
		}
		if of != "" && of != kind {
			return "mixed"
		}
	}
	return kind
}

// A mapping brings the stored values of a frame to real ones in units that PET
// uses: BQML or GML.
type mapping struct {
	units            string
	slope, intercept float64
}

// petMapping returns the real-world value mapping of frame i of an enhanced PET
// object (PS3.3 C.7.6.16.2.11), whose rescale alone has no unit. Activity is
// preferred to SUV, which needs the same facts but may be of any type.
func (in *Instance) petMapping(i int) (m mapping, ok bool) {
	items := in.groups(i, tag.RealWorldValueMappingSequence)
	for _, want := range []struct{ code, units string }{{"Bq/ml", "BQML"}, {"{SUVbw}g/ml", "GML"}} {
		for _, it := range items {
			slope, linear := it.Float(tag.RealWorldValueSlope)
			if !linear || slope == 0 || it.Item(tag.MeasurementUnitsCodeSequence).Text(tag.CodeValue) != want.code {
				continue
			}
			intercept, _ := it.Float(tag.RealWorldValueIntercept)
			return mapping{want.units, slope, intercept}, true
		}
	}
	return mapping{}, false
}

// groups returns all items of the functional group t of frame i.
func (in *Instance) groups(i int, t tag.Tag) []Dataset {
	if i < len(in.frames) && in.frames[i].Has(t) {
		return in.frames[i].Items(t)
	}
	return in.shared.Items(t)
}

// enhance takes the facts of an enhanced PET object from where it keeps them
// (PS3.3 C.8.22): units from the mapping of its frames, corrections from
// flags, and the one moment that decay was corrected to.
func (f *petFacts) enhance(in *Instance) {
	if !in.enhanced() || f.Units != "" {
		return
	}
	for i := range in.Frames {
		m, _ := in.petMapping(i)
		if i == 0 {
			f.Units = m.units
		}
		f.mixed = f.mixed || m.units != f.Units
	}
	d := in.Dataset
	for _, c := range []struct {
		flag tag.Tag
		name string
	}{{tag.DecayCorrected, "DECY"}, {tag.AttenuationCorrected, "ATTN"}} {
		if d.Text(c.flag) == "YES" && !slices.Contains(f.CorrectedImage, c.name) {
			f.CorrectedImage = append(f.CorrectedImage, c.name)
		}
	}
	if to := parseDateTime(d.Text(tag.DecayCorrectionDateTime)); to.timed {
		f.DecayCorrection, f.series, f.acquisition = "START", to, moment{}
	}
}
