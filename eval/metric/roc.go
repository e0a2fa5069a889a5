package metric

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A ROC is a receiver operating characteristic: one point a distinct score.
type ROC struct {
	FPR, TPR  []float64 // not falling, from 0 to 1
	Threshold []float64 // scores of at least this are called positive; +Inf at the first point
}

// NewROC returns the curve of scores against the truth. It has no points where
// only one of the classes is there.
func NewROC(positive []bool, score []float64) ROC {
	if !bothClasses(positive) {
		return ROC{}
	}
	index := byFallingScore(score)
	y, classes := make([]float64, len(index)), make([]bool, len(index))
	for k, i := range index { // gonum wants rising scores
		y[len(y)-1-k], classes[len(y)-1-k] = score[i], positive[i]
	}
	tpr, fpr, threshold := stat.ROC(nil, y, classes, nil)
	return ROC{FPR: fpr, TPR: tpr, Threshold: threshold}
}

// AUC returns the area under the ROC curve: the chance that a positive scores
// higher than a negative, ties counted half (Mann and Whitney). Item i counts
// weights[i] times (nil: once). It is NaN where a class is missing.
func AUC(positive []bool, score []float64, weights []int) float64 {
	return aucOrdered(byFallingScore(score), positive, score, weights)
}

// aucOrdered is AUC with the items in index sorted by falling score.
func aucOrdered(index []int, positive []bool, score []float64, weights []int) float64 {
	area, tp, fp, lastTP, lastFP := 0.0, 0, 0, 0, 0
	for k, i := range index {
		if w := times(weights, i); positive[i] {
			tp += w
		} else {
			fp += w
		}
		if k+1 < len(index) && score[index[k+1]] == score[i] {
			continue
		}
		area += float64((fp-lastFP)*(tp+lastTP)) / 2
		lastTP, lastFP = tp, fp
	}
	return area / (float64(tp) * float64(fp))
}

// AUCStatistic returns a maker of statistics for Bootstrap: AUC, then the
// sensitivity at each of the given false positive rates.
func AUCStatistic(positive []bool, score []float64, fpr []float64) func() Statistic {
	index := byFallingScore(score)
	return func() Statistic {
		var x, y []float64
		return func(weights []int, out []float64) {
			out[0] = aucOrdered(index, positive, score, weights)
			if math.IsNaN(out[0]) { // one class only: no curve either
				for k := range fpr {
					out[1+k] = math.NaN()
				}
				return
			}
			x, y = rocOrdered(index, positive, score, weights, x[:0], y[:0])
			for k, at := range fpr {
				out[1+k] = interpolate(at, x, y)
			}
		}
	}
}

// CaseStatistic returns a maker of statistics for Bootstrap: AveragePrecision,
// then the sensitivity at a specificity of 0.9 and the reverse.
func CaseStatistic(positive []bool, score []float64) func() Statistic {
	events, index := caseEvents(positive, score), byFallingScore(score)
	return func() Statistic {
		var x, y []float64
		return func(weights []int, out []float64) {
			all := 0
			for i, p := range positive {
				if p {
					all += weights[i]
				}
			}
			x, y = rocOrdered(index, positive, score, weights, x[:0], y[:0])
			roc := ROC{FPR: x, TPR: y}
			out[0], out[1], out[2] = stepAP(events, weights, all), roc.SensitivityAt(0.9), roc.SpecificityAt(0.9)
		}
	}
}

// rocOrdered appends the points of the ROC curve of a resample to x and y.
func rocOrdered(index []int, positive []bool, score []float64, weights []int, x, y []float64) ([]float64, []float64) {
	x, y = append(x, 0), append(y, 0)
	tp, fp := 0, 0
	for k, i := range index {
		if w := times(weights, i); positive[i] {
			tp += w
		} else {
			fp += w
		}
		if k+1 == len(index) || score[index[k+1]] != score[i] {
			x, y = append(x, float64(fp)), append(y, float64(tp))
		}
	}
	floats.Scale(1/float64(fp), x)
	floats.Scale(1/float64(tp), y)
	return x, y
}

// SensitivityAt returns the largest sensitivity over the points with a
// specificity of at least the given one.
func (r ROC) SensitivityAt(specificity float64) float64 {
	best := math.NaN()
	for i := range r.FPR {
		if 1-r.FPR[i] >= specificity && !(r.TPR[i] <= best) {
			best = r.TPR[i]
		}
	}
	return best
}

// SpecificityAt returns the largest specificity over the points with a
// sensitivity of at least the given one.
func (r ROC) SpecificityAt(sensitivity float64) float64 {
	best := math.NaN()
	for i := range r.FPR {
		if r.TPR[i] >= sensitivity && !(1-r.FPR[i] <= best) {
			best = 1 - r.FPR[i]
		}
	}
	return best
}

// DeLong returns the AUC of each set of scores and their covariance matrix,
// (len(scores), len(scores)), by the method of DeLong, DeLong and Clarke-Pearson
// 1988, computed from mid-ranks as in Sun and Xu 2014. Everything is NaN where
// a class has less than two items.
func DeLong(positive []bool, scores ...[]float64) (auc []float64, cov [][]float64) {
	var pos, neg []int
	for i, p := range positive {
		if p {
			pos = append(pos, i)
		} else {
			neg = append(neg, i)
		}
	}
	m, n := float64(len(pos)), float64(len(neg))
	v10, v01 := make([][]float64, len(scores)), make([][]float64, len(scores))
	for k, s := range scores {
		all, inPos, inNeg := midranks(s), midranks(pick(s, pos)), midranks(pick(s, neg))
		v10[k], v01[k] = make([]float64, len(pos)), make([]float64, len(neg))
		for j, i := range pos {
			v10[k][j] = (all[i] - inPos[j]) / n
		}
		for j, i := range neg {
			v01[k][j] = 1 - (all[i]-inNeg[j])/m
		}
		auc = append(auc, stat.Mean(v10[k], nil))
	}
	for a := range scores {
		row := make([]float64, len(scores))
		for b := range scores {
			row[b] = stat.Covariance(v10[a], v10[b], nil)/m + stat.Covariance(v01[a], v01[b], nil)/n
			if len(pos) < 2 || len(neg) < 2 {
				row[b] = math.NaN()
			}
		}
		cov = append(cov, row)
	}
	return auc, cov
}

// DeLongInterval returns the interval of an AUC with the given variance, cut to
// [0, 1].
func DeLongInterval(auc, variance, level float64) (low, high float64) {
	half := distuv.UnitNormal.Quantile((1+level)/2) * math.Sqrt(variance)
	return max(auc-half, 0), min(auc+half, 1)
}

// DeLongTest returns z and the two-sided p value of the difference of two AUCs
// of the same items. Both are NaN where their difference has no variance.
func DeLongTest(positive []bool, a, b []float64) (z, p float64) {
	auc, cov := DeLong(positive, a, b)
	z = (auc[1] - auc[0]) / math.Sqrt(cov[0][0]+cov[1][1]-2*cov[0][1])
	return z, 2 * distuv.UnitNormal.Survival(math.Abs(z))
}

// midranks returns the rank of every value, from 1, tied values sharing the
// mean of their ranks.
func midranks(v []float64) []float64 {
	index := byFallingScore(v)
	ranks := make([]float64, len(v))
	for i := 0; i < len(index); {
		j := i
		for j < len(index) && v[index[j]] == v[index[i]] {
			j++
		}
		for _, k := range index[i:j] {
			ranks[k] = float64(len(v)) - float64(i+j-1)/2
		}
		i = j
	}
	return ranks
}

func pick(v []float64, index []int) []float64 {
	out := make([]float64, len(index))
	for j, i := range index {
		out[j] = v[i]
	}
	return out
}

func bothClasses(positive []bool) bool {
	pos, neg := false, false
	for _, p := range positive {
		pos, neg = pos || p, neg || !p
	}
	return pos && neg
}
