package nn

import (
	"fmt"
	"math"
)

// MeanRows is the mean of each sample's rows: (B·N, C) becomes (B, C).
func (g *Graph) MeanRows(x *Tensor, batch int) *Tensor {
	n, c := x.Rows/batch, x.Cols
	if n*batch != x.Rows {
		panic(fmt.Sprintf("nn: MeanRows: %d rows are not %d samples", x.Rows, batch))
	}
	k := 1 / float32(n)
	return g.Apply(Op{
		Name: "mean rows", Rows: batch, Cols: c, ForgetX: true,
		Forward: func(call *Call) {
			for b := range batch {
				y := call.Y[b*c : (b+1)*c]
				clear(y)
				for r := b * n; r < (b+1)*n; r++ {
					addTo(y, call.X[0][r*c:(r+1)*c])
				}
				for i := range y {
					y[i] *= k
				}
			}
		},
		Backward: func(call *Call) {
			for r := range x.Rows {
				dy := call.DY[r/n*c : (r/n+1)*c]
				for i, v := range dy {
					call.DX[0][r*c+i] = k * v
				}
			}
		},
	}, x)
}

// NTXent is the contrastive loss of SimCLR, a (1, 1) matrix (Chen et al. 2020,
// section 2.1): rows i and i+B of x (2B, C) are two views of one sample. Each row
// is to tell its partner from all other rows by the cosine between them over the
// temperature: the mean cross-entropy of 2B choices among 2B-1. Chance has
// log(2B-1). It panics unless the rows are even in number and the temperature is
// above 0.
func (g *Graph) NTXent(x *Tensor, temperature float64) *Tensor {
	n, c := x.Rows, x.Cols
	if n%2 != 0 || !(temperature > 0) {
		panic(fmt.Sprintf("nn: NTXent: %d rows at temperature %v", n, temperature))
	}
	e := &contrast{n: n, c: c, temperature: temperature, unit: make([]float64, n*c), norm: make([]float64, n), du: make([]float64, c), p: make([]float64, n*n)}
	return g.Apply(Op{
		Name: "nt-xent", Rows: 1, Cols: 1,
		Forward:  func(call *Call) { call.Y[0] = float32(e.loss(call.X[0])) },
		Backward: func(call *Call) { e.loss(call.X[0]); e.gradient(call.DX[0], float64(call.DY[0])) },
	}, x)
}

// contrast holds what NTXent computes between its passes. Its matrices are of a
// batch, not of a grid: float64 costs nothing.
type contrast struct {
	n, c        int
	temperature float64
	unit        []float64 // rows of length 1, (n, c)
	norm        []float64 // lengths before, (n)
	du          []float64 // gradient by a row of unit, (c)
	p           []float64 // likelihood of each choice, (n, n); 0 on the diagonal
}

func (e *contrast) loss(x []float32) float64 {
	n, c := e.n, e.c
	for r := range n {
		sum := 0.0
		for _, v := range x[r*c : (r+1)*c] {
			sum += float64(v) * float64(v)
		}
		e.norm[r] = math.Max(math.Sqrt(sum), 1e-12)
		for i, v := range x[r*c : (r+1)*c] {
			e.unit[r*c+i] = float64(v) / e.norm[r]
		}
	}
	total := 0.0
	for r := range n {
		p := e.p[r*n : (r+1)*n]
		sum := 0.0
		for s := range n {
			p[s] = 0
			if s != r { // a cosine is at most 1: nothing overflows
				p[s] = math.Exp((dot(e.unit[r*c:(r+1)*c], e.unit[s*c:(s+1)*c]) - 1) / e.temperature)
				sum += p[s]
			}
		}
		for s := range p {
			p[s] /= sum
		}
		total -= math.Log(p[(r+n/2)%n])
	}
	return total / float64(n)
}

// gradient writes dx from what loss has left.
func (e *contrast) gradient(dx []float32, dy float64) {
	n, c := e.n, e.c
	du := e.du
	for r := range n {
		clear(du)
		for s := range n {
			k := e.p[r*n+s] + e.p[s*n+r]
			if s == (r+n/2)%n {
				k -= 2
			}
			for i, v := range e.unit[s*c : (s+1)*c] {
				du[i] += k * v
			}
		}
		unit := e.unit[r*c : (r+1)*c]
		along := dot(du, unit)
		for i := range du {
			dx[r*c+i] = float32(dy * (du[i] - along*unit[i]) / (e.norm[r] * e.temperature * float64(n)))
		}
	}
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}
