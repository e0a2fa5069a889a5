package nn

import (
	"fmt"

	"oncovox/internal/kernel"
)

// normEps is added to the variance in every normalisation.
const normEps = 1e-6

// Linear is y = x·Wᵀ + b for x (T, in), w (out, in) and b (out), which may be
// nil.
func (g *Graph) Linear(x *Tensor, w, b *Param) *Tensor {
	out, in := w.Shape[0], len(w.W)/w.Shape[0]
	if x.Cols != in {
		panic(fmt.Sprintf("nn: Linear: %s takes %d columns, not %d", w.Name, in, x.Cols))
	}
	forward, backward := kernel.Linear, kernel.LinearBackward
	if g.bf16 {
		forward, backward = kernel.LinearBF16, kernel.LinearBackwardBF16
	}
	xs := []*Tensor{x, g.Param(w)}
	if b != nil {
		xs = append(xs, g.Param(b))
	}
	return g.Apply(Op{
		Name: "linear", Rows: x.Rows, Cols: out,
		Forward: func(c *Call) {
			forward(c.Y, c.X[0], c.X[1], at(c.X, 2), x.Rows, in, out)
		},
		Backward: func(c *Call) {
			backward(c.DX[0], w.gradient(c.DX[1]), at(c.DX, 2), c.DY, c.X[0], c.X[1], x.Rows, in, out, c.Accumulate)
		},
	}, xs...).like(x)
}

// at returns s[i], or nil past the end.
func at(s [][]float32, i int) []float32 {
	if i < len(s) {
		return s[i]
	}
	return nil
}

// like gives t the batch and grid of x, whose rows it has.
func (t *Tensor) like(x *Tensor) *Tensor {
	t.Batch, t.Grid = x.Batch, x.Grid
	return t
}

// LayerNorm normalises every row of x to mean 0 and variance 1 (biased, plus
// 1e-6), then applies gain and bias (C).
func (g *Graph) LayerNorm(x *Tensor, gain, bias *Param) *Tensor {
	var scratch []float32 // for a gradient that nobody asked for
	return g.Apply(Op{
		Name: "layer norm", Rows: x.Rows, Cols: x.Cols, Saved: []int{x.Rows, x.Rows}, Cheap: true, InPlace: true,
		Forward: func(c *Call) {
			kernel.LayerNorm(c.Y, c.Saved[0], c.Saved[1], c.X[0], c.X[1], c.X[2], x.Rows, x.Cols, normEps)
		},
		Backward: func(c *Call) {
			dx := into(c.DX[0], &scratch, len(c.DY))
			kernel.LayerNormBackward(dx, gain.gradient(c.DX[1]), bias.gradient(c.DX[2]), c.DY, c.X[0], c.Saved[0], c.Saved[1], c.X[1], x.Rows, x.Cols, c.Accumulate)
		},
	}, x, g.Param(gain), g.Param(bias)).like(x)
}

// GELU is x·Φ(x), with the exact normal distribution function.
func (g *Graph) GELU(x *Tensor) *Tensor {
	return g.Apply(Op{
		Name: "gelu", Rows: x.Rows, Cols: x.Cols, Cheap: true, InPlace: true,
		Forward:  func(c *Call) { kernel.GELU(c.Y, c.X[0]) },
		Backward: func(c *Call) { kernel.GELUBackward(c.DX[0], c.DY, c.X[0]) },
	}, x).like(x)
}

// Attention is softmax(q·kᵀ/√d)·v for each of batch samples and heads. qkv is
// (T, 3C): q of all heads, then k, then v; the result is (T, C).
func (g *Graph) Attention(qkv *Tensor, batch, heads int) *Tensor {
	tokens, dim := qkv.Rows/batch, qkv.Cols/3
	if tokens*batch != qkv.Rows || dim%heads != 0 || 3*dim != qkv.Cols {
		panic(fmt.Sprintf("nn: Attention: (%d, %d) is not %d samples of %d heads", qkv.Rows, qkv.Cols, batch, heads))
	}
	forward, backward := kernel.Attention, kernel.AttentionBackward
	if g.bf16 {
		forward, backward = kernel.AttentionBF16, kernel.AttentionBackwardBF16
	}
	return g.Apply(Op{
		Name: "attention", Rows: qkv.Rows, Cols: dim, Saved: []int{batch * heads * tokens}, KeepY: true,
		Forward: func(c *Call) {
			forward(c.Y, c.Saved[0], c.X[0], batch, tokens, heads, dim/heads)
		},
		Backward: func(c *Call) {
			backward(c.DX[0], c.DY, c.Y, c.Saved[0], c.X[0], batch, tokens, heads, dim/heads)
		},
	}, qkv)
}

// Add is a + b, of one shape.
func (g *Graph) Add(a, b *Tensor) *Tensor {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		panic(fmt.Sprintf("nn: Add: (%d, %d) and (%d, %d)", a.Rows, a.Cols, b.Rows, b.Cols))
	}
	return g.Apply(Op{
		Name: "add", Rows: a.Rows, Cols: a.Cols, ForgetX: true, PassThrough: true, InPlace: true,
		Forward: func(c *Call) { kernel.Add(c.Y, c.X[0], c.X[1]) },
	}, a, b).like(a)
}

// AddRows adds constants, such as the positions of tokens: to row r of x the
// row rows[r] of table, counted anew after its end, as where rows numbers the
// tokens of a batch and table is that of one sample. The slices are read at
// each run.
func (g *Graph) AddRows(x *Tensor, table []float32, rows []int) *Tensor {
	n := x.Cols
	if len(rows) != x.Rows || len(table)%n != 0 {
		panic(fmt.Sprintf("nn: AddRows: %d row numbers and %d constants for (%d, %d)", len(rows), len(table), x.Rows, n))
	}
	var now *Call
	add := func(from, to int) {
		for r := from; r < to; r++ {
			at := rows[r] * n % len(table)
			y, x := now.Y[r*n:(r+1)*n], now.X[0][r*n:(r+1)*n]
			for i, v := range table[at : at+n] {
				y[i] = x[i] + v
			}
		}
	}
	return g.Apply(Op{
		Name: "add rows", Rows: x.Rows, Cols: n, ForgetX: true, PassThrough: true, InPlace: true,
		Forward: func(c *Call) {
			now = c
			eachRow(len(rows), n, add)
		},
	}, x).like(x)
}
