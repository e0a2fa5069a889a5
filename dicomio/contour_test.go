package dicomio

import (
	"math"
	"math/rand/v2"
	"testing"
)

// inside is the oracle: a point is inside when a ray to the right of it
// crosses the outline an odd number of times (Shimrat 1962).
func inside(ys, xs []float64, y, x float64) bool {
	in := false
	j := len(ys) - 1
	for i := range ys {
		if (ys[i] > y) != (ys[j] > y) && x < (xs[j]-xs[i])*(y-ys[i])/(ys[j]-ys[i])+xs[i] {
			in = !in
		}
		j = i
	}
	return in
}

func TestToggleAgainstRays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		n := 3 + rng.IntN(20)
		ys, xs := make([]float64, n), make([]float64, n)
		for i := range n {
			ys[i], xs[i] = rng.Float64()*30-5, rng.Float64()*40-10
		}
		m := newBitmap(20, 24)
		m.toggle(ys, xs)
		for y := range 20 {
			for x := range 24 {
				if want := inside(ys, xs, float64(y), float64(x)); m.set[y*24+x] != want {
					t.Fatalf("polygon %v %v: voxel (%d, %d) is %v, want %v", ys, xs, y, x, !want, want)
				}
			}
		}
	}
}

// Shapes of which the count of voxels is known by hand.
func TestToggleShapes(t *testing.T) {
	square := func(low, high float64) (ys, xs []float64) {
		return []float64{low, low, high, high}, []float64{low, high, high, low}
	}
	tests := []struct {
		name string
		draw func(m *bitmap)
		want int
	}{
		{"between centres", func(m *bitmap) { m.toggle(square(1.5, 4.5)) }, 9},
		{"on centres: lower edges in, upper out", func(m *bitmap) { m.toggle(square(1, 4)) }, 9},
		{"inner contour is a hole", func(m *bitmap) { m.toggle(square(0.5, 7.5)); m.toggle(square(2.5, 4.5)) }, 49 - 4},
		{"keyhole", func(m *bitmap) {
			// An outer square, a bridge to an inner one drawn the other way, and back.
			m.toggle([]float64{0.5, 0.5, 7.5, 7.5, 2.5, 4.5, 4.5, 2.5, 2.5, 7.5}, []float64{0.5, 7.5, 7.5, 0.5, 2.5, 2.5, 4.5, 4.5, 2.5, 0.5})
		}, 49 - 4},
		{"smaller than a voxel", func(m *bitmap) { m.toggle(square(2.2, 2.8)) }, 0},
		{"wholly outside", func(m *bitmap) { m.toggle(square(20, 30)); m.toggle(square(-9, -3)) }, 0},
		{"larger than the slice", func(m *bitmap) { m.toggle(square(-1e9, 1e9)) }, 100},
		{"a line", func(m *bitmap) { m.toggle([]float64{1, 5}, []float64{1, 5}) }, 0},
		{"nothing", func(m *bitmap) { m.toggle(nil, nil) }, 0},
	}
	for _, tt := range tests {
		m := newBitmap(10, 10)
		tt.draw(m)
		n := 0
		for _, s := range m.set {
			if s {
				n++
			}
		}
		if n != tt.want {
			t.Errorf("%s: %d voxels, want %d", tt.name, n, tt.want)
		}
	}
}

// The area of a disc of radius 40 voxels, by voxels, within half a percent.
func TestToggleDisc(t *testing.T) {
	ys, xs := make([]float64, 720), make([]float64, 720)
	for i := range ys {
		s, c := math.Sincos(float64(i) * math.Pi / 360)
		ys[i], xs[i] = 50.3+40*s, 50.1+40*c
	}
	m := newBitmap(101, 101)
	m.toggle(ys, xs)
	n := 0
	for _, s := range m.set {
		if s {
			n++
		}
	}
	want := math.Pi * 1600
	if diff := math.Abs(float64(n)/want - 1); !(diff <= 0.005) {
		t.Errorf("%d voxels, want %.0f", n, want)
	}
	if diff := math.Abs(math.Abs(area(ys, xs))/want - 1); !(diff <= 1e-4) {
		t.Errorf("area %v, want %v", area(ys, xs), want)
	}
}

func FuzzToggle(f *testing.F) {
	f.Add(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
	f.Add(math.NaN(), math.Inf(1), math.Inf(-1), 1e308, -1e308, 0.0)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g float64) {
		newBitmap(6, 5).toggle([]float64{a, c, e}, []float64{b, d, g})
	})
}
