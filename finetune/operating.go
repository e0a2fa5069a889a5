package finetune

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"oncovox/dataset"
	"oncovox/lesion"
)

// fpRates are the false positives per scan at which the mean sensitivity and
// the operating points are read, as LUNA16 has them.
var fpRates = [7]float64{0.125, 0.25, 0.5, 1, 2, 4, 8}

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

// A curve holds detections of labelled scans, from the surest down, each marked
// as the first to hit a lesion or as a false positive.
type curve struct {
	marks          []mark
	scans, lesions int
	patients       []string // sorted
}

type mark struct {
	score float64
	hit   bool
}

// newCurve matches detections with the lesions of items by rule. Of the lesions
// that a detection hits it takes the best; further hits of a lesion, and hits of
// ignored ones, count neither way.
func newCurve(items []dataset.Item, found []lesion.Detection, rule matchRule) curve {
	c := curve{scans: len(items)}
	byVolume := map[string][]lesion.Detection{}
	for _, d := range found {
		byVolume[d.Volume] = append(byVolume[d.Volume], d)
	}
	for _, it := range items {
		if at, ok := slices.BinarySearch(c.patients, it.Patient); !ok {
			c.patients = slices.Insert(c.patients, at, it.Patient)
		}
		ds := slices.Clone(byVolume[it.ID])
		slices.SortFunc(ds, lesion.Detection.Compare)
		taken := make([]bool, len(it.Lesions))
		for _, l := range it.Lesions {
			if !l.Ignore {
				c.lesions++
			}
		}
		for _, d := range ds {
			switch i := rule.best(d, it.Lesions); {
			case i < 0:
				c.marks = append(c.marks, mark{d.Score, false})
			case !taken[i] && !it.Lesions[i].Ignore:
				taken[i] = true
				c.marks = append(c.marks, mark{d.Score, true})
			}
		}
	}
	slices.SortStableFunc(c.marks, func(a, b mark) int { return cmp.Compare(b.score, a.score) })
	return c
}

// A matchRule says how well a detection meets a lesion: above 0 for a hit.
type matchRule func(d lesion.Detection, l lesion.Lesion) float64

// best returns the lesion that d meets best, or -1 if it hits none.
func (rule matchRule) best(d lesion.Detection, lesions []lesion.Lesion) int {
	top, at := 0.0, -1
	for i, l := range lesions {
		if m := rule(d, l); m > top {
			top, at = m, i
		}
	}
	return at
}

// inSphere is LUNA16's rule: a hit lies strictly nearer to the lesion's centre
// than its radius.
func inSphere(d lesion.Detection, l lesion.Lesion) float64 {
	return l.DiameterMM/2 - distance(d.CentreLPSMM, l.CentreLPSMM)
}

// overIoU is the rule of boxes: a hit has at least the given intersection over
// union.
func overIoU(least float64) matchRule {
	return func(d lesion.Detection, l lesion.Lesion) float64 {
		inter, a, b := 1.0, 1.0, 1.0
		for i := range 3 {
			lo := math.Max(d.CentreLPSMM[i]-d.SizeMM[i]/2, l.CentreLPSMM[i]-l.SizeMM[i]/2)
			hi := math.Min(d.CentreLPSMM[i]+d.SizeMM[i]/2, l.CentreLPSMM[i]+l.SizeMM[i]/2)
			inter *= math.Max(hi-lo, 0)
			a *= d.SizeMM[i]
			b *= l.SizeMM[i]
		}
		if iou := inter / (a + b - inter); iou >= least {
			return iou
		}
		return 0
	}
}

// at returns the greatest sensitivity with at most rate false positives a scan,
// the threshold that gives it, and the false positives a scan there.
func (c curve) at(rate float64) (sensitivity, threshold, wrong float64) {
	hits, fps := 0, 0
	threshold = 1
	for i, m := range c.marks {
		if m.hit {
			hits++
		} else {
			fps++
		}
		if float64(fps) > rate*float64(c.scans) {
			break
		}
		tied := i+1 < len(c.marks) && c.marks[i+1].score == m.score
		if !tied && c.lesions > 0 {
			sensitivity, threshold, wrong = float64(hits)/float64(c.lesions), m.score, float64(fps)/float64(c.scans)
		}
	}
	return sensitivity, threshold, wrong
}

// cpm is the mean sensitivity over fpRates.
func (c curve) cpm() float64 {
	sum := 0.0
	for _, r := range fpRates {
		s, _, _ := c.at(r)
		sum += s
	}
	return sum / float64(len(fpRates))
}

// ap is the average precision: the mean over lesions of the precision at the
// mark that finds it, 0 for those not found.
func (c curve) ap() float64 {
	sum, hits := 0.0, 0
	for i, m := range c.marks {
		if m.hit {
			hits++
			sum += float64(hits) / float64(i+1)
		}
	}
	return sum / math.Max(float64(c.lesions), 1)
}

// points reads the operating points off c; none where it has no lesions.
func (c curve) points() operatingPoints {
	o := operatingPoints{Points: []OperatingPoint{}, Part: dataset.Val, Patients: append([]string{}, c.patients...),
		Scans: c.scans, Lesions: c.lesions}
	if c.lesions == 0 {
		return o
	}
	for _, r := range fpRates {
		s, t, wrong := c.at(r)
		o.Points = append(o.Points, OperatingPoint{
			Name:      fmt.Sprintf("%v FP/scan on validation", r),
			FPPerScan: r, Threshold: t, ValSensitivity: s, ValFPPerScan: wrong,
		})
	}
	return o
}
