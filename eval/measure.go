package eval

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

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
// judge, work is the one by which the groups are. Scores are taken as
// probabilities, and scans grouped by what is known of them, for the detector
// only.
func (s *study) measure(m *method, points []Point, work float64, seed int64) (*Result, []Point) {
	r := &Result{Method: m.Name, Title: m.Title, What: m.What, Absent: m.Absent, Figures: []Figure{}, Rates: []Rate{}, Strata: []Grouping{}}
	if m.pool == nil {
		return r, nil
	}
	r.Counts = m.pool.Counts()
	points = s.lesionFigures(r, m.pool, points, seed)
	s.scanFigures(r, m.pool, seed)
	r.Figures = append(r.Figures, centreError(m.pool), diameterError(m.pool))
	r.Strata = []Grouping{s.bySize(m.pool, work)}
	if m == s.detector() {
		s.probabilities(r, m.pool, seed)
		r.Strata = append(r.Strata, s.byAttribute(m.pool, work)...)
		for i := range points {
			points[i].Cases = s.casesAt(m.pool, points[i].Threshold)
		}
	}
	return r, points
}

// lesionFigures adds FROC, CPM and precision, and returns points as they are
// judged here.
func (s *study) lesionFigures(r *Result, p *metric.Pool, points []Point, seed int64) []Point {
	boxes := metric.PoolsByIoU(scansOf(p))
	v := newVector("cpm", "ap", "sensitivity_1fp", "ap_iou_10", "map_iou_10_50", "ar_iou_10_50")
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
			out[3] = boxes[0].AP(w)
			out[4], out[5] = metric.MeanAP(boxes, w)
			for i, pt := range points {
				out[sensitivity+i], out[wrong+i] = p.AtThreshold(w, pt.Threshold)
			}
		}
	}
	v.run(p.Patients(), s.cfg.Bootstrap, seed, makeStatistic)
	r.Redraws += v.boot.Redraws
	s.addFigures(r, v, hasExtent(p))

	froc := p.FROC(nil)
	for i, rate := range s.cfg.FPRates {
		low, high := v.interval(rates + i)
		r.Rates = append(r.Rates, Rate{rate, number(v.value[rates+i]), low, high, number(p.ThresholdAt(rate))})
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
func (s *study) addFigures(r *Result, v *vector, extent bool) {
	rule := "A detection is a hit where " + s.cfg.hit() + "."
	definitions := map[string][2]string{
		"cpm": {"CPM", "Competition performance metric: mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan " +
			"on the FROC curve, read by the official rules of LUNA16. " + rule},
		"ap": {"Average precision", "Mean over the recalls 0, 0.01 to 1 of the best precision at that recall or beyond (COCO). " + rule},
		"sensitivity_1fp": {"Sensitivity at 1 FP/scan", "Share of the lesions found where the FROC curve crosses one false positive per scan. " +
			"The threshold is that of these scans; operating points have thresholds chosen on validation. " + rule},
		"ap_iou_10":     {"AP at IoU 0.10", "Average precision (COCO) with hits by the overlap of boxes, intersection over union at least 0.10, as nnDetection."},
		"map_iou_10_50": {"mAP at IoU 0.10 to 0.50", "Mean of the average precision over the overlaps 0.10, 0.15 to 0.50, as nnDetection."},
		"ar_iou_10_50":  {"AR at IoU 0.10 to 0.50", "Mean over the same overlaps of the share of lesions found at any score, of at most 100 detections a scan."},
	}
	for i, key := range v.names {
		f := Figure{Key: key, Title: definitions[key][0], Definition: definitions[key][1]}
		if strings.Contains(key, "_iou_") && !extent {
			f.Undefined = noExtent
		} else {
			v.put(&f, i, "there is no lesion in these scans")
		}
		r.Figures = append(r.Figures, f)
	}
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

// diameterError is the mean difference of the diameters of the detections that
// find lesions and theirs, with the limits of agreement (Bland and Altman 1986).
func diameterError(p *metric.Pool) Figure {
	f := Figure{Key: "diameter_error", Title: "Diameter error", Unit: "mm",
		Definition: "Mean difference, detection less lesion, of the diameter of a found lesion and of the detection that finds it, " +
			"which is the geometric mean of the extents of its box, at any score.",
		Interval: "limits of agreement: mean and 1.96 standard deviations of the differences"}
	var d []float64
	for _, m := range p.Matches {
		for t, k := range m.Found {
			if k >= 0 {
				d = append(d, meanExtent(m.Scan.Marks[k].Size)-m.Scan.Truths[t].Diameter)
			}
		}
	}
	switch {
	case !hasExtent(p):
		f.Undefined, f.Interval = noExtent, ""
		return f
	case len(d) < 2:
		f.Undefined, f.Interval = "fewer than two lesions were found", ""
		return f
	}
	mean, deviation := stat.MeanStdDev(d, nil)
	f.Value, f.Low, f.High = number(mean), number(mean-1.96*deviation), number(mean+1.96*deviation)
	return f
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
