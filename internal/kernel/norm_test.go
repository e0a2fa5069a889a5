package kernel

import (
	"math"
	"testing"
)

func refNorm(x, gain, bias []float64, batch, voxels, channels, groups int, eps float64) (y, mean, rstd []float64) {
	per := channels / groups
	y = make([]float64, len(x))
	for t := range batch * groups {
		b, g := t/groups, t%groups
		at := func(i int) int { return (b*voxels+i/per)*channels + g*per + i%per }
		n := voxels * per
		var m, v float64
		for i := range n {
			m += x[at(i)] / float64(n)
		}
		for i := range n {
			v += (x[at(i)] - m) * (x[at(i)] - m) / float64(n)
		}
		r := 1 / math.Sqrt(v+eps)
		mean, rstd = append(mean, m), append(rstd, r)
		for i := range n {
			y[at(i)] = (x[at(i)]-m)*r*gain[g*per+i%per] + bias[g*per+i%per]
		}
	}
	return y, mean, rstd
}

// refNormGrad is the closed form; TestNormGradient checks it numerically.
func refNormGrad(dy, x, gain []float64, batch, voxels, channels, groups int, eps float64) (dx, dgain, dbias []float64) {
	_, mean, rstd := refNorm(x, gain, make([]float64, channels), batch, voxels, channels, groups, eps)
	per := channels / groups
	n := float64(voxels * per)
	dx, dgain, dbias = make([]float64, len(x)), make([]float64, channels), make([]float64, channels)
	for t := range batch * groups {
		var a, c float64
		for pass := range 2 {
			for i := range voxels * per {
				ch := t%groups*per + i%per
				at := (t/groups*voxels+i/per)*channels + ch
				h := (x[at] - mean[t]) * rstd[t]
				g := dy[at] * gain[ch]
				if pass == 0 {
					a, c = a+g/n, c+g*h/n
					dgain[ch] += dy[at] * h
					dbias[ch] += dy[at]
				} else {
					dx[at] = rstd[t] * (g - a - h*c)
				}
			}
		}
	}
	return dx, dgain, dbias
}

func TestNormGradient(t *testing.T) {
	r := seeded(5)
	x, gain, dy := random(r, 2*5*6), random(r, 6), random(r, 60)
	bias := make([]float64, 6)
	dx, dgain, _ := refNormGrad(wide(dy), wide(x), wide(gain), 2, 5, 6, 3, 1e-5)
	nx := gradient(func(x []float64) []float64 { y, _, _ := refNorm(x, wide(gain), bias, 2, 5, 6, 3, 1e-5); return y }, x, dy)
	ng := gradient(func(g []float64) []float64 { y, _, _ := refNorm(wide(x), g, bias, 2, 5, 6, 3, 1e-5); return y }, gain, dy)
	for i, v := range append(dx, dgain...) {
		if w := append(nx, ng...)[i]; !(math.Abs(v-w) <= 1e-7) {
			t.Fatalf("gradient %d = %v, numerically %v", i, v, w)
		}
	}
}

// Layer normalisation is group normalisation of rows of one voxel in one group.
func TestLayerNorm(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for k, d := range []int{1, 7, 16, 31, 48, 192, 384, 400} {
			r, rows := seeded(k), 37
			x, gain, bias, dy := random(r, rows*d), random(r, d), random(r, d), random(r, rows*d)
			y, mean, rstd := make([]float32, rows*d), make([]float32, rows), make([]float32, rows)
			LayerNorm(y, mean, rstd, x, gain, bias, rows, d, 1e-3)
			y0, mean0, rstd0 := refNorm(wide(x), wide(gain), wide(bias), rows, 1, d, 1, float64(float32(1e-3)))
			same(t, "y", y, y0, 1e-5)
			same(t, "mean", mean, mean0, 1e-6)
			same(t, "rstd", rstd, rstd0, 1e-5)
			dx, dgain, dbias := random(r, rows*d), random(r, d), random(r, d)
			LayerNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain, rows, d, false)
			dx0, dgain0, dbias0 := refNormGrad(wide(dy), wide(x), wide(gain), rows, 1, d, 1, float64(float32(1e-3)))
			same(t, "dx", dx, dx0, 2e-5)
			same(t, "dgain", dgain, dgain0, 1e-5)
			same(t, "dbias", dbias, dbias0, 1e-5)
		}
	})
}

func TestGroupNorm(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for k, s := range [][4]int{{1, 1, 2, 1}, {2, 5, 6, 3}, {2, 1000, 8, 8}, {3, 77, 32, 4}, {1, 5000, 24, 24}, {2, 33, 128, 1}, {1, 9, 3, 1}} {
			r := seeded(k)
			b, v, c, g := s[0], s[1], s[2], s[3]
			x, gain, bias, dy := random(r, b*v*c), random(r, c), random(r, c), random(r, b*v*c)
			y, mean, rstd := make([]float32, len(x)), make([]float32, b*g), make([]float32, b*g)
			GroupNorm(y, mean, rstd, x, gain, bias, b, v, c, g, 1e-3)
			y0, mean0, rstd0 := refNorm(wide(x), wide(gain), wide(bias), b, v, c, g, float64(float32(1e-3)))
			same(t, "y", y, y0, 1e-5)
			same(t, "mean", mean, mean0, 1e-6)
			same(t, "rstd", rstd, rstd0, 1e-5)
			dx, dgain, dbias := random(r, len(x)), random(r, c), random(r, c)
			GroupNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain, b, v, c, g, false)
			dx0, dgain0, dbias0 := refNormGrad(wide(dy), wide(x), wide(gain), b, v, c, g, float64(float32(1e-3)))
			same(t, "dx", dx, dx0, 2e-5)
			same(t, "dgain", dgain, dgain0, 2e-5)
			same(t, "dbias", dbias, dbias0, 2e-5)
		}
	})
}
