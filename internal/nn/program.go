package nn

import (
	"errors"
	"fmt"
	"runtime"

	G "gorgonia.org/gorgonia"
)

// A Program is a compiled graph. It runs one step at a time and is not safe
// for concurrent use, but its operations spread over all of the kernels'
// threads.
type Program struct {
	total      *totalOp // nil without a loss
	accumulate *bool
	tape       tape
	arena      int
	nodes      int
}

type tape interface {
	RunAll() error
	Reset()
	Close() error
}

// Compile ends the graph, which must not be used after it. The loss is the
// weighted sum of the terms; a graph for training differentiates it. With no
// terms the program only computes the outputs. After a run the values of the
// outputs can be read with Tensor.Data.
func (g *Graph) Compile(terms []Term, outputs ...*Tensor) (*Program, error) {
	p := &Program{accumulate: g.accumulate}
	for _, t := range outputs {
		if t.op == nil {
			return nil, errors.New("nn: Compile: an input is no output")
		}
		t.op.out.keep = true
	}
	if len(terms) > 0 {
		for _, m := range terms {
			m.Loss.op.out.keep = true
		}
		total, node := g.total(terms)
		p.total = total
		if g.train {
			if err := g.differentiate(node); err != nil {
				return nil, err
			}
		}
	} else if g.train {
		return nil, errors.New("nn: Compile: training wants a loss")
	}
	var err error
	if p.arena, err = plan(g.g, !g.noReuse); err != nil {
		return nil, fmt.Errorf("nn: Compile: %w", err)
	}
	p.nodes = len(g.g.AllNodes())
	m := G.NewTapeMachine(g.g)
	m.Engine = engine{}
	p.tape = m
	runtime.GC() // what building left serves the first run's buffers: on a heap this size the next collection is far
	return p, nil
}

func (g *Graph) differentiate(loss *G.Node) error {
	if len(g.wrt) == 0 {
		return errors.New("nn: Compile: every weight is frozen")
	}
	wrt := make(G.Nodes, len(g.wrt))
	for i, p := range g.wrt {
		wrt[i] = g.used[p].node
	}
	if _, err := G.Grad(loss, wrt...); err != nil {
		return fmt.Errorf("nn: Compile: %w", err)
	}
	return nil
}

// Run does one step: the loss, the outputs and, in training, the gradient of
// the loss by every weight used, in Param.G.
func (p *Program) Run() error {
	if err := p.tape.RunAll(); err != nil {
		return fmt.Errorf("nn: Run: %w", err)
	}
	p.tape.Reset()
	return nil
}

// Accumulate says whether the next runs add to the gradients in Param.G, which
// those of weights that are not frozen then hold the sum of, or overwrite them.
func (p *Program) Accumulate(on bool) { *p.accumulate = on }

// OnLoss makes every run call f when the loss is known, between the forward and
// the backward pass.
func (p *Program) OnLoss(f func()) { p.total.onLoss = f }

// Loss returns the last run's loss.
func (p *Program) Loss() float64 { return float64(*p.total.sum) }

// ArenaBytes returns the size of the activations' memory.
func (p *Program) ArenaBytes() int { return 4 * p.arena }

// Nodes returns the number of nodes of the graph, backward pass included.
func (p *Program) Nodes() int { return p.nodes }
