package eval

import (
	"fmt"
	"math"
	"slices"

	"oncovox/eval/metric"
)

// bandRates are the false positives per scan at which the band of a FROC is
// drawn: 1/8 to 8 in eighths of an octave.
func bandRates() []float64 {
	rates := make([]float64, 49)
	for i := range rates {
		rates[i] = math.Exp2(-3 + float64(i)/8)
	}
	return rates
}

// measure fills in what is known about one method. points are thresholds to
// judge, work is the one by which the sizes are.
func (s *study) measure(m *method, points []Point, work float64, seed int64) (*Result, []Point) {
	r := &Result{Method: m.Name, Title: m.Title, What: m.What, Absent: m.Absent}
	if m.pool == nil {
		return r, nil
	}
	r.Counts = m.pool.Counts()
	points = s.lesionFigures(r, m.pool, points, seed)
	s.scanFigures(r, m.pool, seed)
	r.Figures = append(r.Figures, centreError(m.pool))
	r.Strata = []Grouping{{By: "size", Title: "Lesion diameter", Groups: s.bySize(m.pool, work)}}
	return r, points
}

// lesionFigures adds FROC, CPM and precision, and returns points as they are
// judged here.
func (s *study) lesionFigures(r *Result, p *metric.Pool, points []Point, seed int64) []Point {
	boxes := make([]*metric.Pool, len(metric.IoURange))
	for i, iou := range metric.IoURange {
		boxes[i] = metric.NewPool(scansOf(p), metric.ByIoU(iou))
	}
	v := newVector("cpm", "ap", "sensitivity_1fp", "ap_iou_10", "map_iou_10_50")
	rates := v.block(len(s.cfg.FPRates))
	band := v.block(len(bandRates()))
	precision := v.block(metric.RecallPoints)
	sensitivity, wrong := v.block(len(points)), v.block(len(points))
	makeStatistic := func() metric.Statistic {
		froc := p.FROCStatistic(slices.Concat(metric.CPMRates[:], s.cfg.FPRates, bandRates()))()
		at := make([]float64, len(metric.CPMRates)+len(s.cfg.FPRates)+len(bandRates()))
		return func(w []int, out []float64) {
			froc(w, at)
			out[0] = mean(at[:len(metric.CPMRates)])
			out[2] = at[3] // CPMRates[3] is 1
			copy(out[rates:], at[len(metric.CPMRates):])
			p.PrecisionAt(w, out[precision:precision+metric.RecallPoints])
			out[1] = mean(out[precision : precision+metric.RecallPoints])
			out[3], out[4] = boxes[0].AP(w), 0
			for _, b := range boxes {
				out[4] += b.AP(w) / float64(len(boxes))
			}
			for i, pt := range points {
				out[sensitivity+i], out[wrong+i] = p.AtThreshold(w, pt.Threshold)
			}
		}
	}
	v.run(p.Patients(), s.cfg.Bootstrap, seed, makeStatistic)
	r.Redraws += v.boot.Redraws
	s.addFigures(r, v)

	froc := p.FROC(nil)
	for i, rate := range s.cfg.FPRates {
		low, high := v.interval(rates + i)
		r.Rates = append(r.Rates, Rate{rate, number(v.value[rates+i]), low, high, number(froc.ThresholdAt(rate))})
	}
	if r.Counts.Lesions > 0 {
		r.froc = curve{x: froc.FPPerScan, y: froc.Sensitivity, bandX: bandRates()}
		r.froc.low, r.froc.high = v.band(band, len(bandRates()))
		r.thresholds = froc.Threshold
		pr, recall := p.PrecisionRecall(nil)
		r.pr = curve{x: recall, y: pr, bandX: recallGrid()}
		r.pr.low, r.pr.high = v.band(precision, metric.RecallPoints)
	}
	judged := slices.Clone(points)
	for i := range judged {
		q := &judged[i]
		q.Lesions, q.Found = r.Counts.Lesions, found(p, q.Threshold)
		q.Sensitivity, q.FPPerScan = number(v.value[sensitivity+i]), number(v.value[wrong+i])
		q.Low, q.High = v.interval(sensitivity + i)
		q.FPLow, q.FPHigh = v.interval(wrong + i)
	}
	return judged
}

// addFigures adds the named figures of v.
func (s *study) addFigures(r *Result, v *vector) {
	rule := "A detection is a hit where " + s.cfg.hit() + "."
	definitions := map[string][2]string{
		"cpm": {"CPM", "Competition performance metric: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan " +
			"on the FROC curve, read by the official rules of LUNA16. " + rule},
		"ap": {"Average precision", "Mean over the recalls 0, 0.01 to 1 of the best precision at that recall or beyond (COCO). " + rule},
		"sensitivity_1fp": {"Sensitivity at 1 FP/scan", "Share of the lesions found where the FROC curve crosses one false positive per scan. " +
			"The threshold is that of these scans; operating points have thresholds chosen on validation. " + rule},
		"ap_iou_10":     {"AP at IoU 0.10", "Average precision (COCO) with hits by the overlap of boxes, intersection over union at least 0.10, as nnDetection."},
		"map_iou_10_50": {"mAP at IoU 0.10 to 0.50", "Mean of the average precision over the overlaps 0.10, 0.15 to 0.50, as nnDetection."},
	}
	for i, key := range v.names {
		d := definitions[key]
		f := Figure{Key: key, Title: d[0], Definition: d[1], Value: number(v.value[i])}
		if f.Value == nil {
			f.Undefined = "there is no lesion in these scans"
		} else {
			f.Low, f.High = v.interval(i)
			f.Interval = v.how
		}
		r.Figures = append(r.Figures, f)
	}
}

// scanFigures adds the figures that judge whole scans.
func (s *study) scanFigures(r *Result, p *metric.Pool, seed int64) {
	positive, score, kept := p.Cases()
	auc := Figure{Key: "auc", Title: "ROC AUC per scan", Definition: "Area under the ROC curve of scans with a lesion against scans without, " +
		"each scan scored by its highest detection (0 without any; scans whose only findings are not judged are left out)."}
	delong := auc
	delong.Key, delong.Title, delong.Interval = "auc_delong", "ROC AUC per scan, DeLong", "DeLong, scans taken as independent"
	n := 0
	for _, p := range positive {
		if p {
			n++
		}
	}
	switch {
	case n == 0:
		auc.Undefined = "no scan has a lesion"
	case n == len(positive):
		auc.Undefined = "every scan has a lesion"
	default:
		units := make([]int, len(kept))
		all := p.Patients()
		for i, k := range kept {
			units[i] = all[k]
		}
		fpr := recallGrid()
		v := newVector("auc")
		at := v.block(len(fpr))
		v.run(compact(units), s.cfg.Bootstrap, seed, metric.AUCStatistic(positive, score, fpr))
		r.Redraws += v.boot.Redraws
		auc.Value, auc.Interval = number(v.value[0]), v.how
		auc.Low, auc.High = v.interval(0)
		_, cov := metric.DeLong(positive, score)
		delong.Value = auc.Value
		if low, high := metric.DeLongInterval(v.value[0], cov[0][0], level); !math.IsNaN(low) {
			delong.Low, delong.High = number(low), number(high)
		}
		roc := metric.NewROC(positive, score)
		r.roc = curve{x: roc.FPR, y: roc.TPR, bandX: fpr}
		r.roc.low, r.roc.high = v.band(at, len(fpr))
	}
	delong.Undefined = auc.Undefined
	r.Figures = append(r.Figures, auc, delong)
}

// centreError is the median distance of the detections that find lesions.
func centreError(p *metric.Pool) Figure {
	f := Figure{Key: "centre_error", Title: "Centre error", Unit: "mm",
		Definition: "Median distance between the centres of a found lesion and of the detection that finds it, at any score.",
		Interval:   "range from the 5th to the 95th percentile of the distances"}
	var d []float64
	for _, m := range p.Matches {
		for t, k := range m.Found {
			if k >= 0 {
				d = append(d, distance(m.Scan.Truths[t].Centre, m.Scan.Marks[k].Centre))
			}
		}
	}
	if len(d) == 0 {
		f.Undefined, f.Interval = "no lesion was found", ""
		return f
	}
	slices.Sort(d)
	at := func(q float64) *float64 { return number(d[int(q*float64(len(d)-1)+0.5)]) }
	f.Low, f.Value, f.High = at(0.05), at(0.5), at(0.95)
	return f
}

// bySize groups the lesions by diameter; groups without a lesion are left out.
func (s *study) bySize(p *metric.Pool, threshold float64) []Stratum {
	bins := make([]Stratum, len(s.cfg.SizeBinsMM)+1)
	for i := range bins {
		switch {
		case len(bins) == 1:
			bins[i].Name = "all"
		case i == 0:
			bins[i].Name = fmt.Sprintf("under %g mm", s.cfg.SizeBinsMM[0])
		case i == len(bins)-1:
			bins[i].Name = fmt.Sprintf("%g mm and over", s.cfg.SizeBinsMM[i-1])
		default:
			bins[i].Name = fmt.Sprintf("%g to %g mm", s.cfg.SizeBinsMM[i-1], s.cfg.SizeBinsMM[i])
		}
	}
	for _, m := range p.Matches {
		for t, truth := range m.Scan.Truths {
			if truth.Ignore {
				continue
			}
			k := 0
			for k < len(s.cfg.SizeBinsMM) && truth.Diameter >= s.cfg.SizeBinsMM[k] {
				k++
			}
			bins[k].Lesions++
			if hit := m.Found[t]; hit >= 0 {
				bins[k].FoundAtAll++
				if m.Scan.Marks[hit].Score >= threshold {
					bins[k].Found++
				}
			}
		}
	}
	bins = slices.DeleteFunc(bins, func(b Stratum) bool { return b.Lesions == 0 })
	for i := range bins {
		b := &bins[i]
		low, high := metric.Wilson(b.Found, b.Lesions, level)
		b.Sensitivity, b.Low, b.High = number(float64(b.Found)/float64(b.Lesions)), number(low), number(high)
	}
	return bins
}

// found counts the lesions found at a threshold.
func found(p *metric.Pool, threshold float64) int {
	n := 0
	for _, m := range p.Matches {
		for _, k := range m.Found {
			if k >= 0 && m.Scan.Marks[k].Score >= threshold {
				n++
			}
		}
	}
	return n
}

func scansOf(p *metric.Pool) []metric.Scan {
	scans := make([]metric.Scan, len(p.Matches))
	for i, m := range p.Matches {
		scans[i] = m.Scan
	}
	return scans
}

func recallGrid() []float64 {
	x := make([]float64, metric.RecallPoints)
	for i := range x {
		x[i] = float64(i) / (metric.RecallPoints - 1)
	}
	return x
}

func distance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// compact numbers the units that occur from 0 on, in their order.
func compact(units []int) []int {
	number := map[int]int{}
	for _, u := range slices.Sorted(slices.Values(units)) {
		if _, ok := number[u]; !ok {
			number[u] = len(number)
		}
	}
	out := make([]int, len(units))
	for i, u := range units {
		out[i] = number[u]
	}
	return out
}
