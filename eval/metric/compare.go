package metric

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// McNemar tests whether two methods err equally often on the same cases: b is
// the number of cases only the first has right, c only the second. exact is the
// two-sided binomial p value, chi2 that of the statistic with Edwards'
// continuity correction. Both are 1 for b + c = 0.
func McNemar(b, c int) (exact, chi2 float64) {
	n := float64(b + c)
	if n == 0 {
		return 1, 1
	}
	exact = min(1, 2*distuv.Binomial{N: n, P: 0.5}.CDF(float64(min(b, c))))
	d := max(math.Abs(float64(b-c))-1, 0)
	return exact, distuv.ChiSquared{K: 1}.Survival(d * d / n)
}

// Wilcoxon is the signed-rank test of paired differences (Wilcoxon 1945):
// the smaller rank sum and the two-sided p value. Zero differences are left
// out. p is exact up to 13 differences, and up to 50 where none are tied or zero,
// else normal with the correction for ties, as in scipy. Both are NaN without a
// difference that is not zero.
func Wilcoxon(difference []float64) (statistic, p float64) {
	var size []float64
	var positive []bool
	for _, d := range difference {
		if d != 0 {
			size = append(size, math.Abs(d))
			positive = append(positive, d > 0)
		}
	}
	n := float64(len(size))
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	plus, ties, ranks := 0.0, 0.0, midranks(size)
	for i, r := range ranks {
		if positive[i] {
			plus += r
		}
	}
	statistic = min(plus, n*(n+1)/2-plus)
	slices.Sort(size)
	for i := 0; i < len(size); {
		j := i
		for j < len(size) && size[j] == size[i] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	if len(difference) <= 13 || len(difference) <= 50 && ties == 0 && len(size) == len(difference) {
		return statistic, signedRankP(ranks, statistic)
	}
	deviation := math.Sqrt(n*(n+1)*(2*n+1)/24 - ties/48)
	z := (statistic - n*(n+1)/4) / deviation
	return statistic, 2 * distuv.UnitNormal.Survival(math.Abs(z))
}

// signedRankP returns the two-sided chance of a rank sum of at most w, by counting
// the subsets of the ranks, which may be halves, with each sum.
func signedRankP(ranks []float64, w float64) float64 {
	ways := make([]float64, len(ranks)*(len(ranks)+1)+1) // by twice the sum
	ways[0] = 1
	for _, r := range ranks {
		twice := int(2 * r)
		for s := len(ways) - 1; s >= twice; s-- {
			ways[s] += ways[s-twice]
		}
	}
	sum := 0.0
	for _, k := range ways[:int(2*w)+1] {
		sum += k
	}
	return min(1, 2*sum/math.Pow(2, float64(len(ranks))))
}

// Holm returns p values adjusted for their number, in the order given, so that
// the chance of any false rejection stays below the level (Holm 1979).
func Holm(p []float64) []float64 {
	adjusted := make([]float64, len(p))
	highest := 0.0
	for k, i := range order(p, cmp.Compare[float64]) {
		highest = max(highest, min(1, float64(len(p)-k)*p[i]))
		adjusted[i] = highest
	}
	return adjusted
}
