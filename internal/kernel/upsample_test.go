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

// Oracle: PyTorch's definition in float64, and numeric gradients of it.
func TestUpsample(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for k, s := range [][4]int{{1, 1, 1, 3}, {2, 3, 4, 3}, {3, 1, 2, 16}, {1, 2, 2, 48}, {1, 1, 1, 16}} {
			in, c := [3]int{s[0], s[1], s[2]}, s[3]
			r := seeded(k)
			x, dy := random(r, 2*volume(in)*c), random(r, 16*volume(in)*c)
			y, dx := make([]float32, len(dy)), make([]float32, len(x))
			for _, linear := range []bool{false, true} {
				up, down := Upsample2, Upsample2Backward
				if linear {
					up, down = UpsampleTrilinear2, UpsampleTrilinear2Backward
				}
				up(y, x, 2, in, c)
				same(t, "y", y, refUpsample(wide(x), 2, in, c, linear), 1e-6)
				down(dx, dy, 2, in, c)
				same(t, "dx", dx, upsampleGradient(dy, 2, in, c, linear), 1e-5)
			}
		}
	})
}

// upsampleGradient is the transpose of refUpsample, which is linear: element i of
// the gradient is the dot product of dy and the upsampled unit vector i. Channels
// do not meet, so one unit vector serves them all.
func upsampleGradient(dy []float32, batch int, in [3]int, c int, linear bool) []float64 {
	n := batch * volume(in)
	dx := make([]float64, n*c)
	for v := range n {
		unit := make([]float64, n)
		unit[v] = 1
		for o, f := range refUpsample(unit, batch, in, 1, linear) {
			for ch := range c {
				dx[v*c+ch] += f * float64(dy[o*c+ch])
			}
		}
	}
	return dx
}
