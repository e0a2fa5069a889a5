package dicomio

import (
	"bytes"
	"fmt"
	"math"
	"strings"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// parseHeader parses a canonical copy. What the walk lets through gives the
// parser nothing to panic on; should it panic all the same, the file is refused
// and the batch goes on.
func parseHeader(canonical []byte) (ds Dataset, err error) {
	defer func() {
		if p := recover(); p != nil {
			ds, err = Dataset{}, refuse(Malformed, "header parser panicked")
		}
	}()
	d, err := dicom.Parse(bytes.NewReader(canonical), int64(len(canonical)), nil, dicom.SkipPixelData())
	if err != nil {
		return Dataset{}, &Error{Reason: Malformed, Detail: "header", Err: scrubbed(err)}
	}
	ds.elements = d.Elements
	for len(ds.elements) > 0 && ds.elements[0].Tag.Group == 2 { // the copy's own, not the file's
		ds.elements = ds.elements[1:]
	}
	return ds, nil
}

// scrubbed keeps the kind of a parser's error and drops its text, which may
// quote values.
func scrubbed(err error) error { return fmt.Errorf("parser: %T", err) }

// facts takes what later steps need from the header.
func facts(d Dataset, lay *layout) *Instance {
	in := &Instance{
		TransferSyntax: lay.syntax, Notes: lay.notes, Charset: lay.charset,
		Dataset: d, data: lay.data, pixels: lay.pixels, HasPixels: lay.pixels.found,
		SOPClass: d.Text(tag.SOPClassUID), SOPInstance: d.Text(tag.SOPInstanceUID),
		Series: d.Text(tag.SeriesInstanceUID), Study: d.Text(tag.StudyInstanceUID),
		FrameOfReference: d.Text(tag.FrameOfReferenceUID), PatientID: d.Text(tag.PatientID),
		Modality: d.Text(tag.Modality), ImageType: d.Texts(tag.ImageType),
		Manufacturer: d.Text(tag.Manufacturer), ModelName: d.Text(tag.ManufacturerModelName),
		SeriesDescription: d.Text(tag.SeriesDescription), ProtocolName: d.Text(tag.ProtocolName),
		BodyPart: d.Text(tag.BodyPartExamined), PatientPosition: d.Text(tag.PatientPosition),
		ContentTime: d.Text(tag.ContentTime), AcquisitionTime: d.Text(tag.AcquisitionTime),
		AcquisitionDate: d.Text(tag.AcquisitionDate), SeriesDate: d.Text(tag.SeriesDate), StudyDate: d.Text(tag.StudyDate),
		SeriesTime: d.Text(tag.SeriesTime), StudyTime: d.Text(tag.StudyTime),
		Photometric: d.Text(tag.PhotometricInterpretation), BurnedIn: d.Text(tag.BurnedInAnnotation),
		RescaleType: d.Text(tag.RescaleType),
		BValue:      bValue(d),
		PET:         petHeader(d),
	}
	for t, to := range map[tag.Tag]*int{
		tag.SeriesNumber: &in.SeriesNumber, tag.AcquisitionNumber: &in.AcquisitionNumber, tag.InstanceNumber: &in.InstanceNumber,
		tag.EchoNumbers: &in.EchoNumber, tag.TemporalPositionIdentifier: &in.TemporalPosition,
		tag.Rows: &in.Rows, tag.Columns: &in.Columns, tag.NumberOfFrames: &in.Frames, tag.SamplesPerPixel: &in.SamplesPerPixel,
		tag.BitsAllocated: &in.BitsAllocated, tag.BitsStored: &in.BitsStored, tag.HighBit: &in.HighBit,
		tag.PlanarConfiguration: &in.PlanarConfiguration,
	} {
		*to, _ = d.Int(t)
	}
	for t, to := range map[tag.Tag]*float64{
		tag.EchoTime: &in.EchoTime, tag.RepetitionTime: &in.RepetitionTime, tag.FlipAngle: &in.FlipAngle, tag.TriggerTime: &in.TriggerTime,
		tag.GantryDetectorTilt: &in.GantryTilt, tag.SliceThickness: &in.SliceThickness, tag.SpacingBetweenSlices: &in.SpacingBetweenSlices,
	} {
		*to, _ = d.Float(t)
	}
	in.HasPosition = fill(in.Position[:], d.Floats(tag.ImagePositionPatient))
	in.HasOrientation = fill(in.Orientation[:], d.Floats(tag.ImageOrientationPatient))
	in.HasSpacing = fill(in.PixelSpacing[:], d.Floats(tag.PixelSpacing)) && in.PixelSpacing[0] > 0 && in.PixelSpacing[1] > 0
	in.pixelFacts(d)
	in.frameFacts(d)
	return in
}

// fill copies from into to if it has as many values.
func fill(to, from []float64) bool {
	if len(from) != len(to) {
		return false
	}
	copy(to, from)
	return true
}

// pixelFacts settles how stored values are laid out and what they mean.
func (in *Instance) pixelFacts(d Dataset) {
	in.Frames = max(in.Frames, 1)
	if !d.Has(tag.SamplesPerPixel) {
		in.SamplesPerPixel = 1
	}
	n, _ := d.Int(tag.PixelRepresentation)
	in.Signed = n == 1
	if in.pixels.bits > 0 {
		in.Float, in.BitsAllocated = true, in.pixels.bits
		in.Signed = false
	}
	if in.BitsStored == 0 {
		in.BitsStored = in.BitsAllocated
	}
	if !d.Has(tag.HighBit) {
		in.HighBit = in.BitsStored - 1
	}
	var slope, intercept bool
	in.RescaleSlope, slope = d.Float(tag.RescaleSlope)
	in.RescaleIntercept, intercept = d.Float(tag.RescaleIntercept)
	in.HasRescale = slope || intercept
	if !slope || in.RescaleSlope == 0 { // a slope of 0 would lose the image; some systems write it for "none"
		in.RescaleSlope = 1
	}
	in.PaddingValue = in.stored16(d, tag.PixelPaddingValue)
	in.PaddingLimit = in.stored16(d, tag.PixelPaddingRangeLimit)
	in.lut = modalityLUT(d, in.Signed)
}

// stored16 returns the element t, a stored value of one pixel, whose sign is
// that of the pixels whatever representation it was written in.
func (in *Instance) stored16(d Dataset, t tag.Tag) *int {
	n, ok := d.Int(t)
	if !ok {
		return nil
	}
	if in.Signed {
		n = int(int16(n))
	} else {
		n = int(uint16(n))
	}
	return &n
}

// bValue returns the diffusion b-value of a single frame: the standard's
// element, else those of Siemens, GE and Philips.
func bValue(d Dataset) *float64 {
	if b, ok := d.Float(tag.DiffusionBValue); ok && b >= 0 {
		return &b
	}
	maker := strings.ToUpper(d.Text(tag.Manufacturer))
	switch {
	case strings.HasPrefix(maker, "SIEMENS"):
		if b, ok := d.Float(tag.Tag{Group: 0x0019, Element: 0x100c}); ok && b >= 0 {
			return &b
		}
	case strings.HasPrefix(maker, "GE"):
		if all := d.Floats(tag.Tag{Group: 0x0043, Element: 0x1039}); len(all) > 0 && all[0] >= 0 {
			b := math.Mod(all[0], 1e6) // GE adds 10^9 on some releases
			return &b
		}
	case strings.HasPrefix(maker, "PHILIPS"):
		if b, ok := d.Float(tag.Tag{Group: 0x2001, Element: 0x1003}); ok && b >= 0 {
			return &b
		}
	}
	return nil
}

// petHeader takes what SUV needs. The radiopharmaceutical's facts are in the first
// item of its sequence; a private block may be at any element xx10 to xxFF.
func petHeader(d Dataset) PET {
	if m := d.Text(tag.Modality); m != "PT" {
		return PET{}
	}
	rp := d.Item(tag.RadiopharmaceuticalInformationSequence)
	p := PET{
		Units: d.Text(tag.Units), SUVType: d.Text(tag.SUVType), CorrectedImage: d.Texts(tag.CorrectedImage),
		DecayCorrection: d.Text(tag.DecayCorrection), PatientSex: d.Text(tag.PatientSex),
		StartTime:       rp.Text(tag.RadiopharmaceuticalStartTime),
		StartDateTime:   rp.Text(tag.RadiopharmaceuticalStartDateTime),
		GEScanDateTime:  d.Text(private(d, 0x0009, "GEMS_PETD_01", 0x0d)),
		GEInjectionTime: d.Text(private(d, 0x0009, "GEMS_PETD_01", 0x3b)),
	}
	p.PatientWeight, _ = d.Float(tag.PatientWeight)
	p.PatientSize, _ = d.Float(tag.PatientSize)
	p.HalfLife, _ = rp.Float(tag.RadionuclideHalfLife)
	p.TotalDose, _ = rp.Float(tag.RadionuclideTotalDose)
	p.FrameReference, _ = d.Float(tag.FrameReferenceTime)
	p.FrameDuration, _ = d.Float(tag.ActualFrameDuration)
	p.DecayFactor, _ = d.Float(tag.DecayFactor)
	p.PhilipsSUV, _ = d.Float(private(d, 0x7053, "Philips PET Private Group", 0x00))
	p.PhilipsActivity, _ = d.Float(private(d, 0x7053, "Philips PET Private Group", 0x09))
	return p
}

// private returns the tag of element ee in the block that creator has reserved
// in group (PS3.5 section 7.8.1), or block 10 where the reservation is missing.
func private(d Dataset, group uint16, creator string, ee uint16) tag.Tag {
	for block := uint16(0x10); block <= 0xff; block++ {
		if d.Text(tag.Tag{Group: group, Element: block}) == creator {
			return tag.Tag{Group: group, Element: block<<8 | ee}
		}
	}
	return tag.Tag{Group: group, Element: 0x1000 | ee}
}
