package eval

import (
	"slices"

	"oncovox/eval/metric"
)

// calibrationBins is how many groups of scans the calibration errors have.
const calibrationBins = 10

// probabilities judges the scores of whole scans as probabilities of a lesion.
func (s *study) probabilities(r *Result, p *metric.Pool, seed int64) {
	positive, score, kept := p.Cases()
	r.Calibration = &Calibration{Scans: len(positive), Figures: calibrationFigures(), Bins: []ReliabilityBin{}}
	r.Decision = &DecisionCurve{Points: []Decision{}, Definition: "Net benefit of calling scans whose score is at least the threshold t: the share of " +
		"true positives less the share of false positives times t/(1-t), in true positives per scan (Vickers and Elkin 2006). Calling all scans and calling none are " +
		"the strategies that need no detector."}
	why := ""
	switch {
	case len(positive) == 0:
		why = "no scan is judged"
	case slices.ContainsFunc(score, func(v float64) bool { return !(v >= 0 && v <= 1) }):
		why = "the scores are not between 0 and 1"
	}
	if why != "" {
		r.Calibration.Undefined, r.Decision.Undefined = why, why
		for i := range r.Calibration.Figures {
			r.Calibration.Figures[i].Undefined = why
		}
		return
	}
	units := scanUnits(p, kept)
	s.calibrationErrors(r, positive, score, units, seed)
	s.calibrationLine(r, positive, score, units, seed)
	r.Calibration.Bins = reliability(positive, score)
	s.decisions(r, positive, score, units, seed)
}

func calibrationFigures() []Figure {
	scores := "The score of a scan, that of its highest detection or 0, is taken as the probability that it holds a lesion."
	return []Figure{
		{Key: "brier", Title: "Brier score", Definition: "Mean squared difference of score and outcome, 0 at best, as scikit-learn; summed over both classes it would be twice this. " + scores},
		{Key: "log_loss", Title: "Log-loss", Definition: "Mean negative log-likelihood of the outcomes, scores kept one rounding off 0 and 1, as scikit-learn. " + scores},
		{Key: "ece", Title: "Expected calibration error", Definition: "Mean over ten bins of equal width, weighted by their scans, of the distance between mean score and share of scans with a lesion. " + scores},
		{Key: "mce", Title: "Maximum calibration error", Definition: "The largest of these distances. " + scores},
		{Key: "ace", Title: "Adaptive calibration error", Definition: "As the expected calibration error, with ten bins of equal numbers of scans. " + scores},
		{Key: "slope", Title: "Calibration slope", Definition: "Slope of the logistic regression of the outcome on the logit of the score; 1 is calibrated, below 1 the scores are too extreme. " + scores},
		{Key: "intercept", Title: "Calibration intercept", Definition: "Intercept of the same regression; 0 is calibrated. " + scores},
		{Key: "in_the_large", Title: "Calibration in the large", Definition: "Intercept of the logistic regression with the slope held at 1: below 0 the scores are too high on the whole. " + scores},
	}
}

// calibrationErrors fills in the figures that always have a value.
func (s *study) calibrationErrors(r *Result, positive []bool, score []float64, units []int, seed int64) {
	v := newVector("brier", "log_loss", "ece", "mce", "ace")
	v.run(units, s.cfg.Bootstrap, seed, resampled(func(positive []bool, score, out []float64) {
		out[0], out[1] = metric.Brier(positive, score), metric.LogLoss(positive, score)
		out[2], out[3] = metric.CalibrationErrors(metric.EqualWidth(positive, score, calibrationBins))
		out[4], _ = metric.CalibrationErrors(metric.EqualMass(positive, score, calibrationBins))
	}, positive, score))
	for i := range v.names {
		v.put(&r.Calibration.Figures[i], i, "")
	}
}

// calibrationLine fills in the figures that want both classes, mixed.
func (s *study) calibrationLine(r *Result, positive []bool, score []float64, units []int, seed int64) {
	figures := r.Calibration.Figures[5:]
	why := oneClass(positive)
	if why == "" {
		why = "a threshold tells all scans apart, so that the regression has no finite answer"
		if slope, _ := metric.CalibrationLine(positive, score); number(slope) != nil {
			why = ""
		}
	}
	if why != "" {
		for i := range figures {
			figures[i].Undefined = why
		}
		return
	}
	v := newVector("slope", "intercept", "in_the_large")
	v.run(units, s.cfg.Bootstrap, seed, resampled(func(positive []bool, score, out []float64) {
		out[0], out[1] = metric.CalibrationLine(positive, score)
		out[2] = metric.CalibrationInTheLarge(positive, score)
	}, positive, score))
	r.Redraws += v.boot.Redraws
	for i := range v.names {
		v.put(&figures[i], i, "the regression has no finite answer")
	}
}

// resampled makes statistics that call figures with the scans of a resample.
func resampled(figures func(positive []bool, score, out []float64), positive []bool, score []float64) func() metric.Statistic {
	return func() metric.Statistic {
		var p []bool
		var v []float64
		return func(weights []int, out []float64) {
			p, v = p[:0], v[:0]
			for i, w := range weights {
				for range w {
					p, v = append(p, positive[i]), append(v, score[i])
				}
			}
			figures(p, v, out)
		}
	}
}

// reliability returns the bins of the reliability diagram.
func reliability(positive []bool, score []float64) []ReliabilityBin {
	out := []ReliabilityBin{}
	for _, b := range metric.EqualWidth(positive, score, calibrationBins) {
		low, high := metric.Wilson(b.Positive, b.N, level)
		out = append(out, ReliabilityBin{From: b.Low, To: b.High, N: b.N, Positive: b.Positive,
			Mean: b.MeanP, Share: float64(b.Positive) / float64(b.N), Low: low, High: high})
	}
	return out
}

// decisions fills in the decision curve at the thresholds 0.01 to 0.99.
func (s *study) decisions(r *Result, positive []bool, score []float64, units []int, seed int64) {
	thresholds := make([]float64, 99)
	for i := range thresholds {
		thresholds[i] = float64(i+1) / 100
	}
	v := newVector()
	v.block(len(thresholds))
	v.run(units, s.cfg.Bootstrap, seed, metric.NetBenefitStatistic(positive, score, thresholds))
	for i, t := range thresholds {
		d := Decision{Threshold: t, Model: v.value[i], All: metric.NetBenefitOfAll(positive, t)}
		d.Low, d.High = v.interval(i)
		r.Decision.Points = append(r.Decision.Points, d)
	}
}
