package nn

import (
	"fmt"

	"oncovox/internal/kernel"
)

// Conv3D convolves a grid with w (out, kd, kh, kw, in) and adds b (out), which
// may be nil. Every side of the kernel is odd, and the grid is padded with
// zeros so that a stride of 1 keeps its sides and a stride of 2 halves even
// ones.
func (g *Graph) Conv3D(x *Tensor, w, b *Param, stride [3]int) *Tensor {
	s := kernel.ConvShape{
		Batch: x.Batch, In: x.Grid, CIn: w.Shape[4], COut: w.Shape[0],
		Kernel: [3]int(w.Shape[1:4]), Stride: stride,
	}
	for i, k := range s.Kernel {
		s.Pad[i] = k / 2
	}
	out := s.Out()
	if x.Cols != s.CIn || product(x.Grid) == 0 {
		panic(fmt.Sprintf("nn: Conv3D: %s takes a grid of %d channels, not %v of %d", w.Name, s.CIn, x.Grid, x.Cols))
	}
	xs := []*Tensor{x, g.Param(w)}
	if b != nil {
		xs = append(xs, g.Param(b))
	}
	return g.Apply(Op{
		Name: "conv", Rows: s.Batch * product(out), Cols: s.COut,
		Forward: func(c *Call) { kernel.Conv3D(c.Y, c.X[0], c.X[1], at(c.X, 2), s) },
		Backward: func(c *Call) {
			kernel.Conv3DBackward(c.DX[0], w.gradient(c.DX[1]), at(c.DX, 2), c.DY, c.X[0], c.X[1], s, c.Accumulate)
		},
	}, xs...).OnGrid(x.Batch, out)
}

// GroupNorm normalises each of groups equal runs of channels over a sample's
// whole grid, then applies gain and bias (C).
func (g *Graph) GroupNorm(x *Tensor, gain, bias *Param, groups int) *Tensor {
	n := product(x.Grid)
	if groups <= 0 || x.Cols%groups != 0 {
		panic(fmt.Sprintf("nn: GroupNorm: %d channels in %d groups", x.Cols, groups))
	}
	var scratch []float32 // for a gradient that nobody asked for
	return g.Apply(Op{
		Name: "group norm", Rows: x.Rows, Cols: x.Cols, Saved: []int{x.Batch * groups, x.Batch * groups},
		Forward: func(c *Call) {
			kernel.GroupNorm(c.Y, c.Saved[0], c.Saved[1], c.X[0], c.X[1], c.X[2], x.Batch, n, x.Cols, groups, normEps)
		},
		Backward: func(c *Call) {
			dx := into(c.DX[0], &scratch, len(c.DY))
			kernel.GroupNormBackward(dx, gain.gradient(c.DX[1]), bias.gradient(c.DX[2]), c.DY, c.X[0], c.Saved[0], c.Saved[1], c.X[1], x.Batch, n, x.Cols, groups, c.Accumulate)
		},
	}, x, g.Param(gain), g.Param(bias)).like(x)
}

// into returns dx, or scratch of n floats where dx is nil.
func into(dx []float32, scratch *[]float32, n int) []float32 {
	if dx != nil {
		return dx
	}
	if *scratch == nil {
		*scratch = make([]float32, n)
	}
	return *scratch
}

// Upsample doubles every side of a grid by trilinear interpolation between
// voxel centres.
func (g *Graph) Upsample(x *Tensor) *Tensor {
	out := [3]int{2 * x.Grid[0], 2 * x.Grid[1], 2 * x.Grid[2]}
	return g.Apply(Op{
		Name: "upsample", Rows: 8 * x.Rows, Cols: x.Cols, ForgetX: true,
		Forward:  func(c *Call) { kernel.UpsampleTrilinear2(c.Y, c.X[0], x.Batch, x.Grid, x.Cols) },
		Backward: func(c *Call) { kernel.UpsampleTrilinear2Backward(c.DX[0], c.DY, x.Batch, x.Grid, x.Cols) },
	}, x).OnGrid(x.Batch, out)
}

// UpsampleNearest doubles every side of a grid by repeating voxels.
func (g *Graph) UpsampleNearest(x *Tensor) *Tensor {
	out := [3]int{2 * x.Grid[0], 2 * x.Grid[1], 2 * x.Grid[2]}
	return g.Apply(Op{
		Name: "upsample nearest", Rows: 8 * x.Rows, Cols: x.Cols, ForgetX: true,
		Forward:  func(c *Call) { kernel.Upsample2(c.Y, c.X[0], x.Batch, x.Grid, x.Cols) },
		Backward: func(c *Call) { kernel.Upsample2Backward(c.DX[0], c.DY, x.Batch, x.Grid, x.Cols) },
	}, x).OnGrid(x.Batch, out)
}

// Concat joins the columns of matrices of equal rows.
func (g *Graph) Concat(xs ...*Tensor) *Tensor {
	cols := 0
	for _, x := range xs {
		if x.Rows != xs[0].Rows {
			panic(fmt.Sprintf("nn: Concat: %d and %d rows", x.Rows, xs[0].Rows))
		}
		cols += x.Cols
	}
	// each calls f with every row's part of the wide matrix and of matrix i.
	each := func(wide []float32, parts [][]float32, f func(wide, part []float32)) {
		from := 0
		for i, x := range xs {
			for r := range x.Rows {
				if parts[i] != nil {
					f(wide[r*cols+from:r*cols+from+x.Cols], parts[i][r*x.Cols:(r+1)*x.Cols])
				}
			}
			from += x.Cols
		}
	}
	return g.Apply(Op{
		Name: "concat", Rows: xs[0].Rows, Cols: cols, ForgetX: true,
		Forward:  func(c *Call) { each(c.Y, c.X, func(w, p []float32) { copy(w, p) }) },
		Backward: func(c *Call) { each(c.DY, c.DX, func(w, p []float32) { copy(p, w) }) },
	}, xs...).like(xs[0])
}
