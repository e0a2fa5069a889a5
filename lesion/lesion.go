// Package lesion holds what is looked for and what is found: lesions, the
// truth, and detections, predictions with a score. Both are placed in the
// patient, in millimetres in DICOM's LPS, independent of any voxel grid.
package lesion

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"oncovox/internal/jsonl"
)

// A Lesion is one tumour of the truth.
type Lesion struct {
	ID          string     `json:"id"`
	Volume      string     `json:"volume"` // id of the volume it was seen in
	Patient     string     `json:"patient"`
	CentreLPSMM [3]float64 `json:"centre_lps_mm"`    // x, y, z
	SizeMM      [3]float64 `json:"size_mm"`          // extent of its box along LPS x, y, z
	DiameterMM  float64    `json:"diameter_mm"`      // of the sphere of equal volume
	Label       int        `json:"label,omitempty"`  // its value in the volume's mask, 1 to 255; 0 if it has no mask
	Ignore      bool       `json:"ignore,omitempty"` // finding it is neither a hit nor a false positive
}

// A Detection is one predicted tumour.
type Detection struct {
	Volume      string     `json:"volume"`        // id of the volume it was found in
	CentreLPSMM [3]float64 `json:"centre_lps_mm"` // x, y, z
	SizeMM      [3]float64 `json:"size_mm"`       // extent of its box along LPS x, y, z
	Score       float64    `json:"score"`         // in [0, 1], greater is surer
}

// Validate returns why l cannot be a lesion, or nil.
func (l Lesion) Validate() error {
	switch {
	case l.ID == "":
		return fmt.Errorf("lesion without an id")
	case l.Volume == "":
		return fmt.Errorf("lesion %s: no volume", l.ID)
	case l.Label < 0 || l.Label > 255:
		return fmt.Errorf("lesion %s: label %d: want 0 to 255", l.ID, l.Label)
	case !(l.DiameterMM > 0) || math.IsInf(l.DiameterMM, 0):
		return fmt.Errorf("lesion %s: diameter_mm %v: want more than 0", l.ID, l.DiameterMM)
	}
	if err := box(l.CentreLPSMM, l.SizeMM); err != nil {
		return fmt.Errorf("lesion %s: %v", l.ID, err)
	}
	return nil
}

// Validate returns why d cannot be a detection, or nil.
func (d Detection) Validate() error {
	if d.Volume == "" {
		return fmt.Errorf("detection without a volume")
	}
	if !(d.Score >= 0 && d.Score <= 1) {
		return fmt.Errorf("detection in %s: score %v: want 0 to 1", d.Volume, d.Score)
	}
	if err := box(d.CentreLPSMM, d.SizeMM); err != nil {
		return fmt.Errorf("detection in %s: %v", d.Volume, err)
	}
	return nil
}

// box checks a place and an extent.
func box(centre, size [3]float64) error {
	for axis := range 3 {
		if math.IsNaN(centre[axis]) || math.IsInf(centre[axis], 0) {
			return fmt.Errorf("centre_lps_mm %v: want finite numbers", centre)
		}
		if !(size[axis] > 0) || math.IsInf(size[axis], 0) {
			return fmt.Errorf("size_mm %v: want numbers above 0", size)
		}
	}
	return nil
}

// Compare orders lesions by volume, then id.
func (l Lesion) Compare(m Lesion) int {
	return cmp.Or(cmp.Compare(l.Volume, m.Volume), cmp.Compare(l.ID, m.ID))
}

// Compare orders detections by volume, then from the greatest score down, then
// by place and size, so that equal sets come in equal order.
func (d Detection) Compare(e Detection) int {
	return cmp.Or(
		cmp.Compare(d.Volume, e.Volume),
		cmp.Compare(e.Score, d.Score),
		slices.Compare(d.CentreLPSMM[:], e.CentreLPSMM[:]),
		slices.Compare(d.SizeMM[:], e.SizeMM[:]),
	)
}

// Read reads a lesions.jsonl. It checks each row, and that no id comes twice.
func Read(path string) ([]Lesion, error) {
	rows, err := read(path, Lesion.Validate)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(rows))
	for i, l := range rows {
		if seen[l.ID] {
			return nil, fmt.Errorf("%s: row %d: lesion %s comes twice", path, i+1, l.ID)
		}
		seen[l.ID] = true
	}
	return rows, nil
}

// Write writes rows as a lesions.jsonl, in the order of Compare.
func Write(path string, rows []Lesion) error {
	return write(path, rows, Lesion.Validate, Lesion.Compare)
}

// ReadDetections reads a detections.jsonl and checks each row.
func ReadDetections(path string) ([]Detection, error) {
	return read(path, Detection.Validate)
}

// WriteDetections writes rows as a detections.jsonl, in the order of Compare.
func WriteDetections(path string, rows []Detection) error {
	return write(path, rows, Detection.Validate, Detection.Compare)
}

func read[T any](path string, validate func(T) error) ([]T, error) {
	rows, err := jsonl.Read[T](path)
	if err != nil {
		return nil, err
	}
	fields, err := jsonl.Read[map[string]any](path)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		if err := threeNumbers(fields[i]); err != nil {
			return nil, fmt.Errorf("%s: row %d: %v", path, i+1, err)
		}
		if err := validate(row); err != nil {
			return nil, fmt.Errorf("%s: row %d: %v", path, i+1, err)
		}
	}
	return rows, nil
}

// threeNumbers fails if a place or an extent is absent or not of three numbers,
// which encoding/json passes over in silence.
func threeNumbers(fields map[string]any) error {
	for _, key := range []string{"centre_lps_mm", "size_mm"} {
		if list, ok := fields[key].([]any); !ok || len(list) != 3 {
			return fmt.Errorf("%s: want three numbers, x y z in mm", key)
		}
	}
	return nil
}

func write[T any](path string, rows []T, validate func(T) error, compare func(a, b T) int) error {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, compare)
	for _, row := range rows {
		if err := validate(row); err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
	}
	return jsonl.Write(path, rows, 0o644)
}
