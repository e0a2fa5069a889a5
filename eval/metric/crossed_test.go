package metric

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"oncovox/internal/rng"
)

// A planted study: the figure of item i in repeat j is the sum of an effect of
// the item, one of the repeat and one of both, about a mean of 0.
func planted(seed int64, items, repeats int, item, repeat, both float64) [][]float64 {
	r := rng.At(seed, "planted")
	of, in := make([]float64, items), make([]float64, repeats)
	for i := range of {
		of[i] = item * r.NormFloat64()
	}
	x := make([][]float64, repeats)
	for j := range x {
		in[j] = repeat * r.NormFloat64()
		x[j] = make([]float64, items)
		for i := range x[j] {
			x[j][i] = of[i] + in[j] + both*r.NormFloat64()
		}
	}
	return x
}

func grandMean(x [][]float64) func() CrossedStatistic {
	return func() CrossedStatistic {
		return func(weights, repeats []int, out []float64) {
			sum, n := 0.0, 0
			for j, row := range x {
				for i, v := range row {
					sum += float64(weights[i]*repeats[j]) * v
					n += weights[i] * repeats[j]
				}
			}
			out[0] = sum / float64(n)
		}
	}
}

func each(n int) []int {
	unit := make([]int, n)
	for i := range unit {
		unit[i] = i
	}
	return unit
}

// Intervals of 95 % hold the planted truth in about 95 of 100 studies: in 400,
// with the standard error of 1.1 % of such a count, in 366 at least (three
// standard errors less) where the spread is that of the items or of both. That of
// the repeats is under-rated: with five the variance by a fifth, for which the normal
// distribution leaves 92 %, and the percentiles of so few values a little less.
func TestCrossedCovers(t *testing.T) {
	if testing.Short() {
		t.Skip("planted studies are not repeated with -short")
	}
	const studies, items, repeats = 400, 40, 5
	for _, tt := range []struct {
		name               string
		item, repeat, both float64
		least              float64
	}{
		{"items", 1, 0, 0, 0.915},
		{"items and both", 1, 0, 1, 0.93},
		{"both", 0, 0, 1, 0.95},
		{"items and some of repeats", 1, 0.1, 0.5, 0.915},
		{"repeats", 0, 1, 0, 0.72},
	} {
		held := 0
		for k := range studies {
			b, err := Crossed(each(items), repeats, 200, 1, 1, grandMean(planted(int64(k), items, repeats, tt.item, tt.repeat, tt.both)))
			if err != nil {
				t.Fatal(err)
			}
			if low, high := b.Interval(0, 0.95); low <= 0 && 0 <= high {
				held++
			}
		}
		if share := float64(held) / studies; !(share >= tt.least) {
			t.Errorf("%s: %.3f of the intervals hold the truth, want at least %v", tt.name, share, tt.least)
		}
	}
}

// The variance of the resamples is what Owen 2007 derives for a balanced table:
// that of the mean with the part of both in it three times, each less one in as many.
func TestCrossedVariance(t *testing.T) {
	if testing.Short() {
		t.Skip("many resamples: not with -short")
	}
	const items, repeats = 60, 8
	x := planted(3, items, repeats, 1, 0.5, 2)
	b, err := Crossed(each(items), repeats, 20000, 2, 1, grandMean(x))
	if err != nil {
		t.Fatal(err)
	}
	rows, columns, all := make([]float64, repeats), make([]float64, items), 0.0
	for j, row := range x {
		for i, v := range row {
			rows[j] += v / items
			columns[i] += v / repeats
			all += v / items / repeats
		}
	}
	var ofItems, ofRepeats, ofBoth float64 // variances of the effects in this table
	for i, c := range columns {
		ofItems += (c - all) * (c - all) / items
		for j, r := range rows {
			d := x[j][i] - c - r + all
			ofBoth += d * d / items / repeats
		}
	}
	for _, r := range rows {
		ofRepeats += (r - all) * (r - all) / repeats
	}
	want := ofItems/items + ofRepeats/repeats + ofBoth/items/repeats
	got := 0.0
	for _, v := range b.Values[0] {
		got += (v - all) * (v - all) / float64(len(b.Values[0]))
	}
	// The standard error of a variance from 20000 normal values is 1 %.
	if !(math.Abs(got-want) <= 0.04*want) {
		t.Errorf("variance %v of the resamples, want %v", got, want)
	}
}

func TestCrossedThreads(t *testing.T) {
	x := planted(1, 12, 3, 1, 1, 1)
	a, err := Crossed(each(12), 3, 100, 5, 1, grandMean(x))
	if err != nil {
		t.Fatal(err)
	}
	procs := runtime.GOMAXPROCS(1)
	b, err := Crossed(each(12), 3, 100, 5, 1, grandMean(x))
	runtime.GOMAXPROCS(procs)
	if err != nil || !slices.Equal(a.Values[0], b.Values[0]) {
		t.Errorf("another number of threads: %v, error %v", b.Values[0][:3], err)
	}
	if _, err := Crossed([]int{0, 0}, 3, 100, 1, 1, grandMean(x)); err == nil {
		t.Error("one patient: no error")
	}
	never := func() CrossedStatistic { return func(_, _ []int, out []float64) { out[0] = math.NaN() } }
	if _, err := Crossed(each(3), 1, 10, 1, 1, never); err == nil {
		t.Error("no value: no error")
	}
}
