package metric

import (
	"cmp"
	"math"
	"slices"
)

// Brier is the mean squared difference of probability and outcome, as in
// scikit-learn; summed over both classes, as some write it, it is twice this.
func Brier(positive []bool, p []float64) float64 {
	sum := 0.0
	for i, v := range p {
		d := v - outcome(positive[i])
		sum += d * d
	}
	return sum / float64(len(p))
}

// LogLoss is the mean negative log-likelihood; probabilities are kept one
// float64 rounding off 0 and 1, as in scikit-learn.
func LogLoss(positive []bool, p []float64) float64 {
	sum := 0.0
	for i, v := range p {
		v = clip(v)
		if !positive[i] {
			v = 1 - v
		}
		sum -= math.Log(v)
	}
	return sum / float64(len(p))
}

func clip(p float64) float64 {
	const eps = 0x1p-52
	return min(max(p, eps), 1-eps)
}

func outcome(positive bool) float64 {
	if positive {
		return 1
	}
	return 0
}

// A Bin is a group of cases of similar probability: a dot of the reliability
// diagram.
type Bin struct {
	N, Positive int
	MeanP       float64 // mean of the probabilities
	Low, High   float64 // its ends, of EqualWidth only
}

// Gap is the distance between mean probability and observed share.
func (b Bin) Gap() float64 { return math.Abs(b.MeanP - share(b.Positive, b.N)) }

// EqualWidth groups cases into n bins of equal width, (low, high], the first
// one holding 0 as well. Empty bins are left out.
func EqualWidth(positive []bool, p []float64, n int) []Bin {
	bins := make([]Bin, n)
	for k := range bins {
		bins[k].Low, bins[k].High = float64(k)/float64(n), float64(k+1)/float64(n)
	}
	for i, v := range p {
		k := min(max(int(math.Ceil(v*float64(n)))-1, 0), n-1)
		for k > 0 && v <= float64(k)/float64(n) {
			k--
		}
		for k < n-1 && v > float64(k+1)/float64(n) {
			k++
		}
		bins[k].add(positive[i], v)
	}
	return means(bins)
}

// ByQuantile groups cases into at most n bins between the quantiles of the
// probabilities, (low, high], tied ones together: the dots of scikit-learn's
// calibration_curve. Empty bins are left out.
func ByQuantile(positive []bool, p []float64, n int) []Bin {
	sorted := slices.Sorted(slices.Values(p))
	bins := make([]Bin, n)
	for i, v := range p {
		k := 0
		for k < n-1 && v > percentile(sorted, float64(k+1)/float64(n)) {
			k++
		}
		bins[k].add(positive[i], v)
	}
	return means(bins)
}

// EqualMass groups cases, sorted by probability, into n bins of as nearly equal
// numbers as can be, the larger ones first. Tied cases may fall into two bins,
// then as they come: this alone depends on the order of the cases.
func EqualMass(positive []bool, p []float64, n int) []Bin {
	index := order(p, cmp.Compare[float64])
	bins := make([]Bin, n)
	at := 0
	for k := range bins {
		size := len(p) / n
		if k < len(p)%n {
			size++
		}
		for _, i := range index[at : at+size] {
			bins[k].add(positive[i], p[i])
		}
		at += size
	}
	return means(bins)
}

func (b *Bin) add(positive bool, p float64) {
	b.N++
	b.MeanP += p
	if positive {
		b.Positive++
	}
}

func means(bins []Bin) []Bin {
	full := bins[:0]
	for _, b := range bins {
		if b.N > 0 {
			b.MeanP /= float64(b.N)
			full = append(full, b)
		}
	}
	return full
}

// CalibrationErrors returns the mean gap of bins weighted by their cases
// (expected calibration error, ECE, or with EqualMass the adaptive one, ACE)
// and the largest (MCE).
func CalibrationErrors(bins []Bin) (expected, maximum float64) {
	n := 0
	for _, b := range bins {
		n += b.N
		expected += float64(b.N) * b.Gap()
		maximum = max(maximum, b.Gap())
	}
	return expected / float64(n), maximum
}

// CalibrationLine fits the logistic model logit P(y) = intercept + slope ·
// logit p: slope 1 and intercept 0 mean calibrated. Both are NaN where the fit
// has no finite answer, as when the classes are separated.
func CalibrationLine(positive []bool, p []float64) (slope, intercept float64) {
	return fitLogistic(positive, p, true)
}

// CalibrationInTheLarge fits logit P(y) = intercept + logit p: below 0, the
// probabilities are too high on the whole.
func CalibrationInTheLarge(positive []bool, p []float64) (intercept float64) {
	_, intercept = fitLogistic(positive, p, false)
	return intercept
}

// fitLogistic maximises the likelihood by Newton's method, halving steps that
// would lower it; without freeSlope the slope stays 1.
func fitLogistic(positive []bool, p []float64, freeSlope bool) (slope, intercept float64) {
	x := make([]float64, len(p))
	for i, v := range p {
		x[i] = logit(v)
	}
	slope = 1
	likelihood := logLikelihood(positive, x, slope, intercept)
	for range 100 {
		var g0, g1, h00, h01, h11 float64 // gradient and negative Hessian
		for i, x := range x {
			q := 1 / (1 + math.Exp(-(intercept + slope*x)))
			d, w := outcome(positive[i])-q, q*(1-q)
			g0 += d
			g1 += d * x
			h00 += w
			h01 += w * x
			h11 += w * x * x
		}
		d0, d1 := g0/h00, 0.0
		if freeSlope {
			det := h00*h11 - h01*h01
			d0, d1 = (h11*g0-h01*g1)/det, (h00*g1-h01*g0)/det
		}
		if math.Abs(d0)+math.Abs(d1) < 1e-13*(1+math.Abs(intercept)+math.Abs(slope)) {
			return slope + d1, intercept + d0
		}
		next := logLikelihood(positive, x, slope+d1, intercept+d0)
		for range 50 {
			if next >= likelihood-1e-12*math.Abs(likelihood) { // or equal, but for rounding
				break
			}
			d0, d1 = d0/2, d1/2
			next = logLikelihood(positive, x, slope+d1, intercept+d0)
		}
		slope, intercept, likelihood = slope+d1, intercept+d0, next
	}
	return math.NaN(), math.NaN()
}

// logLikelihood is that of the logistic model at x, in natural units.
func logLikelihood(positive []bool, x []float64, slope, intercept float64) float64 {
	sum := 0.0
	for i, x := range x {
		z := intercept + slope*x
		if positive[i] {
			z = -z
		}
		sum -= max(z, 0) + math.Log1p(math.Exp(-math.Abs(z)))
	}
	return sum
}

func logit(p float64) float64 { p = clip(p); return math.Log(p / (1 - p)) }

// NetBenefit is TP/n - FP/n · t/(1-t) of calling every probability of at least
// t positive (Vickers and Elkin 2006), in true positives per case.
func NetBenefit(positive []bool, p []float64, t float64) float64 {
	c := Confuse(positive, p, t)
	n := float64(len(p))
	return float64(c.TP)/n - float64(c.FP)/n*t/(1-t)
}

// NetBenefitOfAll is the net benefit of calling every case positive. Calling
// none has 0.
func NetBenefitOfAll(positive []bool, t float64) float64 {
	all := make([]float64, len(positive))
	for i := range all {
		all[i] = 1
	}
	return NetBenefit(positive, all, t)
}

// NetBenefitStatistic returns a maker of statistics for Bootstrap: the net
// benefit at each of the given thresholds, which rise.
func NetBenefitStatistic(positive []bool, p []float64, thresholds []float64) func() Statistic {
	events := caseEvents(positive, p)
	return func() Statistic {
		return func(weights []int, out []float64) {
			n, tp, fp, at := 0, 0, 0, 0
			for _, w := range weights {
				n += w
			}
			for k := len(thresholds) - 1; k >= 0; k-- {
				t := thresholds[k]
				for ; at < len(events) && events[at].score >= t; at++ {
					if w := weights[events[at].scan]; events[at].hit {
						tp += w
					} else {
						fp += w
					}
				}
				out[k] = float64(tp)/float64(n) - float64(fp)/float64(n)*t/(1-t)
			}
		}
	}
}
