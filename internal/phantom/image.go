package phantom

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// SOP classes that are written.
const (
	classCT        = "1.2.840.10008.5.1.4.1.1.2"
	classMR        = "1.2.840.10008.5.1.4.1.1.4"
	classPT        = "1.2.840.10008.5.1.4.1.1.128"
	classStructure = "1.2.840.10008.5.1.4.1.1.481.3"
)

// A radiotracer's doings, the same for all PT of a phantom: FDG, an hour before the scan.
const (
	halfLife    = 6586.2 // s, of fluorine-18
	injected    = "090000.00"
	scanned     = "100000.00"
	uptake      = 3600.0 // s between the two
	dosePerKilo = 4e6    // Bq
)

func (p *patient) sopClass() string {
	return map[string]string{"CT": classCT, "MR": classMR, "PT": classPT}[p.cfg.Modality]
}

// instance is the UID of the slice that lies iz-th from the feet.
func (p *patient) instance(iz int) string { return p.uid("image %d", iz) }

// number is the InstanceNumber of that slice.
func (p *patient) instanceNumber(iz int) int {
	if p.feetward {
		return p.grid[0] - iz
	}
	return iz + 1
}

// person sets the patient's and the study's modules and the equipment.
func (p *patient) person(d *dataset) {
	day := fmt.Sprintf("2001%02d%02d", 1+p.number/28%12, 1+p.number%28)
	d.text(tag.SpecificCharacterSet, "ISO_IR 100")
	d.text(tag.PatientName, fmt.Sprintf("Phantom^%04d", p.number))
	d.text(tag.PatientID, fmt.Sprintf("PHANTOM-%s-%d-%04d", p.cfg.Setting, p.seed, p.number))
	d.text(tag.PatientBirthDate, fmt.Sprintf("19%02d0101", 30+p.number%50))
	d.text(tag.PatientSex, []string{"F", "M"}[p.number%2])
	d.text(tag.PatientAge, fmt.Sprintf("%03dY", 71-p.number%50))
	d.numbers(tag.PatientWeight, p.weight)
	d.text(tag.StudyInstanceUID, p.uid("study"))
	d.text(tag.StudyDate, day)
	d.text(tag.StudyTime, "085500.00")
	d.text(tag.StudyID, strconv.Itoa(p.number))
	d.text(tag.StudyDescription, "Made data, not a patient")
	d.text(tag.AccessionNumber, "")
	d.text(tag.ReferringPhysicianName, "")
	d.text(tag.Manufacturer, "Oncovox phantom")
	d.text(tag.ManufacturerModelName, p.scene.maker)
	d.text(tag.SoftwareVersions, strconv.Itoa(Version))
	d.text(tag.FrameOfReferenceUID, p.uid("frame"))
	d.text(tag.PositionReferenceIndicator, "")
	d.text(tag.SeriesDate, day)
	d.text(tag.SeriesTime, scanned)
}

// series returns what all images of the patient share.
func (p *patient) series() *dataset {
	d := new(dataset)
	p.person(d)
	d.text(tag.Modality, p.cfg.Modality)
	d.text(tag.SeriesInstanceUID, p.uid("series"))
	d.text(tag.SeriesNumber, "1")
	d.text(tag.SeriesDescription, "Chest "+p.cfg.Modality+", made data")
	d.text(tag.BodyPartExamined, "CHEST")
	if p.cfg.Modality != "PT" { // which has codes for it
		d.text(tag.PatientPosition, "HFS")
	}
	d.text(tag.AcquisitionNumber, "1")
	d.set(tag.AcquisitionDate, []string{fmt.Sprintf("2001%02d%02d", 1+p.number/28%12, 1+p.number%28)})
	d.text(tag.AcquisitionTime, scanned)
	d.numbers(tag.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
	d.numbers(tag.PixelSpacing, p.step[1], p.step[0])
	d.numbers(tag.SliceThickness, p.step[2])
	d.set(tag.Rows, []int{p.grid[1]})
	d.set(tag.Columns, []int{p.grid[2]})
	d.set(tag.SamplesPerPixel, []int{1})
	d.text(tag.PhotometricInterpretation, "MONOCHROME2")
	d.set(tag.BitsAllocated, []int{16})
	stored, sign := 16, 1
	if p.cfg.Modality == "CT" && !p.signed || p.cfg.Modality == "MR" {
		stored, sign = 12, 0
	}
	d.set(tag.BitsStored, []int{stored})
	d.set(tag.HighBit, []int{stored - 1})
	d.set(tag.PixelRepresentation, []int{sign})
	switch p.cfg.Modality {
	case "CT":
		p.seriesCT(d)
	case "PT":
		p.seriesPT(d)
	case "MR":
		p.seriesMR(d)
	}
	return d
}

func (p *patient) seriesCT(d *dataset) {
	d.text(tag.ImageType, "ORIGINAL", "PRIMARY", "AXIAL")
	d.numbers(tag.KVP, 120)
	d.numbers(tag.RescaleSlope, 1)
	d.numbers(tag.RescaleIntercept, p.intercept())
	d.text(tag.RescaleType, "HU")
	d.numbers(tag.WindowCenter, -600)
	d.numbers(tag.WindowWidth, 1500)
}

func (p *patient) seriesMR(d *dataset) {
	d.text(tag.ImageType, "ORIGINAL", "PRIMARY", "OTHER")
	d.text(tag.ScanningSequence, "SE")
	d.text(tag.SequenceVariant, "NONE")
	d.text(tag.ScanOptions, "")
	d.text(tag.MRAcquisitionType, "2D")
	d.numbers(tag.RepetitionTime, 500)
	d.numbers(tag.EchoTime, 12)
	d.text(tag.EchoTrainLength, "1")
	d.numbers(tag.MagneticFieldStrength, 1.5)
}

func (p *patient) seriesPT(d *dataset) {
	d.text(tag.ImageType, "ORIGINAL", "PRIMARY")
	d.text(tag.Units, "BQML")
	d.text(tag.SeriesType, "STATIC", "IMAGE")
	d.text(tag.CountsSource, "EMISSION")
	d.text(tag.CorrectedImage, "ATTN", "DECY")
	d.text(tag.DecayCorrection, "START")
	d.text(tag.AttenuationCorrectionMethod, "made")
	d.text(tag.CollimatorType, "NONE")
	d.numbers(tag.DecayFactor, 1)
	d.numbers(tag.FrameReferenceTime, 0)
	d.text(tag.ActualFrameDuration, "120000")
	d.set(tag.NumberOfSlices, []int{p.grid[0]})
	d.numbers(tag.RescaleIntercept, 0)
	d.seq(tag.RadiopharmaceuticalInformationSequence, func(d *dataset) {
		d.text(tag.Radiopharmaceutical, "FDG")
		d.text(tag.RadiopharmaceuticalStartTime, injected)
		d.numbers(tag.RadionuclideTotalDose, p.dose())
		d.numbers(tag.RadionuclideHalfLife, halfLife)
		d.numbers(tag.RadionuclidePositronFraction, 0.967)
		d.seq(tag.RadionuclideCodeSequence, code("77004003", "SCT", "^18^Fluorine"))
		d.seq(tag.RadiopharmaceuticalCodeSequence, code("35321007", "SCT", "Fluorodeoxyglucose F^18^"))
	})
	d.seq(tag.PatientOrientationCodeSequence, func(d *dataset) {
		code("102538003", "SCT", "recumbent")(d)
		d.seq(tag.PatientOrientationModifierCodeSequence, code("40199007", "SCT", "supine"))
	})
	d.seq(tag.PatientGantryRelationshipCodeSequence, code("102540008", "SCT", "headfirst"))
}

func code(value, scheme, meaning string) func(*dataset) {
	return func(d *dataset) {
		d.text(tag.CodeValue, value)
		d.text(tag.CodingSchemeDesignator, scheme)
		d.text(tag.CodeMeaning, meaning)
	}
}

// dose is the activity that was injected, in Bq.
func (p *patient) dose() float64 { return dosePerKilo * p.weight }

// activity is the activity concentration in Bq/ml at SUV 1 when the scan began.
func (p *patient) activity() float64 {
	return p.dose() * math.Exp2(-uptake/halfLife) / (1000 * p.weight)
}

// intercept is what CT adds to a stored value to give HU.
func (p *patient) intercept() float64 {
	if p.signed {
		return 0
	}
	return -1024
}

// image returns the DICOM file of the slice that lies iz-th from the feet.
// values are in the modality's unit, rows*columns.
func (p *patient) image(series *dataset, iz int, values []float32) ([]byte, error) {
	d := series.with()
	at := p.lps(p.first.add(vec{0, 0, float64(iz) * p.step[2]}))
	d.numbers(tag.ImagePositionPatient, rounded(at[0]), rounded(at[1]), rounded(at[2]))
	d.numbers(tag.SliceLocation, rounded(at[2]))
	d.text(tag.InstanceNumber, strconv.Itoa(p.instanceNumber(iz)))
	var raw []byte
	switch p.cfg.Modality {
	case "CT":
		raw = stored(values, 1, p.intercept(), -1024, 3071)
	case "MR":
		raw = stored(values, 1, 0, 0, 4095)
	case "PT":
		slope := sliceSlope(values, p.activity())
		d.text(tag.RescaleSlope, decimal(slope))
		d.set(tag.ImageIndex, []int{p.instanceNumber(iz)})
		raw = stored(values, slope/p.activity(), 0, 0, math.Inf(1))
	}
	d.set(tag.PixelData, dicom.PixelDataInfo{IntentionallyUnprocessed: true, UnprocessedValueData: raw})
	return d.encode(p.sopClass(), p.instance(iz), p.syntax)
}

// sliceSlope is the Bq/ml of one stored unit that lets the hottest pixel of a
// slice use the whole range. It is a decimal string's worth of digits.
func sliceSlope(values []float32, activity float64) float64 {
	hot := float32(0.01)
	for _, v := range values {
		hot = max(hot, v)
	}
	slope, _ := strconv.ParseFloat(decimal(float64(hot)*activity/32760), 64)
	return slope
}

// stored clips values to lo..hi and turns them into 16-bit little-endian
// integers k with value = k*slope + intercept.
func stored(values []float32, slope, intercept, lo, hi float64) []byte {
	raw := make([]byte, 0, 2*len(values))
	for _, v := range values {
		k := math.Round((min(hi, max(lo, float64(v))) - intercept) / slope)
		raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(k)))
	}
	return raw
}
