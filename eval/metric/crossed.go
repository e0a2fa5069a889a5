package metric

import (
	"fmt"

	"oncovox/internal/rng"
)

// A CrossedStatistic fills out with figures of the study in which item i counts
// weights[i] times and repeat j counts repeats[j] times. NaN marks a figure
// without a value.
type CrossedStatistic func(weights, repeats []int, out []float64)

// Crossed is Bootstrap for a study that was repeated, say with another seed,
// over the same items: units and repeats are drawn with replacement, each as
// often as there are, independently of one another. So the spread of both is in
// the intervals; that of a repeat's own way with a unit is in them three times,
// so that they are rather too wide than too narrow (the pigeonhole bootstrap,
// Owen 2007). With few repeats their spread is under-rated, by a share of one in
// as many.
//
// What it returns has no values of the study less one unit, so that BCa cannot
// be asked of it.
func Crossed(unit []int, repeats, n int, seed int64, figures int, newStatistic func() CrossedStatistic) (Resampled, error) {
	units := countUnits(unit)
	if units < 2 || repeats < 1 || n < 1 {
		return Resampled{}, fmt.Errorf("resampling needs two patients or more and a repeat, there are %d and %d", units, repeats)
	}
	values, redraws := make([]float64, n*figures), make([]int, n) // (n, figures), (n)
	inParallel(n, func(first, step int) {
		statistic := newStatistic()
		drawn, weights, again := make([]int, units), make([]int, len(unit)), make([]int, repeats)
		for k := first; k < n; k += step {
			out := values[k*figures : (k+1)*figures]
			redraws[k] = redraw(out, func(try int) {
				r := rng.At(seed, "crossed", k, try)
				draw(r, drawn)
				draw(r, again)
				weigh(unit, drawn, weights)
				statistic(weights, again, out)
			})
		}
	})
	return gather(values, redraws, figures)
}
