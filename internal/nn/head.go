package nn

import (
	"fmt"

	"oncovox/internal/kernel"
)

// headFloats is how many predictions PatchMSE holds at once, so that they stay in
// the last-level cache.
const headFloats = 1 << 20

// PatchMSE is the mean squared error of the predictions x·Wᵀ + b, (len(rows), P),
// for the patches of grids that rows names, see Patches; normalise is that of MSE.
//
// The predictions are the largest matrix of an autoencoder and serve nothing else.
// So they are made some rows at a time, and in training the gradients by x, w and b
// with them, before the next rows take their memory; the backward pass scales these.
func (g *Graph) PatchMSE(x *Tensor, w, b *Param, grid *Tensor, patch [3]int, rows []int, normalise bool) *Tensor {
	parts := (len(rows)*product(patch) + headFloats - 1) / headFloats
	return g.patchMSE(x, w, b, grid, patch, rows, normalise, (len(rows)+parts-1)/parts)
}

// patchMSE is PatchMSE with so many rows at a time.
func (g *Graph) patchMSE(x *Tensor, w, b *Param, grid *Tensor, patch [3]int, rows []int, normalise bool, some int) *Tensor {
	p, in := w.Shape[0], len(w.W)/w.Shape[0]
	if x.Rows != len(rows) || x.Cols != in || p != product(patch) {
		panic(fmt.Sprintf("nn: PatchMSE: (%d, %d) through %s for %d patches of %v", x.Rows, x.Cols, w.Name, len(rows), patch))
	}
	h := &patchHead{
		rows: rows, in: in, p: p, some: some, train: g.train, cut: g.cutter(grid, patch),
		err: newSquaredError(some, p, normalise), forward: kernel.Linear, backward: kernel.LinearBackward,
	}
	if g.bf16 {
		h.forward, h.backward = kernel.LinearBF16, kernel.LinearBackwardBF16
	}
	h.take = func(dst []float32, from, to int) { h.cut(dst, h.grid, h.now[from:to]) }
	saved := []int{some * p}
	if g.train {
		saved = append(saved, len(rows)*in, len(w.W), len(b.W))
	}
	return g.Apply(Op{
		Name: "patch mse", Rows: 1, Cols: 1, Saved: saved, ForgetX: true, NoGrad: []int{3},
		Forward: h.run, Backward: h.scale,
	}, x, g.Param(w), g.Param(b), grid)
}

// A patchHead is what PatchMSE does.
type patchHead struct {
	rows     []int
	in, p    int
	some     int // rows at once
	train    bool
	cut      func(dst, x []float32, rows []int)
	err      *squaredError
	forward  func(y, x, w, b []float32, rows, in, out int)
	backward func(dx, dw, db, dy, x, w []float32, rows, in, out int, accumulate bool)

	now  []int     // the rows under way
	grid []float32 // that their patches are cut from
	take func(dst []float32, from, to int)
}

// run leaves the gradients by x, w and b in c.Saved[1:].
func (h *patchHead) run(c *Call) {
	sum, total := 0.0, len(h.rows)*h.p
	h.grid = c.X[3]
	for from := 0; from < len(h.rows); from += h.some {
		h.now = h.rows[from:min(len(h.rows), from+h.some)]
		n := len(h.now)
		x, d := c.X[0][from*h.in:(from+n)*h.in], c.Saved[0][:n*h.p]
		h.forward(d, x, c.X[1], c.X[2], n, h.in, h.p)
		sum += h.err.subtract(d, h.take, 2/float32(total))
		if h.train {
			h.backward(c.Saved[1][from*h.in:], c.Saved[2], c.Saved[3], d, x, c.X[1], n, h.in, h.p, from > 0)
		}
	}
	c.Y[0] = float32(sum / float64(total))
}

// scale multiplies the gradients by that of the loss.
func (h *patchHead) scale(c *Call) {
	for i, dx := range c.DX[:3] {
		if dx == nil {
			continue
		}
		g := c.Saved[1+i]
		if c.DY[0] != 1 {
			kernel.Scale(g, c.DY[0])
		}
		if i > 0 && c.Accumulate {
			kernel.AddTo(dx, g)
		} else {
			copy(dx, g)
		}
	}
}
