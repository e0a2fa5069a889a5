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
	n := x.Rows * x.Cols
	e := newSquaredError(x.Rows, x.Cols, normalise)
	return g.Apply(Op{
		Name: "mse", Rows: 1, Cols: 1, Saved: []int{n}, ForgetX: true, NoGrad: []int{1},
		Forward: func(c *Call) {
			copy(c.Saved[0], c.X[0])
			take := func(dst []float32, from, _ int) { copy(dst, c.X[1][from*x.Cols:]) }
			c.Y[0] = float32(e.subtract(c.Saved[0], take, 2/float32(n)) / float64(n))
		},
		Backward: func(c *Call) {
			copy(c.DX[0], c.Saved[0])
			kernel.Scale(c.DX[0], c.DY[0])
		},
	}, x, target)
}

// A squaredError compares rows of predictions with rows of targets, some rows at a
// time on each worker.
//
// Targets are normalised by the kernel of LayerNorm, whose variance is the biased
// one: (x-m)/√(v·n/(n-1) + e) is √((n-1)/n) times (x-m)/√(v + e·(n-1)/n).
type squaredError struct {
	cols, piece int  // rows that a worker takes at once
	normalise   bool // the targets
	eps         float32
	gain, bias  []float32 // that give the normalised targets times -1
	mean, rstd  []float32 // of each row; not used
	sums        []float64 // of the squares of each piece
	free        sync.Pool // of buffers for the targets of a piece

	d    []float32 // of the call under way
	take func(dst []float32, from, to int)
	k    float32
	some func(from, to int)
}

// newSquaredError returns one for at most so many rows.
func newSquaredError(rows, cols int, normalise bool) *squaredError {
	share := float64(cols-1) / float64(cols)
	e := &squaredError{
		cols: cols, piece: max(1, 2*pieceFloats/cols), normalise: normalise, eps: float32(targetEps * share),
		gain: make([]float32, cols), bias: make([]float32, cols), mean: make([]float32, rows), rstd: make([]float32, rows),
	}
	for i := range e.gain {
		e.gain[i] = float32(-math.Sqrt(share))
	}
	e.sums = make([]float64, (rows+e.piece-1)/e.piece)
	e.free.New = func() any { t := make([]float32, e.piece*cols); return &t }
	e.some = e.subtractSome
	return e
}

// subtract takes the targets off the predictions d, leaves k times the differences
// there and returns the sum of their squares, before k. take copies the targets of
// rows from to to-1.
func (e *squaredError) subtract(d []float32, take func(dst []float32, from, to int), k float32) float64 {
	rows := len(d) / e.cols
	e.d, e.take, e.k = d, take, k
	kernel.Split(rows, e.piece, e.some)
	e.d, e.take = nil, nil
	sum := 0.0
	for _, s := range e.sums[:(rows+e.piece-1)/e.piece] {
		sum += s
	}
	return sum
}

func (e *squaredError) subtractSome(from, to int) {
	buf := e.free.Get().(*[]float32)
	defer e.free.Put(buf)
	t := (*buf)[:(to-from)*e.cols]
	e.take(t, from, to)
	if e.normalise {
		kernel.LayerNorm(t, e.mean[from:to], e.rstd[from:to], t, e.gain, e.bias, to-from, e.cols, e.eps)
	} else {
		kernel.Scale(t, -1)
	}
	d := e.d[from*e.cols : to*e.cols]
	kernel.AddTo(d, t)
	e.sums[from/e.piece] = kernel.SumSquares(d)
	kernel.Scale(d, e.k)
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
