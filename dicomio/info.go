package dicomio

import (
	"fmt"
	"io"
	"strconv"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Facts is what the reader has to say about one DICOM file: for people, and as
// JSON for scripts. Without Patient it holds nothing that leads to the patient: no
// name, id, date, UID of the source or free text.
type Facts struct {
	Verdict string   `json:"verdict"` // "ok" or "refused"
	Reason  Reason   `json:"reason,omitempty"`
	Detail  string   `json:"detail,omitempty"`
	Notes   []string `json:"notes,omitempty"` // what was mended while reading

	TransferSyntax string     `json:"transfer_syntax,omitempty"`
	SOPClass       string     `json:"sop_class,omitempty"`
	Modality       string     `json:"modality,omitempty"`
	ImageType      []string   `json:"image_type,omitempty"`
	Manufacturer   string     `json:"manufacturer,omitempty"`
	Elements       int        `json:"elements,omitempty"` // of the header; not counted by Index
	Pixels         *PixelInfo `json:"pixels,omitempty"`
	Geometry       *Geometry  `json:"geometry,omitempty"` // of the first frame
	Patient        *Patient   `json:"patient,omitempty"`
}

// PixelInfo describes the pixels of an object as its header does.
type PixelInfo struct {
	Frames        int     `json:"frames"`
	Rows          int     `json:"rows"`
	Columns       int     `json:"columns"`
	Samples       int     `json:"samples"`
	BitsAllocated int     `json:"bits_allocated"`
	BitsStored    int     `json:"bits_stored"`
	Signed        bool    `json:"signed"`
	DType         string  `json:"dtype"` // as numpy writes it
	Photometric   string  `json:"photometric,omitempty"`
	Slope         float64 `json:"rescale_slope"`
	Intercept     float64 `json:"rescale_intercept"`
	Padding       *int    `json:"padding_value,omitempty"`
}

// Geometry places a frame in the patient, in LPS mm.
type Geometry struct {
	Position       []float64 `json:"position_lps_mm,omitempty"`
	Orientation    []float64 `json:"orientation,omitempty"`
	PixelSpacing   []float64 `json:"pixel_spacing_mm,omitempty"` // between rows, between columns
	SliceThickness float64   `json:"slice_thickness_mm,omitempty"`
}

// Patient is what leads to the patient. It is given only where it is asked for.
type Patient struct {
	Name        string `json:"name"`
	ID          string `json:"id"`
	BirthDate   string `json:"birth_date"`
	Sex         string `json:"sex"`
	StudyDate   string `json:"study_date"`
	Study       string `json:"study"`
	Series      string `json:"series"`
	Instance    string `json:"instance"`
	Description string `json:"series_description"`
}

// Info reads the DICOM file b and reports on it; with patient, what leads to
// the patient too. An ok verdict means that the header is sound and that the
// first frame, if there are pixels, could be decoded. A file that cannot be read
// gives a refused verdict, not an error.
func Info(b []byte, patient bool) Facts {
	in, err := ReadInstance("", b)
	if in == nil {
		return Facts{}.judge(err)
	}
	f := in.facts(patient)
	f.Elements = len(in.Dataset.elements)
	if in.HasPixels && err == nil {
		_, err = in.Stored(0)
	}
	return f.judge(err)
}

// facts returns what is known of in, without a verdict.
func (in *Instance) facts(patient bool) Facts {
	f := Facts{
		Notes: in.Notes, TransferSyntax: in.TransferSyntax, SOPClass: in.SOPClass, Modality: in.Modality,
		ImageType: in.ImageType, Manufacturer: in.Manufacturer,
	}
	if patient {
		f.Patient = &Patient{
			Name: in.text(tag.PatientName), ID: in.text(tag.PatientID),
			BirthDate: in.text(tag.PatientBirthDate), Sex: in.text(tag.PatientSex), StudyDate: in.StudyDate,
			Study: in.Study, Series: in.Series, Instance: in.SOPInstance, Description: in.text(tag.SeriesDescription),
		}
	}
	if in.HasPixels {
		f.Pixels = &PixelInfo{
			Frames: in.Frames, Rows: in.Rows, Columns: in.Columns, Samples: in.SamplesPerPixel,
			BitsAllocated: in.BitsAllocated, BitsStored: in.BitsStored, Signed: in.Signed, DType: in.kind().dtype(),
			Photometric: in.Photometric, Slope: in.Frame(0).Slope, Intercept: in.Frame(0).Intercept, Padding: in.PaddingValue,
		}
		f.Geometry = in.geometry()
	}
	return f
}

func (in *Instance) geometry() *Geometry {
	f := in.Frame(0)
	g := &Geometry{SliceThickness: f.SliceThickness}
	if f.HasPosition {
		g.Position = f.Position[:]
	}
	if f.HasOrientation {
		g.Orientation = f.Orientation[:]
	}
	if f.HasSpacing {
		g.PixelSpacing = f.PixelSpacing[:]
	}
	return g
}

// judge sets the verdict.
func (f Facts) judge(err error) Facts {
	f.Verdict = "ok"
	if err == nil {
		return f
	}
	f.Verdict, f.Reason, f.Detail = "refused", ReasonOf(err), detailOf(err)
	return f
}

// dtype returns the numpy name of k.
func (k Kind) dtype() string {
	return [...]string{"|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f4", "<f8"}[k]
}

// WriteNPY writes the stored values of all frames of in to w as a numpy array
// (format 1.0), C order, of shape (frames, rows, columns, samples) without frames
// if there is one and without samples if there is one. It fails as Stored does,
// or with w's error; nothing is written before the first frame is decoded.
func WriteNPY(w io.Writer, in *Instance) error {
	for i := range in.Frames {
		s, err := in.Stored(i)
		if err != nil {
			return err
		}
		if i == 0 {
			if _, err := io.WriteString(w, npyHeader(s, in.Frames)); err != nil {
				return err
			}
		}
		if _, err := w.Write(s.Data); err != nil {
			return err
		}
	}
	return nil
}

// npyHeader returns the magic, version, length and dictionary, padded with
// blanks to a multiple of 64.
func npyHeader(s Stored, frames int) string {
	shape := fmt.Sprintf("%d, %d", s.Rows, s.Columns)
	if frames > 1 {
		shape = strconv.Itoa(frames) + ", " + shape
	}
	if s.Samples > 1 {
		shape += ", " + strconv.Itoa(s.Samples)
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", s.Kind.dtype(), shape)
	n := len(dict) + 1
	n += -(10 + n) & 63
	return "\x93NUMPY\x01\x00" + string([]byte{byte(n), byte(n >> 8)}) + fmt.Sprintf("%-*s\n", n-1, dict)
}
