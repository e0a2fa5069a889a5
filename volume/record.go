package volume

import (
	"cmp"
	"fmt"
	"slices"

	"oncovox/internal/jsonl"
)

// A Record is one row of volumes.jsonl: a volume on disk, where it came from
// and how. Ids are keyed hashes; nothing here names a patient.
type Record struct {
	ID      string `json:"id"`      // also the name of its folder in volumes/
	Patient string `json:"patient"` // keyed hash of the patient
	Study   string `json:"study"`   // keyed hash of the study's UID
	Series  string `json:"series"`  // keyed hash of the series' UID
	Frame   string `json:"frame"`   // keyed hash of the frame of reference's UID, "" if it has none

	Modality string `json:"modality"` // "CT", "PT", "MR"
	Unit     string `json:"unit"`     // "HU", "SUV", or "" where the scale is the scanner's own

	Shape     [3]int     `json:"shape"`      // D, H, W
	SpacingMM [3]float64 `json:"spacing_mm"` // z, y, x
	Affine    Affine     `json:"affine"`     // z, y, x indices to LPS mm
	DType     string     `json:"dtype"`      // "int16" or "float32"
	Digest    string     `json:"digest"`     // as Write returned it

	Verdict string `json:"verdict"` // "volume", "corrected" or "split"
	Method  string `json:"method"`  // how it was assembled, corrected or split

	Labelled         bool    `json:"labelled"`           // a label object refers to it, even one without a tumour
	SliceThicknessMM float64 `json:"slice_thickness_mm"` // as the header says, 0 if unknown
	Manufacturer     string  `json:"manufacturer"`       // vendor of the scanner, "" if unknown
}

// Geometry returns the grid that r describes.
func (r Record) Geometry() Geometry { return Geometry{r.Shape, r.Affine} }

// Validate returns why r cannot be a row of volumes.jsonl, or nil.
func (r Record) Validate() error {
	if !plainName(r.ID) {
		return fmt.Errorf("volume id %.40q: want letters, digits, - and _", r.ID)
	}
	if r.Patient == "" {
		return fmt.Errorf("volume %s: no patient", r.ID)
	}
	if err := r.Geometry().Validate(); err != nil {
		return fmt.Errorf("volume %s: %v", r.ID, err)
	}
	return nil
}

// plainName reports whether s is safe as the name of a folder.
func plainName(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// ReadRecords reads a volumes.jsonl, and checks each row and that no id comes
// twice.
func ReadRecords(path string) ([]Record, error) {
	rows, err := jsonl.Read[Record](path)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(rows))
	for i, r := range rows {
		if err := r.Validate(); err != nil {
			return nil, fmt.Errorf("%s: row %d: %v", path, i+1, err)
		}
		if seen[r.ID] {
			return nil, fmt.Errorf("%s: row %d: volume %s comes twice", path, i+1, r.ID)
		}
		seen[r.ID] = true
	}
	return rows, nil
}

// WriteRecords writes rows, sorted by id, as a volumes.jsonl.
func WriteRecords(path string, rows []Record) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b Record) int { return cmp.Compare(a.ID, b.ID) })
	for _, r := range rows {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
	}
	return jsonl.Write(path, rows, 0o644)
}
