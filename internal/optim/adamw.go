// Package optim changes weights by their gradients: AdamW with decoupled decay,
// gradients clipped by their global norm, and the schedule of learning rates.
package optim

import (
	"fmt"
	"math"

	"oncovox/internal/kernel"
	"oncovox/internal/nn"
)

// Options are the settings of AdamW that do not change from step to step.
type Options struct {
	Beta1, Beta2 float64 // decay of the two moments, in [0, 1)
	Eps          float64 // added to the root of the second moment
	Decay        float64 // share of a matrix's weights taken off at each step, times the rate
	// RateScale multiplies the learning rate of the weight of that name; nil
	// stands for 1.
	RateScale func(name string) float64
}

// Default returns the settings that masked autoencoders are trained with (He
// et al. 2022, appendix A.1).
func Default() Options { return Options{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Decay: 0.05} }

// AdamW holds the moments of a set of weights (Loshchilov and Hutter 2019,
// algorithm 2). Weights that are frozen when a step is made are left alone.
type AdamW struct {
	opt     Options
	step    int
	moments []Moment
	pieces  []piece   // of all weights
	sums    []float64 // of each piece's squared gradients
	squares func(from, to int)
	update  func(from, to int)
	rate    float64 // of the step under way
	scale   float32 // of its gradients
}

// A piece is a run of a weight's elements that one worker takes.
type piece struct {
	*Moment
	from, to int
}

// pieceFloats is how long a piece is at most. The gradients' squares are added up
// piece by piece, so it fixes the order of that sum.
const pieceFloats = 64 << 10

// A Moment is what AdamW remembers of one weight.
type Moment struct {
	Param *nn.Param
	M, V  []float32 // running means of the gradient and of its square

	decay, rate float64
}

// NewAdamW returns an optimiser of the weights in ps, with moments of zero.
// Only matrices decay: weights of two or more dimensions and more than one row.
func NewAdamW(ps *nn.Params, opt Options) *AdamW {
	a := &AdamW{opt: opt}
	for _, p := range ps.All() {
		m := Moment{Param: p, M: make([]float32, len(p.W)), V: make([]float32, len(p.W)), rate: 1}
		kernel.HugePages(m.M)
		kernel.HugePages(m.V)
		if len(p.Shape) >= 2 && p.Shape[0] > 1 {
			m.decay = opt.Decay
		}
		if opt.RateScale != nil {
			m.rate = opt.RateScale(p.Name)
		}
		a.moments = append(a.moments, m)
	}
	for i := range a.moments {
		m := &a.moments[i]
		for from := 0; from < len(m.M); from += pieceFloats {
			a.pieces = append(a.pieces, piece{m, from, min(len(m.M), from+pieceFloats)})
		}
	}
	a.sums = make([]float64, len(a.pieces))
	a.squares, a.update = a.square, a.change // made once, for no step to allocate
	return a
}

// square adds up the squares of the gradients of some pieces.
func (a *AdamW) square(from, to int) {
	for i := from; i < to; i++ {
		p := a.pieces[i]
		a.sums[i] = 0
		if !p.Param.Frozen {
			a.sums[i] = kernel.SumSquares(p.Param.G[p.from:p.to])
		}
	}
}

// change updates some pieces.
func (a *AdamW) change(from, to int) {
	o := a.opt
	for _, p := range a.pieces[from:to] {
		if w := p.Param; !w.Frozen {
			kernel.AdamW(w.W[p.from:p.to], p.M[p.from:p.to], p.V[p.from:p.to], w.G[p.from:p.to],
				float32(a.rate*p.rate), float32(o.Beta1), float32(o.Beta2), float32(o.Eps), float32(p.decay), a.scale, a.step)
		}
	}
}

// Step changes the weights by their gradients at the given learning rate, and
// returns the gradients' global norm as it was. Gradients whose norm is above
// clip are scaled down to it; a clip of 0 leaves them. If the norm is not
// finite, no weight changes and the error says so.
func (a *AdamW) Step(rate, clip float64) (norm float64, err error) {
	kernel.Split(len(a.pieces), 1, a.squares)
	for _, s := range a.sums {
		norm += s
	}
	norm = math.Sqrt(norm)
	if math.IsNaN(norm) || math.IsInf(norm, 0) {
		return norm, fmt.Errorf("the gradient's norm is %v", norm)
	}
	a.rate, a.scale = rate, 1
	if clip > 0 && norm > clip {
		a.scale = float32(clip / norm)
	}
	a.step++
	kernel.Split(len(a.pieces), 1, a.update)
	return norm, nil
}

// Train makes a step from a batch in parts: load fills the inputs of p, a program
// for training, with part i, and the gradients of all parts are added before the
// weights change as Step does. It returns the sum of the parts' losses, whose terms
// are weighted so that it is the batch's, and the gradients' norm. If either is not
// finite, no weight changes and the error says so.
func (a *AdamW) Train(p *nn.Program, parts int, load func(part int), rate, clip float64) (loss, norm float64, err error) {
	for i := range parts {
		load(i)
		p.Accumulate(i > 0)
		if err := p.Run(); err != nil {
			return 0, 0, err
		}
		loss += p.Loss()
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return loss, 0, fmt.Errorf("the loss is %v: lower learning_rate", loss)
	}
	if norm, err = a.Step(rate, clip); err != nil {
		return loss, norm, fmt.Errorf("%w: lower learning_rate", err)
	}
	return loss, norm, nil
}

// Moments returns what is remembered of each weight, in their order, to be
// saved or restored in place.
func (a *AdamW) Moments() []Moment { return a.moments }

// Steps returns how many steps were made.
func (a *AdamW) Steps() int { return a.step }

// SetSteps says how many steps the restored moments have seen.
func (a *AdamW) SetSteps(n int) { a.step = n }
