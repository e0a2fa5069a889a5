package volume

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// drawGeometry draws a grid of up to 6 voxels a side with axes in any order
// and direction, rotated by up to 40 degrees.
func drawGeometry(t *rapid.T) Geometry {
	var shape [3]int
	var spacing, origin, angle [3]float64
	for a := range 3 {
		shape[a] = rapid.IntRange(1, 6).Draw(t, "side")
		spacing[a] = rapid.Float64Range(0.3, 6).Draw(t, "spacing")
		origin[a] = rapid.Float64Range(-500, 500).Draw(t, "origin")
		angle[a] = rapid.Float64Range(-0.7, 0.7).Draw(t, "angle")
	}
	g := Grid(shape, spacing, origin)
	for a := range 3 {
		rotate(&g.Affine, a, angle[a])
	}
	perm := rapid.Permutation([]int{0, 1, 2}).Draw(t, "axes")
	turned := g
	for a, axis := range perm {
		sign := float64(rapid.SampledFrom([]int{-1, 1}).Draw(t, "sign"))
		for r := range 3 {
			turned.Affine[r][a] = sign * g.Affine[r][axis]
		}
	}
	return turned
}

// rotate turns the axes of a about the patient's axis.
func rotate(a *Affine, axis int, angle float64) {
	r, s := (axis+1)%3, (axis+2)%3
	sin, cos := math.Sincos(angle)
	for c := range 3 {
		a[r][c], a[s][c] = cos*a[r][c]-sin*a[s][c], sin*a[r][c]+cos*a[s][c]
	}
}

// Index is the inverse of LPS within 1e-9 voxels.
func TestIndexInvertsLPS(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGeometry(t)
		var want [3]float64
		for a := range 3 {
			want[a] = rapid.Float64Range(-10, 10).Draw(t, "index")
		}
		for a, v := range g.Index(g.LPS(want)) {
			if diff := math.Abs(v - want[a]); !(diff <= 1e-9) {
				t.Fatalf("index %v came back as %v", want, g.Index(g.LPS(want)))
			}
		}
	})
}

func TestGridPlacesVoxels(t *testing.T) {
	g := Grid([3]int{4, 3, 2}, [3]float64{5, 2, 1}, [3]float64{10, 20, 30})
	if got, want := g.LPS([3]float64{3, 2, 1}), [3]float64{11, 24, 45}; got != want {
		t.Errorf("voxel (3, 2, 1) at %v, want %v", got, want)
	}
	if got, want := g.SpacingMM(), [3]float64{5, 2, 1}; got != want {
		t.Errorf("spacing %v, want %v", got, want)
	}
	if !g.Contains([3]float64{9.6, 20, 30}) || g.Contains([3]float64{9.4, 20, 30}) {
		t.Error("the border of the first voxel is not half a voxel before its centre")
	}
}

func TestValidateRefuses(t *testing.T) {
	good := Grid([3]int{2, 2, 2}, [3]float64{1, 1, 1}, [3]float64{})
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Geometry){
		"no slices":       func(g *Geometry) { g.Shape[0] = 0 },
		"negative side":   func(g *Geometry) { g.Shape[1] = -3 },
		"overflow":        func(g *Geometry) { g.Shape = [3]int{1 << 16, 1 << 16, 1 << 16} },
		"huge side":       func(g *Geometry) { g.Shape[2] = math.MaxInt },
		"NaN":             func(g *Geometry) { g.Affine[1][1] = math.NaN() },
		"infinite origin": func(g *Geometry) { g.Affine[1][3] = math.Inf(1) },
		"no step":         func(g *Geometry) { g.Affine[2][0] = 0 },
		"axes in a plane": func(g *Geometry) { g.Affine[2] = [4]float64{0, 1, 1, 0} },
	} {
		g := good
		spoil(&g)
		if g.Validate() == nil {
			t.Errorf("%s: taken as valid", name)
		}
	}
}
