package eval

import (
	"math"

	"oncovox/eval/metric"
)

// scanUnits numbers the patients of the scans in kept from 0 on.
func scanUnits(p *metric.Pool, kept []int) []int {
	all := p.Patients()
	units := make([]int, len(kept))
	for i, k := range kept {
		units[i] = all[k]
	}
	return compact(units)
}

// oneClass says why scans cannot be told apart, "" where they can.
func oneClass(positive []bool) string {
	n := 0
	for _, p := range positive {
		if p {
			n++
		}
	}
	switch n {
	case 0:
		return "no scan has a lesion"
	case len(positive):
		return "every scan has a lesion"
	}
	return ""
}

// scanFigures adds the figures that judge whole scans.
func (s *study) scanFigures(r *Result, p *metric.Pool, seed int64) {
	positive, score, kept := p.Cases()
	of := "of boxes here and of masks in the challenge"
	if s.cfg.Match == matchMask {
		of = "of masks"
	}
	figures := []Figure{
		{Key: "auc", Title: "ROC AUC per scan", Definition: "Area under the ROC curve of scans with a lesion against scans without, " +
			"each scan scored by its highest detection (0 without any; scans whose only findings are not judged are left out)."},
		{Key: "case_ap", Title: "Average precision per scan", Definition: "Area under the steps of the precision-recall curve of scans, as scikit-learn has it."},
		{Key: "sensitivity_at_specificity_90", Title: "Sensitivity at specificity 0.90", Definition: "Largest share of the scans with a lesion that are " +
			"called at a threshold at which at least 0.90 of those without are not. The threshold is that of these scans."},
		{Key: "specificity_at_sensitivity_90", Title: "Specificity at sensitivity 0.90", Definition: "Largest share of the scans without a lesion that are " +
			"not called at a threshold at which at least 0.90 of those with one are. The threshold is that of these scans."},
		{Key: "picai_ap", Title: "PI-CAI lesion AP", Definition: "Average precision of lesions by the rules of picai_eval: detections are assigned to lesions so that " +
			"most overlap by an intersection over union of at least 0.10, " + of + "."},
		{Key: "picai_score", Title: "PI-CAI score", Definition: "Mean of the PI-CAI lesion AP and of the ROC AUC per scan: the score by which the challenge ranks."},
		{Key: "auc_delong", Title: "ROC AUC per scan, DeLong", Definition: "The same area with the interval of DeLong, DeLong and Clarke-Pearson (1988).",
			Interval: "DeLong, scans taken as independent"},
	}
	why := oneClass(positive)
	if why == "" {
		s.scanStatistics(r, p, figures, positive, score, kept, seed)
		d := &figures[6]
		d.Value = figures[0].Value
		_, cov := metric.DeLong(positive, score)
		if low, high := metric.DeLongInterval(*d.Value, cov[0][0], level); !math.IsNaN(low) {
			d.Low, d.High = number(low), number(high)
		}
	}
	for i := range figures {
		if figures[i].Value == nil {
			figures[i].Interval = ""
			figures[i].Undefined = why
			if why == "" {
				figures[i].Undefined = noExtent
			}
		}
	}
	r.Figures = append(r.Figures, figures...)
}

// scanStatistics fills in all but the last of the figures of scanFigures, and
// the ROC curve.
func (s *study) scanStatistics(r *Result, p *metric.Pool, figures []Figure, positive []bool, score []float64, kept []int, seed int64) {
	fpr := recallGrid()
	names := []string{"auc", "case_ap", "sensitivity_at_specificity_90", "specificity_at_sensitivity_90"}
	overlaps := hasExtent(p) || s.cfg.Match == matchMask
	if overlaps {
		names = append(names, "picai_ap", "picai_score")
	}
	v := newVector(names...)
	at := v.block(len(fpr))
	picai := metric.PICAIStatistic(picaiCases(p, kept))
	named := len(v.names)
	v.run(scanUnits(p, kept), s.cfg.Bootstrap, seed, func() metric.Statistic {
		roc := metric.AUCStatistic(positive, score, fpr)()
		curve := make([]float64, 1+len(fpr))
		lesions := picai()
		ranked := metric.CaseStatistic(positive, score)()
		return func(w []int, out []float64) {
			roc(w, curve)
			out[0] = curve[0]
			copy(out[named:], curve[1:])
			ranked(w, out[1:4])
			if overlaps {
				lesions(w, out[4:5])
				out[5] = (out[4] + out[0]) / 2
			}
		}
	})
	r.Redraws += v.boot.Redraws
	for i := range named {
		v.put(&figures[i], i, "")
	}
	roc := metric.NewROC(positive, score)
	r.roc = curve{x: roc.FPR, y: roc.TPR, bandX: fpr}
	r.roc.low, r.roc.high = v.band(at, len(fpr))
}

// noExtent is why figures of boxes are not defined.
const noExtent = "there are detections without an extent"

// hasExtent reports whether all detections are boxes and none a place alone, as
// those of LUNA16 are.
func hasExtent(p *metric.Pool) bool {
	for _, m := range p.Matches {
		for _, mark := range m.Scan.Marks {
			if mark.Size == [3]float64{} {
				return false
			}
		}
	}
	return true
}

// picaiCases returns the scans in kept with the overlaps of their masks, where
// these were matched by, or else of their boxes.
func picaiCases(p *metric.Pool, kept []int) []metric.PICAICase {
	cases := make([]metric.PICAICase, len(kept))
	for i, k := range kept {
		m := p.Matches[k]
		c := &cases[i]
		for j, mark := range m.Scan.Marks {
			if m.Fates[j] != metric.Dropped && m.Fates[j] != metric.Ignored {
				c.Score = append(c.Score, mark.Score)
			}
		}
		for t, truth := range m.Scan.Truths {
			if truth.Ignore {
				continue
			}
			row := make([]float64, 0, len(c.Score))
			for j, mark := range m.Scan.Marks {
				switch {
				case m.Fates[j] == metric.Dropped || m.Fates[j] == metric.Ignored:
				case m.Scan.Overlap != nil:
					row = append(row, m.Scan.Overlap[t][j])
				default:
					row = append(row, metric.BoxIoU(truth.Centre, truth.Size, mark.Centre, mark.Size))
				}
			}
			c.Overlap = append(c.Overlap, row)
		}
	}
	return cases
}

// casesAt says what calling scans at a threshold gives.
func (s *study) casesAt(p *metric.Pool, threshold float64) *Cases {
	positive, score, _ := p.Cases()
	c := metric.Confuse(positive, score, threshold)
	out := &Cases{TP: c.TP, FP: c.FP, TN: c.TN, FN: c.FN,
		Sensitivity: proportion(c.TP, c.TP+c.FN), Specificity: proportion(c.TN, c.TN+c.FP),
		PPV: proportion(c.TP, c.TP+c.FP), NPV: proportion(c.TN, c.TN+c.FN),
		F1: number(c.F1()), MCC: number(c.MCC()), Kappa: number(c.Kappa())}
	prevalence := s.cfg.Prevalence
	if prevalence == 0 {
		prevalence = float64(c.TP+c.FN) / float64(len(positive))
	}
	out.Prevalence = number(prevalence)
	ppv, npv := c.PredictiveValues(prevalence)
	out.PPVAt, out.NPVAt = number(ppv), number(npv)
	return out
}

func proportion(hits, n int) Proportion {
	low, high := metric.Wilson(hits, n, level)
	exactLow, exactHigh := metric.ClopperPearson(hits, n, level)
	return Proportion{hits, n, number(float64(hits) / float64(n)), number(low), number(high), number(exactLow), number(exactHigh)}
}
