package kernel

import "testing"

func TestLinear(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		r := seeded(4)
		rows, in, out := 61, 35, 47
		x, w, b, dy := random(r, rows*in), random(r, out*in), random(r, out), random(r, rows*out)
		s := ConvShape{Batch: rows, In: [3]int{1, 1, 1}, CIn: in, COut: out, Kernel: [3]int{1, 1, 1}, Stride: [3]int{1, 1, 1}}
		y := make([]float32, rows*out)
		Linear(y, x, w, b, rows, in, out)
		same(t, "y", y, refConv(wide(x), wide(w), wide(b), s), 1e-5)
		dx, dw, db := random(r, len(x)), random(r, len(w)), random(r, len(b))
		dx0, dw0 := refConvGrad(wide(dy), wide(x), wide(w), s)
		LinearBackward(dx, dw, db, dy, x, w, rows, in, out, false)
		same(t, "dx", dx, dx0, 1e-5)
		same(t, "dw", dw, dw0, 1e-5)
		sum := make([]float64, out)
		for i, v := range dy {
			sum[i%out] += float64(v)
		}
		same(t, "db", db, sum, 1e-5)
		LinearBackward(nil, dw, nil, dy, x, w, rows, in, out, true)
		for i := range dw0 {
			dw0[i] *= 2
		}
		same(t, "accumulated dw", dw, dw0, 1e-5)
	})
}
