package finetune

import (
	"fmt"
	"math"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/lesion"
)

// An OperatingPoint is a threshold chosen on the validation part.
type OperatingPoint struct {
	Name           string  `json:"name"`
	FPPerScan      float64 `json:"fp_per_scan"`     // that it aims at
	Threshold      float64 `json:"threshold"`       // detections with at least this score count
	ValSensitivity float64 `json:"val_sensitivity"` // share of validation lesions found there
	ValFPPerScan   float64 `json:"val_fp_per_scan"` // false positives per scan there
}

// operatingPoints is the file operating_points.json.
type operatingPoints struct {
	Points   []OperatingPoint `json:"points"`
	Part     string           `json:"part"`     // that they were chosen on
	Patients []string         `json:"patients"` // keyed hashes of those of the scans; who is reported must not be among them
	Scans    int              `json:"scans"`    // labelled scans of the part
	Lesions  int              `json:"lesions"`  // in them
}

// A curve holds the detections of labelled scans, matched with their lesions.
type curve struct {
	pool     *metric.Pool
	counts   metric.Counts
	patients []string // sorted
}

// newCurve matches detections with the lesions of items as evaluate does.
func newCurve(items []dataset.Item, found []lesion.Detection, rule func(metric.Scan) metric.Match) curve {
	marks := map[string][]metric.Mark{}
	for _, d := range found {
		marks[d.Volume] = append(marks[d.Volume], metric.Mark{Centre: d.CentreLPSMM, Size: d.SizeMM, Score: d.Score})
	}
	var c curve
	scans := make([]metric.Scan, len(items))
	for i, it := range items {
		c.patients = append(c.patients, it.Patient)
		scans[i] = metric.Scan{ID: it.ID, Patient: it.Patient, Marks: marks[it.ID]}
		for _, l := range it.Lesions {
			scans[i].Truths = append(scans[i].Truths, metric.Truth{Centre: l.CentreLPSMM, Size: l.SizeMM, Diameter: l.DiameterMM, Ignore: l.Ignore})
		}
	}
	slices.Sort(c.patients)
	c.patients = slices.Compact(c.patients)
	c.pool = metric.NewPool(scans, rule)
	c.counts = c.pool.Counts()
	return c
}

// at returns the lowest threshold with at most rate false positives a scan, the
// sensitivity and the false positives a scan there. Where not even the surest
// detection may count it is 1.
func (c curve) at(rate float64) (sensitivity, threshold, wrong float64) {
	if threshold = c.pool.ThresholdAt(rate); math.IsInf(threshold, 1) {
		return 0, 1, 0
	}
	sensitivity, wrong = c.pool.AtThreshold(nil, threshold)
	return sensitivity, threshold, wrong
}

// points reads the operating points off c; none where it has no lesions.
func (c curve) points() operatingPoints {
	o := operatingPoints{Points: []OperatingPoint{}, Part: dataset.Val, Patients: append([]string{}, c.patients...),
		Scans: c.counts.Scans, Lesions: c.counts.Lesions}
	if o.Lesions == 0 {
		return o
	}
	for _, r := range metric.CPMRates {
		s, t, wrong := c.at(r)
		o.Points = append(o.Points, OperatingPoint{
			Name:      fmt.Sprintf("%v FP/scan on validation", r),
			FPPerScan: r, Threshold: t, ValSensitivity: s, ValFPPerScan: wrong,
		})
	}
	return o
}
