package kernel

import (
	"math"
	"testing"
)

func refUpsample(x []float64, batch int, in [3]int, c int, linear bool) []float64 {
	y := make([]float64, 8*len(x))
	out := [3]int{2 * in[0], 2 * in[1], 2 * in[2]}
	for i := range y {
		v, ch := i/c, i%c
		o := [3]int{v / (out[1] * out[2]) % out[0], v / out[2] % out[1], v % out[2]}
		for corner := range 8 {
			f, at := 1.0, v/volume(out)
			for a := range 3 {
				p := (float64(o[a])+0.5)/2 - 0.5
				lo := math.Floor(p)
				w, idx := 1-(p-lo), int(lo)
				if corner>>a&1 == 1 {
					w, idx = p-lo, idx+1
				}
				if !linear {
					w, idx = float64(1-corner>>a&1), o[a]/2
				}
				f *= w
				at = at*in[a] + min(max(idx, 0), in[a]-1)
			}
			y[i] += f * x[at*c+ch]
		}
	}
	return y
}

func TestUpsample(t *testing.T) {
	for k, in := range [][3]int{{1, 1, 1}, {2, 3, 4}, {3, 1, 2}} {
		r := seeded(k)
		x, dy := random(r, 2*volume(in)*3), random(r, 16*volume(in)*3)
		y, dx := make([]float32, len(dy)), make([]float32, len(x))
		Upsample2(y, x, 2, in, 3)
		same(t, "nearest", y, refUpsample(wide(x), 2, in, 3, false), 0)
		Upsample2Backward(dx, dy, 2, in, 3)
		same(t, "its gradient", dx, gradient(func(x []float64) []float64 { return refUpsample(x, 2, in, 3, false) }, x, dy), 1e-5)
		UpsampleTrilinear2(y, x, 2, in, 3)
		same(t, "trilinear", y, refUpsample(wide(x), 2, in, 3, true), 1e-6)
		UpsampleTrilinear2Backward(dx, dy, 2, in, 3)
		same(t, "its gradient", dx, gradient(func(x []float64) []float64 { return refUpsample(x, 2, in, 3, true) }, x, dy), 1e-5)
	}
}
