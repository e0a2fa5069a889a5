package kernel

import (
	"math"
	"slices"
	"testing"
)

func refConv(x, w, b []float64, s ConvShape) []float64 {
	o := s.Out()
	y := make([]float64, s.Batch*volume(o)*s.COut)
	for i := range y {
		co, v := i%s.COut, i/s.COut
		n, oz, oy, ox := v/volume(o), v/(o[1]*o[2])%o[0], v/o[2]%o[1], v%o[2]
		if b != nil {
			y[i] = b[co]
		}
		for t := range volume(s.Kernel) {
			z := oz*s.Stride[0] + t/(s.Kernel[1]*s.Kernel[2]) - s.Pad[0]
			yy := oy*s.Stride[1] + t/s.Kernel[2]%s.Kernel[1] - s.Pad[1]
			xx := ox*s.Stride[2] + t%s.Kernel[2] - s.Pad[2]
			if z < 0 || z >= s.In[0] || yy < 0 || yy >= s.In[1] || xx < 0 || xx >= s.In[2] {
				continue
			}
			at := (((n*s.In[0]+z)*s.In[1]+yy)*s.In[2] + xx) * s.CIn
			for c := range s.CIn {
				y[i] += x[at+c] * w[(co*volume(s.Kernel)+t)*s.CIn+c]
			}
		}
	}
	return y
}

// refConvGrad returns dx and dw: the convolution is linear in each, so its
// gradient is the same sum with the roles changed.
func refConvGrad(dy, x, w []float64, s ConvShape) (dx, dw []float64) {
	o := s.Out()
	dx, dw = make([]float64, len(x)), make([]float64, len(w))
	for i := range s.Batch * volume(o) * s.COut {
		co, v := i%s.COut, i/s.COut
		n, oz, oy, ox := v/volume(o), v/(o[1]*o[2])%o[0], v/o[2]%o[1], v%o[2]
		for t := range volume(s.Kernel) {
			z := oz*s.Stride[0] + t/(s.Kernel[1]*s.Kernel[2]) - s.Pad[0]
			yy := oy*s.Stride[1] + t/s.Kernel[2]%s.Kernel[1] - s.Pad[1]
			xx := ox*s.Stride[2] + t%s.Kernel[2] - s.Pad[2]
			if z < 0 || z >= s.In[0] || yy < 0 || yy >= s.In[1] || xx < 0 || xx >= s.In[2] {
				continue
			}
			at := (((n*s.In[0]+z)*s.In[1]+yy)*s.In[2] + xx) * s.CIn
			wt := (co*volume(s.Kernel) + t) * s.CIn
			for c := range s.CIn {
				dx[at+c] += dy[i] * w[wt+c]
				dw[wt+c] += dy[i] * x[at+c]
			}
		}
	}
	return dx, dw
}

var convShapes = []ConvShape{
	{1, [3]int{1, 1, 1}, 1, 1, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 0}},
	{2, [3]int{3, 4, 5}, 3, 5, [3]int{3, 3, 3}, [3]int{1, 1, 1}, [3]int{1, 1, 1}},
	{1, [3]int{6, 5, 17}, 1, 8, [3]int{3, 3, 3}, [3]int{2, 2, 2}, [3]int{1, 1, 1}},
	{1, [3]int{5, 4, 5}, 8, 33, [3]int{5, 5, 5}, [3]int{1, 1, 1}, [3]int{2, 2, 2}},
	{2, [3]int{4, 5, 6}, 16, 16, [3]int{2, 2, 2}, [3]int{2, 2, 2}, [3]int{0, 0, 0}},
	{1, [3]int{5, 4, 29}, 17, 40, [3]int{3, 2, 3}, [3]int{1, 2, 2}, [3]int{1, 0, 1}},
	{1, [3]int{4, 4, 4}, 2, 3, [3]int{1, 1, 1}, [3]int{2, 2, 2}, [3]int{0, 0, 0}},
	{1, [3]int{5, 6, 7}, 4, 2, [3]int{3, 3, 3}, [3]int{1, 1, 1}, [3]int{2, 3, 2}},
	{3, [3]int{2, 3, 4}, 32, 65, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 0}},
	{1, [3]int{2, 70, 62}, 8, 2, [3]int{3, 3, 3}, [3]int{1, 1, 1}, [3]int{1, 1, 1}},
}

// The oracle sums in float64. Tolerance: float32 sums of up to 10⁴ products of
// numbers below 1.
func TestConv3D(t *testing.T) {
	for k, s := range convShapes {
		r := seeded(k)
		x, w, b := random(r, s.Batch*volume(s.In)*s.CIn), random(r, s.COut*s.inner()), random(r, s.COut)
		dy := random(r, s.Batch*volume(s.Out())*s.COut)
		bare := refConv(wide(x), wide(w), nil, s)
		biased := slices.Clone(bare)
		sum := make([]float64, s.COut)
		for i, v := range dy {
			biased[i] += float64(b[i%s.COut])
			sum[i%s.COut] += float64(v)
		}
		dx0, dw0 := refConvGrad(wide(dy), wide(x), wide(w), s)
		twice := slices.Clone(dw0)
		for i := range twice {
			twice[i] *= 2
		}
		onEveryPath(t, func(t *testing.T) {
			y := make([]float32, len(dy))
			Conv3D(y, x, w, b, s)
			same(t, "y", y, biased, 2e-5)
			Conv3D(y, x, w, nil, s)
			same(t, "y without bias", y, bare, 2e-5)

			dx, dw, db := random(r, len(x)), random(r, len(w)), random(r, s.COut)
			Conv3DBackward(dx, dw, db, dy, x, w, s, false)
			same(t, "dx", dx, dx0, 1e-4)
			same(t, "dw", dw, dw0, 3e-4)
			same(t, "db", db, sum, 2e-5)
			Conv3DBackward(nil, dw, db, dy, x, w, s, true)
			same(t, "accumulated dw", dw, twice, 3e-4)
		})
	}
}

// TestConv3DGradient checks the oracle of TestConv3D itself, numerically.
func TestConv3DGradient(t *testing.T) {
	s, r := convShapes[2], seeded(9)
	s.COut = 2
	x, w := random(r, volume(s.In)), random(r, s.COut*s.inner())
	dy := random(r, volume(s.Out())*s.COut)
	dx, dw := refConvGrad(wide(dy), wide(x), wide(w), s)
	nx := gradient(func(x []float64) []float64 { return refConv(x, wide(w), nil, s) }, x, dy)
	nw := gradient(func(w []float64) []float64 { return refConv(wide(x), w, nil, s) }, w, dy)
	for i := range dx {
		if !(math.Abs(dx[i]-nx[i]) <= 1e-6) {
			t.Fatalf("dx[%d] = %v, numerically %v", i, dx[i], nx[i])
		}
	}
	for i := range dw {
		if !(math.Abs(dw[i]-nw[i]) <= 1e-6) {
			t.Fatalf("dw[%d] = %v, numerically %v", i, dw[i], nw[i])
		}
	}
}
