package eval

import (
	"math"

	"oncovox/eval/metric"
)

// level of all intervals.
const level = 0.95

// A Figure is one number of the report, with what it means.
type Figure struct {
	Key        string   `json:"key"`
	Title      string   `json:"title"`
	Definition string   `json:"definition"`
	Unit       string   `json:"unit,omitempty"`
	Value      *float64 `json:"value"`                 // null where not defined
	Low        *float64 `json:"low"`                   // of the 95 % interval, null where there is none
	High       *float64 `json:"high"`                  // of the 95 % interval, null where there is none
	BCaLow     *float64 `json:"bca_low"`               // of the interval corrected for bias and skew, null where there is none
	BCaHigh    *float64 `json:"bca_high"`              // of the interval corrected for bias and skew, null where there is none
	Interval   string   `json:"interval,omitempty"`    // how the intervals were made, or why there are none
	Undefined  string   `json:"not_defined,omitempty"` // why there is no value
}

// A Rate is the sensitivity at a number of false positives per scan.
type Rate struct {
	FPPerScan   float64  `json:"fp_per_scan"`
	Sensitivity *float64 `json:"sensitivity"`
	Low         *float64 `json:"low"`
	High        *float64 `json:"high"`
	Threshold   *float64 `json:"threshold"` // lowest with at most that many; null if nothing may be accepted
}

// A Point is an operating point: a threshold that was chosen elsewhere, and
// what it gives there and here.
type Point struct {
	Name           string   `json:"name"`
	Threshold      float64  `json:"threshold"`
	Source         string   `json:"source"`                    // who chose the threshold, and on what
	ChosenOn       string   `json:"chosen_on"`                 // the part it was chosen on, such as "val"
	ValFPPerScan   *float64 `json:"val_fp_per_scan,omitempty"` // that it aims at there
	ValFPMeasured  *float64 `json:"val_fp_measured,omitempty"` // there
	ValSensitivity *float64 `json:"val_sensitivity,omitempty"` // there
	ValLow         *float64 `json:"val_low,omitempty"`         // Wilson
	ValHigh        *float64 `json:"val_high,omitempty"`
	ValLesions     int      `json:"val_lesions,omitempty"`
	ValScans       int      `json:"val_scans,omitempty"`
	Found          int      `json:"found"`
	Lesions        int      `json:"lesions"`
	Sensitivity    *float64 `json:"sensitivity"`
	Low            *float64 `json:"low"`
	High           *float64 `json:"high"`
	FPPerScan      *float64 `json:"fp_per_scan"`
	FPLow          *float64 `json:"fp_low"`
	FPHigh         *float64 `json:"fp_high"`
	Cases          *Cases   `json:"cases"` // of whole scans at the threshold; null where nothing was measured
}

// A Grouping is the lesions and scans in groups of one kind. Groups of scans of
// fewer patients than the config's smallest are merged into the last one.
type Grouping struct {
	By        string    `json:"by"` // "size", "modality", "vendor", "slice_thickness", "site", "sex" or "age_band"
	Title     string    `json:"title"`
	Groups    []Stratum `json:"groups"`
	Merged    []string  `json:"merged,omitempty"`      // names of the groups in the one called "other"
	Undefined string    `json:"not_defined,omitempty"` // why there are no groups
}

// A Stratum is a group of lesions, and of the scans they may lie in.
type Stratum struct {
	Name        string   `json:"name"`
	Patients    int      `json:"patients,omitempty"` // 0 where lesions are grouped
	Scans       int      `json:"scans,omitempty"`    // 0 where lesions are grouped
	Lesions     int      `json:"lesions"`
	Found       int      `json:"found"`        // at the working point
	FoundAtAll  int      `json:"found_at_all"` // at any score
	Sensitivity *float64 `json:"sensitivity"`  // Found over Lesions
	Low         *float64 `json:"low"`          // Wilson
	High        *float64 `json:"high"`
	FPPerScan   *float64 `json:"fp_per_scan,omitempty"` // at the working point
}

// A Result is all that was measured of one method.
type Result struct {
	Method       string         `json:"method"`
	Title        string         `json:"title"`
	What         string         `json:"what"`
	Absent       string         `json:"not_applicable,omitempty"`
	Counts       metric.Counts  `json:"counts"`
	Figures      []Figure       `json:"figures"`
	Rates        []Rate         `json:"froc"`
	Strata       []Grouping     `json:"strata"`
	Calibration  *Calibration   `json:"calibration"`    // null for baselines
	Decision     *DecisionCurve `json:"decision_curve"` // null for baselines
	Segmentation *Segmentation  `json:"segmentation"`   // null for baselines
	Redraws      int            `json:"redraws"`        // resamples drawn again since a figure had no value

	froc, roc, pr curve
	thresholds    []float64 // of the points of froc
}

// A curve is a line with its interval; low and high are nil without one. A
// curve without points is not defined.
type curve struct {
	x, y      []float64
	bandX     []float64
	low, high []float64
}

// Figure returns the figure with the given key, or one without a value.
func (r *Result) Figure(key string) Figure {
	for _, f := range r.Figures {
		if f.Key == key {
			return f
		}
	}
	return Figure{Key: key, Undefined: r.Absent}
}

// Groups returns the groups of one kind, such as "size"; none if there are none.
func (r *Result) Groups(by string) []Stratum {
	for _, g := range r.Strata {
		if g.By == by {
			return g.Groups
		}
	}
	return nil
}

// number returns v, or nil where it is not finite: JSON and readers have no NaN.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
