package kernel

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

var (
	nan = float32(math.NaN())
	inf = float32(math.Inf(1))
)

// edges are lengths around those of vectors, cache lines and pieces of a pass.
var edges = []int{1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 127, 129, blockLen - 1, blockLen + 17}

// elementwise lists functions of three arrays that compute each element on its own,
// and whether an element of the result depends on that of each array.
var elementwise = []struct {
	name    string
	depends [3]bool
	f       func(y, a, b, c []float32)
}{
	{"Add", [3]bool{true, true, false}, func(y, a, b, _ []float32) { Add(y, a, b) }},
	{"AddTo", [3]bool{true, true, false}, func(y, a, b, _ []float32) { copy(y, a); AddTo(y, b) }},
	{"Scale", [3]bool{true, false, false}, func(y, a, _, _ []float32) { copy(y, a); Scale(y, 0.5) }},
	{"GELU", [3]bool{true, false, false}, func(y, a, _, _ []float32) { GELU(y, a) }},
	{"GELUBackward", [3]bool{true, true, false}, func(y, a, b, _ []float32) { GELUBackward(y, a, b) }},
	{"AdamW", [3]bool{true, true, true}, func(y, a, b, c []float32) {
		copy(y, a)
		v := make([]float32, len(y))
		AdamW(y, slices.Clone(b), v, c, 1e-2, 0.9, 0.95, 1e-8, 0.1, 1, 3)
	}},
	{"BF16", [3]bool{true, false, false}, func(y, a, _, _ []float32) {
		h := make([]uint16, len(a))
		ToBF16(h, a)
		FromBF16(y, h)
	}},
}

// A NaN makes NaN of what depends on it and of nothing else, wherever it lies.
func TestNaNElementwise(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, k := range elementwise {
			for _, n := range edges {
				r := seeded(n)
				for i, depends := range k.depends {
					for _, at := range []int{0, n / 2, n - 1} {
						x := [3][]float32{random(r, n), random(r, n), random(r, n)}
						y := make([]float32, n)
						x[i][at] = nan
						k.f(y, x[0], x[1], x[2])
						for j, v := range y {
							if (v != v) != (depends && j == at) {
								t.Fatalf("%s of %d: NaN in argument %d at %d: result %d is %v", k.name, n, i, at, j, v)
							}
						}
					}
				}
			}
		}
	})
}

// Infinities and denormals give what float64 gives, rounded. Paths that flush denormals
// would differ from it. Sums and products of two numbers are exact to a rounding.
func TestInfinitiesAndDenormals(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		x := specials()
		for _, f := range []float32{1, -0.5, 0x1p-100, 0x1p100} {
			y := slices.Clone(x)
			Scale(y, f)
			for i, v := range x {
				near(t, "Scale", v, y[i], float64(v*f), 0, 0)
			}
		}
		for shift := range 40 { // each with many others
			b := append(slices.Clone(x[shift*17:]), x[:shift*17]...)
			y := make([]float32, len(x))
			Add(y, x, b)
			for i, v := range x {
				near(t, "Add", v, y[i], float64(v+b[i]), 0, 0)
			}
		}
		var sum float64
		tiny := make([]float32, 77)
		for i := range tiny {
			tiny[i] = float32(math.Ldexp(1+float64(i)/77, -140))
			sum += float64(tiny[i]) * float64(tiny[i])
		}
		if s := SumSquares(tiny); !(math.Abs(s-sum) <= 1e-14*sum) {
			t.Errorf("SumSquares of denormals is %v, want %v", s, sum)
		}
		for _, v := range []float32{nan, inf, -inf} {
			for at := range tiny {
				old := tiny[at]
				tiny[at] = v
				if s, want := SumSquares(tiny), float64(v)*float64(v); s != want && !(s != s && want != want) {
					t.Fatalf("SumSquares with %v at %d is %v", v, at, s)
				}
				tiny[at] = old
			}
		}
	})
}

// The first step of AdamW from moments of zero is lr·sign(g) for gradients down to
// denormals whose squares are nothing: there the moment counts alone. An infinite
// gradient leaves NaN, and nothing beside it.
func TestAdamWSpecials(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		g := []float32{1, -1, 1e-10, 1e18, 0x1p-130, 0, inf, 2, -inf, 3, 4, 5, 6, 7, 8, 9, -3}
		w, m, v := make([]float32, len(g)), make([]float32, len(g)), make([]float32, len(g))
		AdamW(w, m, v, g, 1e-2, 0.9, 0.95, 1e-30, 0, 1, 1)
		for i, d := range g {
			switch {
			case math.IsInf(float64(d), 0):
				if w[i] == w[i] {
					t.Errorf("gradient %v: the weight is %v", d, w[i])
				}
			case d == 0x1p-130: // its square is below all float32
				near(t, "m", d, m[i], 0.1*float64(d), 1e-6, 0x1p-149)
				near(t, "w", d, w[i], -1e-2*float64(d)/1e-30, 1e-4, 0)
			default:
				near(t, "w", d, w[i], -1e-2*float64(sign(d)), 1e-5, 0)
			}
		}
	})
}

func sign(v float32) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// tainted fails unless exactly the elements of y that want names are NaN or infinite.
func tainted(t *testing.T, what string, y []float32, want func(i int) bool) {
	t.Helper()
	for i, v := range y {
		if (v-v != 0) != want(i) {
			t.Fatalf("%s: element %d is %v", what, i, v)
		}
	}
}

// A NaN or an infinity spoils its own row's normalisation, or its sample's group, and
// the sums that it is part of; nothing else.
func TestNaNNorms(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, d := range []int{1, 15, 16, 17, 32, 48, 64, 72} {
			for _, bad := range []float32{nan, inf, -inf} {
				testNaNLayerNorm(t, d, bad)
				testNaNGroupNorm(t, d, bad)
			}
		}
	})
}

func testNaNLayerNorm(t *testing.T, d int, bad float32) {
	t.Helper()
	const rows = 2*normRows + 1
	r := seeded(d)
	x, gain, bias, dy := random(r, rows*d), random(r, d), random(r, d), random(r, rows*d)
	y, mean, rstd := make([]float32, rows*d), make([]float32, rows), make([]float32, rows)
	dx, dgain, dbias := make([]float32, rows*d), make([]float32, d), make([]float32, d)
	at := (normRows+3)*d + d - 1
	row := func(i int) bool { return i/d == at/d }
	last := func(i int) bool { return i == d-1 }
	what := fmt.Sprintf("layer norm of %d with %v", d, bad)

	LayerNorm(y, mean, rstd, x, gain, bias, rows, d, 1e-5)
	dy[at] = bad
	LayerNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain, rows, d, false)
	tainted(t, what+" in dy: dx", dx, row)
	tainted(t, what+" in dy: dgain", dgain, last)
	tainted(t, what+" in dy: dbias", dbias, last)

	x[at] = bad
	LayerNorm(y, mean, rstd, x, gain, bias, rows, d, 1e-5)
	tainted(t, what+": y", y, row)
	tainted(t, what+": rstd", rstd, func(i int) bool { return i == at/d })
	dy[at] = 1
	LayerNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain, rows, d, false)
	tainted(t, what+": dx", dx, row)
	tainted(t, what+": dgain", dgain, func(int) bool { return true })
	tainted(t, what+": dbias", dbias, func(int) bool { return false })
}

func testNaNGroupNorm(t *testing.T, c int, bad float32) {
	t.Helper()
	const batch, voxels = 3, 300
	groups := c
	if c%3 == 0 {
		groups = c / 3
	}
	r := seeded(c)
	x, gain, bias, dy := random(r, batch*voxels*c), random(r, c), random(r, c), random(r, batch*voxels*c)
	y, mean, rstd := make([]float32, len(x)), make([]float32, batch*groups), make([]float32, batch*groups)
	dx, dgain, dbias := make([]float32, len(x)), make([]float32, c), make([]float32, c)
	for _, voxel := range []int{0, 177, voxels - 1} { // among the first rows, and later
		at := (voxels+voxel)*c + c - 1
		old := x[at]
		x[at] = bad
		per := c / groups
		group := func(i int) bool { return i/(voxels*c) == 1 && i%c/per == groups-1 }
		what := fmt.Sprintf("group norm of %d in %d with %v in voxel %d", c, groups, bad, voxel)
		GroupNorm(y, mean, rstd, x, gain, bias, batch, voxels, c, groups, 1e-5)
		tainted(t, what+": y", y, group)
		GroupNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain, batch, voxels, c, groups, false)
		tainted(t, what+": dx", dx, group)
		tainted(t, what+": dgain", dgain, func(i int) bool { return i/per == groups-1 })
		tainted(t, what+": dbias", dbias, func(int) bool { return false })
		x[at] = old
	}
}
