package eval

import (
	"math"
	"testing"

	"oncovox/internal/rng"
	"oncovox/volume"
)

// The oracle is scikit-learn's LogisticRegression(C=1) on the same numbers,
// standardised; its six decimals bound the tolerance, with what is left of two
// searches that end at gradients of 1e-6.
func TestWindowModelFit(t *testing.T) {
	var x [][]float64
	var y []bool
	for i := range 40 {
		at, row := float64(i), make([]float64, windowFeatures)
		for f := range row {
			row[f] = math.Sin(1.3*at + 2.1*float64(f) + 0.7*at*float64(f))
		}
		x = append(x, row)
		y = append(y, math.Sin(1.3*at)+0.8*math.Sin(1.3*at+2.1*3+0.7*at*3)+0.5*math.Cos(5*at) > 0.2)
	}
	m := &windowModel{}
	must(t, m.fit(x, y))
	for i, want := range []float64{1.956909, 0.261204, 0.100480, 1.049141, 0.198768, 0.223298, -0.561176, 0.051743, -0.824123} {
		if !(math.Abs(m.weight[i]-want) <= 2e-5) {
			t.Errorf("weight %d: %v, want %v", i, m.weight[i], want)
		}
	}
}

// A box has the sums that its voxels have, also where it is cut by a border.
func TestSumsOfBoxes(t *testing.T) {
	g := volume.Grid([3]int{5, 6, 7}, [3]float64{1, 1, 1}, [3]float64{})
	v := volume.New(g)
	r := rng.At(1, "sums")
	for i := range v.Data {
		v.Data[i] = float32(r.NormFloat64())
	}
	dir := t.TempDir()
	_, err := volume.Write(dir, v)
	must(t, err)
	mapped, err := volume.Open(dir)
	must(t, err)
	defer mapped.Close()
	s := newSums(mapped)
	half := [3]int{1, 2, 0}
	for i := range v.Data {
		at := [3]int{i / 42, i / 7 % 6, i % 7}
		var n, one, square float64
		for k, u := range v.Data {
			if abs(k/42-at[0]) <= half[0] && abs(k/7%6-at[1]) <= half[1] && abs(k%7-at[2]) <= half[2] {
				n, one, square = n+1, one+float64(u), square+float64(u)*float64(u)
			}
		}
		gotN, gotOne, gotSquare := s.box(at, half)
		if gotN != n || !(math.Abs(gotOne-one) <= 1e-9) || !(math.Abs(gotSquare-square) <= 1e-9) {
			t.Fatalf("box at %v: %v, %v, %v; want %v, %v, %v", at, gotN, gotOne, gotSquare, n, one, square)
		}
	}
}

func abs(n int) int { return max(n, -n) }

// Bright balls in soft waves are found by the intensities of windows, and not by a
// box in the middle.
func TestWindowLogistic(t *testing.T) {
	f := newFixture(t, 24, "HU")
	cfg := small()
	cfg.Baselines = []string{centralBox, windowLogistic}
	_, m := run(t, f, cfg, "windows")
	box, windows := m.Methods[1].Figure("cpm"), m.Methods[2].Figure("cpm")
	if windows.Value == nil || !(*windows.Value > *box.Value+0.3) || m.Methods[2].Counts.Dropped > 0 {
		t.Errorf("CPM %v of windows, %v of a box in the middle", spread(windows), spread(box))
	}
	if got := peaksOf([]float64{1, 1, 0, 2}); len(got) != 2 || got[0] != 1 || got[1] != 3 {
		t.Errorf("peaks at %v, want the last of two equals, and the highest", got)
	}
}

// peaksOf returns where a line of scores has peaks.
func peaksOf(score []float64) []int {
	var at []int
	for i := range score {
		if peak(score, [3]int{1, 1, len(score)}, i) {
			at = append(at, i)
		}
	}
	return at
}
