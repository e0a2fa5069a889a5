package metric

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// BCa returns the interval of a figure at the given level, corrected for bias
// and skew (Efron 1987), the acceleration from the study less one unit at a
// time. Both ends are NaN where it is not defined: where a figure has no value
// without one of the units, or where all resamples lie on one side of the
// figure.
//
// It is the interval that scipy.stats.bootstrap calls BCa.
func (r Resampled) BCa(figure int, level float64) (low, high float64) {
	return bca(r.Values[figure], r.value[figure], r.without[figure], level)
}

// bca computes the interval from resampled values in rising order, the value
// itself, and those without each of the units.
func bca(sorted []float64, value float64, without []float64, level float64) (low, high float64) {
	below := 0.0 // values equal to it count half
	for _, v := range sorted {
		switch {
		case v < value:
			below++
		case v == value:
			below += 0.5
		}
	}
	bias := distuv.UnitNormal.Quantile(below / float64(len(sorted)))
	skew := acceleration(without)
	end := func(p float64) float64 {
		z := bias + distuv.UnitNormal.Quantile(p)
		at := distuv.UnitNormal.CDF(bias + z/(1-skew*z))
		if !(at >= 0 && at <= 1) || math.IsInf(bias, 0) {
			return math.NaN()
		}
		return percentile(sorted, at)
	}
	tail := (1 - level) / 2
	return end(tail), end(1 - tail)
}

// acceleration returns a sixth of the skewness of the influence of the units, 0
// where none has any.
func acceleration(without []float64) float64 {
	mean := 0.0
	for _, v := range without {
		mean += v / float64(len(without))
	}
	squares, cubes := 0.0, 0.0
	for _, v := range without {
		d := mean - v
		squares += d * d
		cubes += d * d * d
	}
	if squares == 0 {
		return 0
	}
	return cubes / (6 * math.Pow(squares, 1.5))
}
