package eval

import (
	"fmt"

	"oncovox/eval/metric"
)

// A vector is a row of numbers that are computed and resampled together: the
// named ones first, then blocks.
type vector struct {
	names []string
	n     int
	value []float64        // of the scans as they are
	boot  metric.Resampled // empty where there are no intervals
	how   string           // how the intervals were made, or why there are none
}

func newVector(names ...string) *vector { return &vector{names: names, n: len(names)} }

// block makes room for n more numbers and returns where they begin.
func (v *vector) block(n int) int {
	v.n += n
	return v.n - n
}

// run computes the numbers, and resamples them n times over the units.
func (v *vector) run(unit []int, n int, seed int64, makeStatistic func() metric.Statistic) {
	v.value = make([]float64, v.n)
	once := make([]int, len(unit))
	for i := range once {
		once[i] = 1
	}
	makeStatistic()(once, v.value)
	boot, err := metric.Bootstrap(unit, n, seed, v.n, makeStatistic)
	if err != nil {
		v.how = "no interval: " + err.Error()
		return
	}
	v.boot = boot
	v.how = fmt.Sprintf("percentiles of %d resamples of the patients; beside them BCa", n)
	if boot.Redraws > 0 {
		v.how += fmt.Sprintf(", %d more drawn again since they had no value", boot.Redraws)
	}
}

// interval returns the ends of the interval of number i, nil without one.
func (v *vector) interval(i int) (low, high *float64) {
	if v.boot.Values == nil {
		return nil, nil
	}
	l, h := v.boot.Interval(i, level)
	return number(l), number(h)
}

// put writes number i with its intervals, or why it has none, into f.
func (v *vector) put(f *Figure, i int, undefined string) {
	if f.Value = number(v.value[i]); f.Value == nil {
		f.Undefined = undefined
		return
	}
	f.Interval = v.how
	if f.Low, f.High = v.interval(i); f.Low != nil {
		low, high := v.boot.BCa(i, level)
		f.BCaLow, f.BCaHigh = number(low), number(high)
	}
}

// band returns the intervals of n numbers from i on, nil without.
func (v *vector) band(i, n int) (low, high []float64) {
	if v.boot.Values == nil {
		return nil, nil
	}
	low, high = make([]float64, n), make([]float64, n)
	for k := range n {
		low[k], high[k] = v.boot.Interval(i+k, level)
	}
	return low, high
}
