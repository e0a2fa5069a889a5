package metric

import (
	"math"
	"testing"
)

// Of five patients with one negative, a third of all resamples hold no
// negative: they are drawn again, whatever the statistics read off the curve.
func TestAUCStatisticOfOneClass(t *testing.T) {
	positive := []bool{true, true, true, true, false}
	score := []float64{0.9, 0.8, 0.7, 0.2, 0.4}
	unit := []int{0, 1, 2, 3, 4}
	got, err := Bootstrap(unit, 200, 1, 3, AUCStatistic(positive, score, []float64{0, 0.5}))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 3)
	AUCStatistic(positive, score, []float64{0, 0.5})()([]int{1, 1, 1, 2, 0}, out)
	for k, v := range out {
		if !math.IsNaN(v) {
			t.Errorf("figure %d of a resample without negatives: %v, want NaN", k, v)
		}
	}
	if got.Redraws == 0 {
		t.Error("no resample was drawn again")
	}
}
