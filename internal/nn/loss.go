package nn

import (
	"fmt"
	"math"
	"sync"

	"oncovox/internal/kernel"
)

// targetEps is added to the variance of a patch that is normalised.
const targetEps = 1e-6

// MSE is the mean over all elements of the squared difference of x and target,
// a (1, 1) matrix. With normalise, each row of target is first shifted to mean
// 0 and scaled to variance 1 (unbiased, plus 1e-6), as in He et al. 2022,
// section 4. No gradient flows into the target.
func (g *Graph) MSE(x, target *Tensor, normalise bool) *Tensor {
	if x.Rows != target.Rows || x.Cols != target.Cols {
		panic(fmt.Sprintf("nn: MSE: (%d, %d) and (%d, %d)", x.Rows, x.Cols, target.Rows, target.Cols))
	}
	n := x.Cols
	return g.mse(x, target, normalise, func(dst, y []float32, from, _ int) { copy(dst, y[from*n:]) })
}

// PatchMSE is MSE against the patches of grids that rows names, see Patches.
// They are cut when the loss is computed, so that nothing holds them before.
func (g *Graph) PatchMSE(x, grid *Tensor, patch [3]int, rows []int, normalise bool) *Tensor {
	if x.Rows != len(rows) || x.Cols != product(patch) {
		panic(fmt.Sprintf("nn: PatchMSE: (%d, %d) for %d patches of %v", x.Rows, x.Cols, len(rows), patch))
	}
	cut := g.cutter(grid, patch)
	return g.mse(x, grid, normalise, func(dst, y []float32, from, to int) { cut(dst, y, rows[from:to]) })
}

// mse is MSE against the rows that take copies from target's values.
func (g *Graph) mse(x, target *Tensor, normalise bool, take func(dst, target []float32, from, to int)) *Tensor {
	n, cols := x.Rows*x.Cols, x.Cols
	piece := max(1, 2*pieceFloats/cols)
	sums := make([]float64, (x.Rows+piece-1)/piece)
	norm := newTargetNorm(x.Rows, cols)
	var now *Call
	differ := func(from, to int) {
		d := norm.buffer(piece * cols)
		defer norm.give(d)
		t := (*d)[:(to-from)*cols]
		take(t, now.X[1], from, to)
		if normalise {
			norm.negative(t, from, to)
		} else {
			kernel.Scale(t, -1)
		}
		diff := now.Saved[0][from*cols : to*cols] // x's own memory, mostly
		kernel.Add(diff, now.X[0][from*cols:to*cols], t)
		sums[from/piece] = kernel.SumSquares(diff)
	}
	var k float32
	scale := func(from, to int) {
		dx := now.DX[0][from*cols : to*cols]
		if d := now.Saved[0][from*cols : to*cols]; &d[0] != &dx[0] {
			copy(dx, d)
		}
		kernel.Scale(dx, k)
	}
	return g.Apply(Op{
		Name: "mse", Rows: 1, Cols: 1, Saved: []int{n}, ForgetX: true, NoGrad: []int{1}, Spend: true,
		Forward: func(c *Call) {
			now = c
			kernel.Split(x.Rows, piece, differ)
			sum := 0.0
			for _, s := range sums {
				sum += s
			}
			c.Y[0] = float32(sum / float64(n))
		},
		Backward: func(c *Call) {
			now, k = c, 2*c.DY[0]/float32(n)
			kernel.Split(x.Rows, piece, scale)
		},
	}, x, target)
}

// A targetNorm normalises rows of targets by the kernel of LayerNorm, whose
// variance is the biased one: (x-m)/√(v·n/(n-1) + e) is √((n-1)/n) times
// (x-m)/√(v + e·(n-1)/n).
type targetNorm struct {
	cols       int
	eps        float32
	gain, bias []float32
	mean, rstd []float32 // of each row; not used
	free       sync.Pool // of buffers for a piece of the targets
}

// buffer returns one with room for n floats, to be given back.
func (t *targetNorm) buffer(n int) *[]float32 {
	if b, ok := t.free.Get().(*[]float32); ok {
		return b
	}
	b := make([]float32, n)
	return &b
}

func (t *targetNorm) give(b *[]float32) { t.free.Put(b) }

func newTargetNorm(rows, cols int) *targetNorm {
	share := float64(cols-1) / float64(cols)
	t := &targetNorm{cols: cols, eps: float32(targetEps * share), gain: make([]float32, cols), bias: make([]float32, cols)}
	t.mean, t.rstd = make([]float32, rows), make([]float32, rows)
	for i := range t.gain {
		t.gain[i] = float32(-math.Sqrt(share))
	}
	return t
}

// negative replaces d, which is rows from to to-1, by what NormaliseRows makes of
// it, times -1.
func (t *targetNorm) negative(d []float32, from, to int) {
	kernel.LayerNorm(d, t.mean[from:to], t.rstd[from:to], d, t.gain, t.bias, to-from, t.cols, t.eps)
}

// NormaliseRows shifts every row of cols columns to mean 0 and scales it to
// variance 1: the unbiased variance, plus 1e-6.
func NormaliseRows(rows []float32, cols int) {
	for r := 0; r < len(rows); r += cols {
		row := rows[r : r+cols]
		mean, deviation := RowStatistics(row)
		for i, v := range row {
			row[i] = float32((float64(v) - mean) / deviation)
		}
	}
}

// RowStatistics returns what NormaliseRows takes off a row and divides it by.
func RowStatistics(row []float32) (mean, deviation float64) {
	for _, v := range row {
		mean += float64(v)
	}
	mean /= float64(len(row))
	squares := 0.0
	for _, v := range row {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, math.Sqrt(squares/float64(len(row)-1) + targetEps)
}
