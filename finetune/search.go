package finetune

import (
	"context"
	"math"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/lesion"
)

const (
	// searchLimit is how many detections of a scan a search keeps, the surest.
	searchLimit = 10
	// doubt is the share of the confidence from which a detection on a scan without
	// labels is too likely a lesion to be taught as background.
	doubt = 1. / 3
)

// searched is what searches through some scans of the training part found.
type searched struct {
	Scans int                           `json:"scans"`           // gone through in all, one that was seen twice counted twice
	Found map[string][]lesion.Detection `json:"found,omitempty"` // when a scan was last gone through, by its id; scores are heat
}

// search goes through the next n scans of items, in turn, with the detector as it is.
func (s *searched) search(ctx context.Context, sc *Scanner, set *dataset.Set, items []dataset.Item, n int) error {
	if s.Found == nil {
		s.Found = map[string][]lesion.Detection{}
	}
	for range min(n, len(items)) {
		it := items[s.Scans%len(items)]
		found, err := sc.detect(ctx, set, []dataset.Item{it}, DefaultPredict().MinScore, searchLimit, nil, nil)
		if err != nil {
			return err
		}
		s.Found[it.ID] = found
		s.Scans++
	}
	return nil
}

// mistaken returns the items on which something was wrongly found, with what that was
// in the place of their lesions, and how many there are.
func (s *searched) mistaken(items []dataset.Item, rule func(metric.Scan) metric.Match) (out []dataset.Item, count int) {
	for _, it := range items {
		if len(s.Found[it.ID]) == 0 {
			continue
		}
		m := newCurve([]dataset.Item{it}, s.Found[it.ID], rule).pool.Matches[0]
		it.Lesions = nil
		for i, fate := range m.Fates {
			if fate == metric.False {
				it.Lesions = append(it.Lesions, asLesion(it, lesion.Detection{CentreLPSMM: m.Scan.Marks[i].Centre, SizeMM: m.Scan.Marks[i].Size}))
			}
		}
		if len(it.Lesions) > 0 {
			out = append(out, it)
			count += len(it.Lesions)
		}
	}
	return out, count
}

// believed returns the items that were gone through, with what was found on them in the
// place of their lesions, and how many of these count as lesions. What is less sure
// than confidence is to be ignored, down to the share doubt of it.
func (s *searched) believed(items []dataset.Item, confidence float64) (out []dataset.Item, count int) {
	for _, it := range items {
		found, ok := s.Found[it.ID]
		if !ok {
			continue
		}
		it.Lesions = nil
		for _, d := range found {
			if d.Score >= doubt*confidence {
				l := asLesion(it, d)
				l.Ignore = d.Score < confidence
				it.Lesions = append(it.Lesions, l)
				if !l.Ignore {
					count++
				}
			}
		}
		out = append(out, it)
	}
	return out, count
}

// asLesion takes a detection on it at its word.
func asLesion(it dataset.Item, d lesion.Detection) lesion.Lesion {
	return lesion.Lesion{Volume: it.ID, Patient: it.Patient, CentreLPSMM: d.CentreLPSMM, SizeMM: d.SizeMM, DiameterMM: 2 * radius(d.SizeMM)}
}

// ramp returns the weight of a crop without labels at step (0 is the first) of total.
func (u SelfTraining) ramp(step, total int) float64 {
	if length := u.RampUp * float64(total); length > 0 {
		return u.Weight * math.Min(1, float64(step-u.Every+1)/length)
	}
	return u.Weight
}
