package metric

import (
	"math"
	"slices"
	"sort"

	"oncovox/internal/rng"
)

// A PairStatistic fills out with the differences, first method less second, of
// the study in which the answers of the two are swapped for item i where
// swapped[i].
type PairStatistic func(swapped []bool, out []float64)

// Permute is the paired permutation test: the share of n random ways to swap
// the answers of two methods, unit by unit, and of the way they came, in which
// a figure's difference is at least as far from zero as it is. If all ways are
// not more than n, each is counted once instead. unit is as in Bootstrap. A way
// without a value counts as far from zero, so that p is never too small; p is
// NaN where the difference itself has no value.
//
// The ways depend on seed, and not on the number of threads.
func Permute(unit []int, n int, seed int64, figures int, newStatistic func() PairStatistic) []float64 {
	units := 0
	for _, u := range unit {
		units = max(units, u+1)
	}
	all := units < 30 && 1<<units <= n
	if all {
		n = 1 << units
	}
	given := make([]float64, figures)
	newStatistic()(make([]bool, len(unit)), given)
	far := make([][]bool, n)
	inParallel(n, func(first, step int) {
		statistic := newStatistic()
		side, swapped, out := make([]bool, units), make([]bool, len(unit)), make([]float64, figures)
		for k := first; k < n; k += step {
			r := rng.At(seed, "permutation", k)
			for u := range side {
				side[u] = all && k>>u&1 == 1 || !all && r.IntN(2) == 1
			}
			for i, u := range unit {
				swapped[i] = side[u]
			}
			statistic(swapped, out)
			far[k] = make([]bool, figures)
			for f, d := range out {
				far[k][f] = !(math.Abs(d) < math.Abs(given[f])*(1-1e-12)) // equal sums in another order count
			}
		}
	})
	p := make([]float64, figures)
	for f := range p {
		count, ways := 0, n
		if !all {
			count, ways = 1, n+1
		}
		for _, row := range far {
			if row[f] {
				count++
			}
		}
		if p[f] = float64(count) / float64(ways); math.IsNaN(given[f]) {
			p[f] = math.NaN()
		}
	}
	return p
}

// A Joint holds two methods' pools of the same scans on one scale, so that
// their answers can be swapped scan by scan: in place of its score an answer
// has its place among the method's own false positives. That changes no figure
// of either, since all go by the order of scores.
type Joint struct {
	pool  Pool // the scans of the first, then those of the second
	scans int
}

// NewJoint joins two pools. It panics unless they hold the same scans with as
// many lesions.
func NewJoint(a, b *Pool) *Joint {
	if !slices.Equal(a.lesions, b.lesions) {
		panic("metric: NewJoint: the pools hold different scans")
	}
	j := &Joint{scans: len(a.lesions)}
	j.pool.lesions = slices.Concat(a.lesions, b.lesions)
	for k, p := range []*Pool{a, b} {
		for _, e := range p.events {
			j.pool.events = append(j.pool.events, event{-p.place(e.score), e.scan + k*j.scans, e.hit})
		}
	}
	slices.SortStableFunc(j.pool.events, byScore)
	return j
}

// place returns the mean of the numbers of false positives above and not below
// a score.
func (p *Pool) place(score float64) float64 {
	first := sort.Search(len(p.events), func(i int) bool { return p.events[i].score <= score })
	last := sort.Search(len(p.events), func(i int) bool { return p.events[i].score < score })
	return float64(p.wrong[first]+p.wrong[last]) / 2
}

// Statistic returns a maker of statistics for Permute: the differences of what
// figures makes of each method.
func (j *Joint) Statistic(figures int, newFigures func(p *Pool) Statistic) func() PairStatistic {
	return func() PairStatistic {
		f := newFigures(&j.pool)
		weights, second := make([]int, 2*j.scans), make([]float64, figures)
		return func(swapped []bool, out []float64) {
			for i, s := range swapped {
				weights[i], weights[i+j.scans] = 1, 0
				if s {
					weights[i], weights[i+j.scans] = 0, 1
				}
			}
			f(weights, out)
			for i, w := range weights {
				weights[i] = 1 - w
			}
			f(weights, second)
			for i := range out {
				out[i] -= second[i]
			}
		}
	}
}

// AUCPair returns a maker of statistics for Permute: the difference of the AUCs
// of two sets of scores, each on the scale of its own ranks.
func AUCPair(positive []bool, a, b []float64) func() PairStatistic {
	scores := [2][]float64{midranks(a), midranks(b)}
	return func() PairStatistic {
		mixed := [2][]float64{make([]float64, len(a)), make([]float64, len(a))}
		return func(swapped []bool, out []float64) {
			for i, s := range swapped {
				k := 0
				if s {
					k = 1
				}
				mixed[0][i], mixed[1][i] = scores[k][i], scores[1-k][i]
			}
			out[0] = AUC(positive, mixed[0], nil) - AUC(positive, mixed[1], nil)
		}
	}
}
