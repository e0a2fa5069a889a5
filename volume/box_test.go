package volume

import (
	"math"
	"testing"
)

func TestBox(t *testing.T) {
	straight := Grid([3]int{4, 5, 6}, [3]float64{3, 2, 1}, [3]float64{7, 8, 9})
	if got, want := straight.BoxVoxels([3]float64{6, 6, 6}), ([3]float64{2, 3, 6}); got != want {
		t.Errorf("straight: %v voxels, want %v", got, want)
	}
	if got, want := straight.BoxMM([3]float64{2, 3, 6}), ([3]float64{6, 6, 6}); got != want {
		t.Errorf("straight: %v mm, want %v", got, want)
	}
	// A grid turned by 45 degrees in the y-x plane: a square of side 1 has
	// extents of sqrt(2) along the other axes, either way.
	c := math.Sqrt2 / 2
	turned := Geometry{[3]int{4, 4, 4}, Affine{{0, -c, c, 0}, {0, c, c, 0}, {1, 0, 0, 0}}}
	want := [3]float64{1, math.Sqrt2, math.Sqrt2}
	for a, v := range turned.BoxVoxels([3]float64{1, 1, 1}) {
		if !(math.Abs(v-want[a]) <= 1e-12) {
			t.Errorf("turned: axis %d: %v voxels, want %v", a, v, want[a])
		}
	}
	want = [3]float64{math.Sqrt2, math.Sqrt2, 1}
	for row, v := range turned.BoxMM([3]float64{1, 1, 1}) {
		if !(math.Abs(v-want[row]) <= 1e-12) {
			t.Errorf("turned: row %d: %v mm, want %v", row, v, want[row])
		}
	}
}
