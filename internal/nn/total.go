package nn

import (
	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Term is a loss, a (1, 1) matrix, and its weight in the sum that a graph is
// differentiated by.
type Term struct {
	Loss   *Tensor
	Weight float32
}

// A totalOp sums the terms of the loss. It is where matrices become the scalar
// that gorgonia differentiates, so its type differs from every other Op's.
type totalOp struct {
	kernelOp
	terms  []Term
	sum    *G.F32
	onLoss func() // or nil
}

// total adds the weighted sum of the terms.
func (g *Graph) total(terms []Term) (*totalOp, *G.Node) {
	t := &totalOp{terms: terms, sum: G.NewF32(0)}
	t.kernelOp = *g.newOp("total", len(terms))
	t.shape = tensor.ScalarShape()
	var in G.Nodes
	for _, m := range terms {
		in = append(in, m.Loss.node)
		t.diff = append(t.diff, m.Loss.diff)
	}
	n, err := G.ApplyOp(t, in...)
	if err != nil {
		panic("nn: total: " + err.Error())
	}
	t.sym = func(_ G.Nodes, loss, grad *G.Node) (G.Nodes, error) {
		out := make(G.Nodes, len(terms))
		for i, m := range terms {
			if !m.Loss.diff {
				continue
			}
			k := &weightOp{kernelOp: *g.newOp("weight of a loss", 2)}
			k.out, k.shape = &buffer{n: 1}, tensor.Shape{1, 1}
			k.run = func(*Call) { k.out.data[0] = m.Weight }
			n, err := G.ApplyOp(k, grad, loss) // the loss for the order: no gradient before it
			if err != nil {
				return nil, err
			}
			out[i] = n
		}
		return out, nil
	}
	return t, n
}

func (t *totalOp) Type() hm.Type {
	ts := make([]hm.Type, t.arity+1)
	for i := range t.arity {
		ts[i] = matrixType
	}
	ts[t.arity] = tensor.Float32
	return hm.NewFnType(ts...)
}

func (t *totalOp) Do(in ...G.Value) (G.Value, error) {
	var sum float64
	for i, v := range in {
		sum += float64(t.terms[i].Weight) * float64(v.(*tensor.Dense).Float32s()[0])
	}
	*t.sum = G.F32(sum)
	if t.onLoss != nil {
		t.onLoss()
	}
	return t.sum, nil
}

// A weightOp turns gorgonia's scalar gradient of the loss, which is 1, into
// the gradient of one term.
type weightOp struct{ kernelOp }

func (w *weightOp) Type() hm.Type { return hm.NewFnType(tensor.Float32, tensor.Float32, matrixType) }

func (w *weightOp) Do(...G.Value) (G.Value, error) {
	w.run(&w.call)
	return w.value, nil
}
