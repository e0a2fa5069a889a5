package nn

import (
	"fmt"
	"math"

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
	return g.Apply(Op{
		Name: "mse", Rows: 1, Cols: 1, Saved: []int{n}, ForgetX: true, NoGrad: []int{1},
		Forward: func(c *Call) {
			d := c.Saved[0]
			copy(d, c.X[1])
			if normalise {
				NormaliseRows(d, x.Cols)
			}
			for i, v := range c.X[0] {
				d[i] = v - d[i]
			}
			c.Y[0] = float32(kernel.SumSquares(d) / float64(n))
		},
		Backward: func(c *Call) {
			k := 2 * c.DY[0] / float32(n)
			for i, d := range c.Saved[0] {
				c.DX[0][i] = k * d
			}
		},
	}, x, target)
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
