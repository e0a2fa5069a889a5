package dataset

import (
	"fmt"
	"math"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/volume"
)

// A row is one line of dataset/volumes.jsonl: the record of the prepared
// volume, and how it was normalised.
type row struct {
	volume.Record
	Part         string  `json:"part"`
	Scale        float64 `json:"scale"`         // source intensity = value·scale + offset
	Offset       float64 `json:"offset"`        //
	WindowLow    float64 `json:"window_low"`    // in the source's unit
	WindowHigh   float64 `json:"window_high"`   // in the source's unit
	SourceDigest string  `json:"source_digest"` // of the volume that was prepared
}

func (r row) item() Item {
	return Item{
		ID: r.ID, Patient: r.Patient, Part: r.Part, Labelled: r.Labelled,
		Modality: r.Modality, Unit: r.Unit, Manufacturer: r.Manufacturer, SliceThicknessMM: r.SliceThicknessMM,
		Geometry: r.Geometry(), Scale: r.Scale, Offset: r.Offset, WindowLow: r.WindowLow, WindowHigh: r.WindowHigh,
	}
}

func (r row) validate() error {
	if err := r.Record.Validate(); err != nil {
		return err
	}
	if r.Part != Train && r.Part != Val && r.Part != Test {
		return fmt.Errorf("volume %s: part %.20q: want train, val or test", r.ID, r.Part)
	}
	if !(r.Scale > 0) || math.IsInf(r.Scale, 0) || math.IsNaN(r.Offset+r.WindowLow+r.WindowHigh) {
		return fmt.Errorf("volume %s: scale %v, offset %v: want finite numbers and a scale above 0", r.ID, r.Scale, r.Offset)
	}
	return nil
}

// apart fails if rows of different parts share what no two parts may share.
func apart(rows []row) error {
	for _, id := range []struct {
		what string
		of   func(r row) string
	}{
		{"patient", func(r row) string { return r.Patient }},
		{"study", func(r row) string { return r.Study }},
		{"series", func(r row) string { return r.Series }},
		{"frame of reference", func(r row) string { return r.Frame }},
		{"scan", func(r row) string { return r.SourceDigest }},
	} {
		first := map[string]row{}
		for _, r := range rows {
			shared := id.of(r)
			if f, ok := first[shared]; !ok {
				first[shared] = r
			} else if shared != "" && f.Part != r.Part {
				return fmt.Errorf("%w: the parts share data: volume %s (%s) and volume %s (%s): same %s %s: prepare again",
					stage.ErrGate, f.ID, f.Part, r.ID, r.Part, id.what, shared)
			}
		}
	}
	return nil
}

// readRows reads a dataset/volumes.jsonl and checks each row and their order.
func readRows(path string) ([]row, error) {
	rows, err := jsonl.Read[row](path)
	if err != nil {
		return nil, err
	}
	for i, r := range rows {
		if err := r.validate(); err != nil {
			return nil, fmt.Errorf("%s: row %d: %v", path, i+1, err)
		}
		if i > 0 && rows[i-1].ID >= r.ID {
			return nil, fmt.Errorf("%s: row %d: volumes are not in the order of their ids", path, i+1)
		}
	}
	return rows, nil
}
