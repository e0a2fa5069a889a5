package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"oncovox/internal/rng"
)

// maxRedraws bounds how often one resample may be drawn again.
const maxRedraws = 100

// A Resampled holds the figures of many resamples.
type Resampled struct {
	Values  [][]float64 // by figure, by resample, in rising order
	Redraws int         // resamples drawn again since a figure had no value

	value   []float64   // by figure, of the study as it is
	without [][]float64 // by figure, of the study less one unit, unit by unit
}

// A Statistic fills out with figures of the study in which unit i counts
// weights[i] times. NaN marks a figure without a value.
type Statistic func(weights []int, out []float64)

// Bootstrap draws units (patients, by their number, from 0) with replacement
// as often as there are units, n times over, and computes figures many numbers
// of each resample. unit says to which unit each item (scan) belongs; items of
// a unit are drawn together. A resample in which any figure is NaN is drawn
// again and counted. newStatistic makes one statistic for each thread, so that
// it may reuse its storage.
//
// The draws depend on seed, and not on the number of threads. It fails with
// less than two units, or where hardly any resample has all its figures.
func Bootstrap(unit []int, n int, seed int64, figures int, newStatistic func() Statistic) (Resampled, error) {
	units := countUnits(unit)
	if units < 2 {
		return Resampled{}, fmt.Errorf("resampling needs two patients or more, there is %d", units)
	}
	if n < 1 {
		return Resampled{}, fmt.Errorf("no resamples asked for")
	}
	values := make([]float64, n*figures) // (n, figures)
	redraws := make([]int, n)
	without := make([]float64, units*figures) // (units, figures)
	value := make([]float64, figures)
	inParallel(n+units+1, func(first, step int) {
		statistic := newStatistic()
		drawn, weights := make([]int, units), make([]int, len(unit))
		for k := first; k < n+units+1; k += step {
			switch {
			case k < n:
				redraws[k] = resample(unit, drawn, weights, seed, k, statistic, values[k*figures:(k+1)*figures])
			default: // unit units is none
				leaveOut(unit, weights, k-n)
				out := value
				if k-n < units {
					out = without[(k-n)*figures : (k-n+1)*figures]
				}
				statistic(weights, out)
			}
		}
	})
	r, err := gather(values, redraws, figures)
	if err != nil {
		return Resampled{}, err
	}
	r.value, r.without = value, make([][]float64, figures)
	for f := range figures {
		r.without[f] = make([]float64, units)
		for u := range units {
			r.without[f][u] = without[u*figures+f]
		}
	}
	return r, nil
}

// countUnits returns how many units there are.
func countUnits(unit []int) int {
	units := 0
	for _, u := range unit {
		units = max(units, u+1)
	}
	return units
}

// gather sorts the values of resamples, (n, figures), by figure, and adds up how often
// they were drawn again.
func gather(values []float64, redraws []int, figures int) (Resampled, error) {
	r := Resampled{Values: make([][]float64, figures)}
	for _, k := range redraws {
		if k > maxRedraws {
			return Resampled{}, fmt.Errorf("%d resamples in a row have no value", maxRedraws)
		}
		r.Redraws += k
	}
	for f := range figures {
		r.Values[f] = make([]float64, len(redraws))
		for b := range redraws {
			r.Values[f][b] = values[b*figures+f]
		}
		slices.Sort(r.Values[f])
	}
	return r, nil
}

// inParallel calls do on each of the threads that can run, at most n, with what
// it begins at and how many threads there are.
func inParallel(n int, do func(first, step int)) {
	var wg sync.WaitGroup
	threads := min(runtime.GOMAXPROCS(0), n)
	for t := range threads {
		wg.Go(func() { do(t, threads) })
	}
	wg.Wait()
}

// leaveOut fills weights with the study in which one unit is missing.
func leaveOut(unit, weights []int, missing int) {
	for i, u := range unit {
		weights[i] = 1
		if u == missing {
			weights[i] = 0
		}
	}
}

// resample fills out with the figures of resample b and returns how often it
// had to be drawn again; more than maxRedraws means that it has none.
func resample(unit, drawn, weights []int, seed int64, b int, statistic Statistic, out []float64) int {
	return redraw(out, func(try int) {
		draw(rng.At(seed, "bootstrap", b, try), drawn)
		weigh(unit, drawn, weights)
		statistic(weights, out)
	})
}

// redraw calls fill, which fills out, until no figure is NaN, and returns how often it
// did so again; more than maxRedraws if it gave up.
func redraw(out []float64, fill func(try int)) int {
	for try := range maxRedraws + 1 {
		fill(try)
		if !slices.ContainsFunc(out, math.IsNaN) {
			return try
		}
	}
	return maxRedraws + 1
}

// weigh gives every item the times that its unit was drawn.
func weigh(unit, drawn, weights []int) {
	for i, u := range unit {
		weights[i] = drawn[u]
	}
}

// draw fills times with how often each comes up in as many draws as there are.
func draw(r *rand.Rand, times []int) {
	clear(times)
	for range times {
		times[r.IntN(len(times))]++
	}
}

// Interval returns the percentile interval of a figure at the given level: the
// values at ranks floor(n·(1-level)/2) and floor(n·(1+level)/2) of n, counted
// from 0, as LUNA16 takes them.
func (r Resampled) Interval(figure int, level float64) (low, high float64) {
	v := r.Values[figure]
	tail := (1 - level) / 2
	rank := func(p float64) float64 { return v[min(int(math.Floor(p*float64(len(v)))), len(v)-1)] }
	return rank(tail), rank(1 - tail)
}

// Mean returns the mean of a figure over the resamples.
func (r Resampled) Mean(figure int) float64 {
	sum := 0.0
	for _, v := range r.Values[figure] {
		sum += v
	}
	return sum / float64(len(r.Values[figure]))
}

// PFromZero returns the two-sided bootstrap p value of a difference: twice the
// smaller share of resamples on either side of zero, those at zero counted on
// both, and never below 1/n.
func (r Resampled) PFromZero(figure int) float64 {
	v := r.Values[figure]
	below, above := 0, 0
	for _, x := range v {
		if x <= 0 {
			below++
		}
		if x >= 0 {
			above++
		}
	}
	return min(1, 2*float64(max(min(below, above), 1))/float64(len(v)))
}
