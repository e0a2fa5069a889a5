package nn

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// An Op says what one node of a graph computes and how its gradient flows.
// Layers of other packages' making are Ops too: see Graph.Apply.
type Op struct {
	Name       string
	Rows, Cols int   // of the output
	Saved      []int // lengths of the buffers that Forward leaves to Backward

	// Forward writes all of c.Y from c.X, and may fill c.Saved.
	Forward func(c *Call)
	// Backward writes all of every c.DX[i] that is not nil, from c.DY and,
	// unless ForgetX, c.X; with c.Accumulate it adds to those of weights. If it is
	// nil, no gradient passes.
	Backward func(c *Call)
	// ForgetX says that Backward reads no input, so that their memory can
	// serve others in the meantime. KeepY says that it reads the output.
	ForgetX, KeepY bool
	// PassThrough says that the gradient by every input is the gradient by the
	// output itself. Backward is then not run.
	PassThrough bool
	// Cheap says that the backward pass had better run Forward again than keep the
	// output until then. What Forward leaves in Saved stays.
	Cheap bool
	// InPlace says that Forward may write Y over any input of its length, and
	// Backward DX[0] over DY.
	InPlace bool
	// NoGrad lists the inputs by which the Op cannot be differentiated.
	NoGrad []int
}

// A Call holds the memory of one run of an Op. None of it may be kept.
type Call struct {
	X     [][]float32 // the inputs, in order
	Y     []float32   // the output; in Backward only with Op.KeepY
	Saved [][]float32 // as Op.Saved asks
	DY    []float32   // gradient of the loss by the output
	DX    [][]float32 // gradients by the inputs; nil where none is wanted

	Accumulate bool // add to the gradients of weights, see Program.Accumulate
}

// Apply adds an operation on the inputs xs, which are activations, inputs or
// weights of g.
func (g *Graph) Apply(op Op, xs ...*Tensor) *Tensor {
	if op.Rows <= 0 || op.Cols <= 0 {
		panic(fmt.Sprintf("nn: Apply: %s makes %d rows of %d", op.Name, op.Rows, op.Cols))
	}
	k := g.newOp(op.Name, len(xs))
	k.saved = buffers(op.Saved)
	k.out = &buffer{n: op.Rows * op.Cols}
	k.shape = tensor.Shape{op.Rows, op.Cols}
	k.call = Call{X: make([][]float32, len(xs)), Saved: make([][]float32, len(k.saved))}
	k.run = func(c *Call) {
		c.Y = k.out.data
		op.Forward(c)
	}
	k.diff = make([]bool, len(xs))
	k.recompute = (op.Cheap || g.recompute) && !g.keepAll
	if op.InPlace {
		for _, x := range xs {
			if x.op != nil {
				k.over = append(k.over, x.op.out)
			}
		}
	}
	t := &Tensor{Rows: op.Rows, Cols: op.Cols, g: g, op: k}
	for i, x := range xs {
		k.diff[i] = x.diff && (op.Backward != nil || op.PassThrough)
	}
	for _, i := range op.NoGrad {
		k.diff[i] = false
	}
	for _, d := range k.diff {
		t.diff = t.diff || d
	}
	k.sym = func(in G.Nodes, _, grad *G.Node) (G.Nodes, error) {
		if op.PassThrough {
			return g.passThrough(k.diff, in, grad), nil
		}
		return g.backward(op, t, xs, grad)
	}
	t.node = apply(k, nodes(xs)...)
	k.again = func(grad *G.Node) *G.Node { return g.again(op, k, xs, grad) }
	return t
}

// again adds a node that makes the value of t, whose operation is op, anew in the
// backward pass, once grad is known, and returns it.
func (g *Graph) again(op Op, fwd *kernelOp, xs []*Tensor, grad *G.Node) *G.Node {
	children := make(G.Nodes, len(xs))
	for i, x := range xs {
		children[i] = x.inBackward(grad)
	}
	k := g.newOp(op.Name+" again", len(xs)+1)
	k.out, k.shape, k.saved = &buffer{n: fwd.out.n}, fwd.shape, fwd.saved
	k.call = Call{X: make([][]float32, len(xs)+1), Saved: make([][]float32, len(k.saved))}
	k.run = func(c *Call) {
		c.Y = k.out.data
		op.Forward(c)
	}
	return apply(k, append(children, grad)...)
}

// inBackward returns the node that holds t's value in the backward pass: t's own,
// or one that makes it anew once grad is known.
func (t *Tensor) inBackward(grad *G.Node) *G.Node {
	if t.op == nil || !t.op.recompute {
		return t.node
	}
	if t.op.anew == nil {
		t.op.anew = t.op.again(grad)
	}
	return t.op.anew
}

// backward adds the node that runs op.Backward, and returns one gradient node
// for every input that wants one. gorgonia's operations have one result: the
// first gradient is the node's own, and the others are fetched from the memory
// that it fills beside.
func (g *Graph) backward(op Op, y *Tensor, xs []*Tensor, grad *G.Node) (G.Nodes, error) {
	fwd := y.op
	children := G.Nodes{grad}
	if !op.ForgetX {
		for _, x := range xs {
			children = append(children, x.inBackward(grad))
		}
	}
	if op.KeepY {
		children = append(children, y.inBackward(grad))
	}
	k := g.newOp(op.Name+" backward", len(children))
	k.saved = fwd.saved
	k.call = Call{X: make([][]float32, len(children)), DX: make([][]float32, len(xs)), Saved: make([][]float32, len(fwd.saved))}
	b := Call{DX: k.call.DX, Saved: k.call.Saved}
	k.run = func(c *Call) {
		b.DY, b.X, b.Accumulate = c.X[0], c.X[1:], *g.accumulate
		if op.KeepY {
			b.Y = c.X[len(c.X)-1]
		}
		op.Backward(&b)
	}
	first := -1
	extra := make([]*buffer, len(xs))
	for i, x := range xs {
		if !fwd.diff[i] {
			continue
		}
		b := &buffer{n: x.Rows * x.Cols}
		if p := g.weight(x); p != nil {
			b.data, b.own = p.G, true
		}
		extra[i] = b
		if first < 0 {
			first, k.out, k.shape = i, b, tensor.Shape{x.Rows, x.Cols}
		} else {
			k.beside = append(k.beside, b)
		}
	}
	k.dx = extra
	if first < 0 {
		return nil, fmt.Errorf("%s: no input wants a gradient", op.Name)
	}
	if of, ok := grad.Op().(planned); ok && op.InPlace && first == 0 {
		k.over = append(k.over, of.memory().out)
	}
	node := apply(k, children...)
	grads := make(G.Nodes, len(xs))
	for i, b := range extra {
		switch {
		case b == nil:
		case i == first:
			grads[i] = node
		default:
			grads[i] = g.fetch(node, b, xs[i].Rows, xs[i].Cols)
		}
	}
	return grads, nil
}

// passThrough gives grad to every input that wants a gradient. gorgonia adds
// the gradients of an input with several users into the memory of the first,
// which it can do for one such input; the others get a copy.
func (g *Graph) passThrough(diff []bool, in G.Nodes, grad *G.Node) G.Nodes {
	grads := make(G.Nodes, len(in))
	taken := false
	for i, x := range in {
		if !diff[i] {
			continue
		}
		grads[i] = grad
		if g.g.To(x.ID()).Len() < 2 {
			continue
		}
		if taken {
			k := g.newOp("copy", 1)
			k.shape = grad.Shape()
			k.out = &buffer{n: k.shape.TotalSize()}
			k.call.X = make([][]float32, 1)
			k.run = func(c *Call) { copy(k.out.data, c.X[0]) }
			grads[i] = apply(k, grad)
		}
		taken = true
	}
	return grads
}

// fetch adds a node whose value is memory that the node from fills.
func (g *Graph) fetch(from *G.Node, b *buffer, rows, cols int) *G.Node {
	k := g.newOp("fetch", 1)
	k.out, k.shape = b, tensor.Shape{rows, cols}
	k.call.X = make([][]float32, 1)
	k.run = func(*Call) {}
	return apply(k, from)
}

// weight returns the weight that x is, or nil.
func (g *Graph) weight(x *Tensor) *Param {
	for _, p := range g.wrt {
		if g.used[p].node == x.node {
			return p
		}
	}
	return nil
}

func nodes(ts []*Tensor) G.Nodes {
	ns := make(G.Nodes, len(ts))
	for i, t := range ts {
		ns[i] = t.node
	}
	return ns
}

// apply adds k to the graph. It fails only on shapes and types that newOp and
// its callers have set themselves.
func apply(k *kernelOp, children ...*G.Node) *G.Node {
	n, err := G.ApplyOp(k, children...)
	if err != nil {
		panic(fmt.Sprintf("nn: %s: %v", k.name, err))
	}
	return n
}

// A kernelOp is an Op, or its backward pass, as gorgonia sees it: a node that
// owns the memory of its result.
type kernelOp struct {
	name  string
	id    int // unique in the graph: gorgonia merges nodes of equal hash
	arity int
	shape tensor.Shape
	diff  []bool
	sym   func(in G.Nodes, out, grad *G.Node) (G.Nodes, error)
	run   func(c *Call)
	call  Call

	out    *buffer   // the result
	beside []*buffer // further results, fetched by other nodes
	saved  []*buffer // shared with the forward or backward node
	dx     []*buffer // backward: per input, out or one of beside
	over   []*buffer // memory that out may take over
	value  G.Value   // the result as gorgonia holds it

	recompute bool                       // the backward pass makes the result anew
	again     func(grad *G.Node) *G.Node // adds the node that does
	anew      *G.Node                    // that node
}

var _ G.SDOp = (*kernelOp)(nil)

func (g *Graph) newOp(name string, arity int) *kernelOp {
	g.nextOp++
	return &kernelOp{name: name, id: g.nextOp, arity: arity}
}

var matrixType = G.TensorType{Dims: 2, Of: tensor.Float32}

// bind is called once the planner has placed every buffer.
func (k *kernelOp) bind() {
	k.value = dense(k.out.data, k.shape[0], k.shape[1])
	for i, b := range k.saved {
		k.call.Saved[i] = b.data
	}
	for i, b := range k.dx {
		if b != nil {
			k.call.DX[i] = b.data
		}
	}
}

func (k *kernelOp) Do(in ...G.Value) (G.Value, error) {
	for i, v := range in {
		if d, ok := v.(*tensor.Dense); ok {
			k.call.X[i] = d.Float32s()
		}
	}
	k.run(&k.call)
	return k.value, nil
}

func (k *kernelOp) Type() hm.Type {
	ts := make([]hm.Type, k.arity+1)
	for i := range ts {
		ts[i] = matrixType
	}
	return hm.NewFnType(ts...)
}

func (k *kernelOp) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	return k.sym(in, out, grad)
}

func (k *kernelOp) Arity() int                                     { return k.arity }
func (k *kernelOp) InferShape(...G.DimSizer) (tensor.Shape, error) { return k.shape, nil }
func (k *kernelOp) DiffWRT(int) []bool                             { return k.diff }
func (k *kernelOp) ReturnsPtr() bool                               { return true }
func (k *kernelOp) CallsExtern() bool                              { return false }
func (k *kernelOp) OverwritesInput() int                           { return -1 }
func (k *kernelOp) String() string                                 { return fmt.Sprintf("%s#%d", k.name, k.id) }
func (k *kernelOp) WriteHash(h hash.Hash)                          { fmt.Fprint(h, k.String()) }

func (k *kernelOp) Hashcode() uint32 {
	h := fnv.New32a()
	k.WriteHash(h)
	return h.Sum32()
}
