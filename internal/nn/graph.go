package nn

import (
	"fmt"

	"oncovox/internal/kernel"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A Graph collects the layers of a network for one shape of batch. It is not
// safe for concurrent use.
type Graph struct {
	g          *G.ExprGraph
	train      bool
	bf16       bool
	lean       bool // blocks are recomputed, see Recompute
	recompute  bool // operations added now are
	accumulate *bool
	nextOp     int
	noReuse    bool // for tests: see plan
	keepAll    bool // for tests: nothing is computed anew
	inputs     map[string]bool
	used       map[*Param]*Tensor
	wrt        []*Param // weights that want a gradient, in order of use
}

// NewGraph returns an empty graph. With train it will be differentiated by
// every weight that is not frozen; without, it keeps nothing for a backward
// pass.
func NewGraph(train bool) *Graph {
	return &Graph{g: G.NewGraph(), train: train, accumulate: new(bool), inputs: map[string]bool{}, used: map[*Param]*Tensor{}}
}

// UseBF16 makes the linear layers and the attention added from now on round the
// operands of their matrix products to bfloat16. Sums, weights, gradients and
// everything else stay float32.
func (g *Graph) UseBF16() { g.bf16 = true }

// Recompute makes the transformer blocks added from now on keep their inputs
// alone for the backward pass, which computes all else anew: the same bits, for a
// third more work and a fraction of the memory (Chen et al. 2016).
func (g *Graph) Recompute() { g.lean = true }

// A Tensor is a matrix that a graph's operation makes, an input or a weight.
type Tensor struct {
	Rows, Cols int
	Batch      int    // samples in the rows
	Grid       [3]int // rows of a sample as D, H, W; zero where they are not a grid

	g    *Graph
	node *G.Node
	diff bool // the loss may be differentiated by it
	data []float32
	op   *kernelOp // nil for inputs and weights
}

// Data returns the values: of an input, to be written before a run, or of an
// output named to Compile, to be read after one. It panics for other tensors,
// whose memory serves several during a run.
func (t *Tensor) Data() []float32 {
	if t.op != nil && t.op.out != nil && t.op.out.keep {
		return t.op.out.data
	}
	if t.data == nil {
		panic("nn: Tensor.Data: neither an input nor an output of a compiled graph")
	}
	return t.data
}

// OnGrid returns t seen as batch grids of the given sides. It panics if the
// rows do not fit.
func (t *Tensor) OnGrid(batch int, grid [3]int) *Tensor {
	if batch*grid[0]*grid[1]*grid[2] != t.Rows {
		panic(fmt.Sprintf("nn: OnGrid: %d rows are not %d grids of %v", t.Rows, batch, grid))
	}
	u := *t
	u.Batch, u.Grid = batch, grid
	return &u
}

// Input adds a matrix that the caller fills before each run. No gradient
// flows into it. It panics if the name is taken.
func (g *Graph) Input(name string, rows, cols int) *Tensor {
	if g.inputs[name] {
		panic("nn: Input: two inputs are named " + name)
	}
	g.inputs[name] = true
	data := make([]float32, rows*cols)
	kernel.HugePages(data)
	return g.leaf("input "+name, dense(data, rows, cols), data)
}

// GridInput is Input for batch grids with cols channels.
func (g *Graph) GridInput(name string, batch int, grid [3]int, cols int) *Tensor {
	return g.Input(name, batch*grid[0]*grid[1]*grid[2], cols).OnGrid(batch, grid)
}

// Param brings a weight into the graph, as a (1, n) matrix. It panics if the
// weight is in the graph already: the two uses would write one gradient.
func (g *Graph) Param(p *Param) *Tensor {
	if g.used[p] != nil {
		panic("nn: Param: " + p.Name + " is used twice")
	}
	t := g.leaf("weight "+p.Name, p.w, p.W)
	t.diff = g.train && !p.Frozen
	if t.diff {
		g.wrt = append(g.wrt, p)
	}
	g.used[p] = t
	return t
}

func (g *Graph) leaf(name string, d *tensor.Dense, data []float32) *Tensor {
	n := G.NewMatrix(g.g, tensor.Float32, G.WithShape(d.Shape()...), G.WithName(name), G.WithValue(d))
	return &Tensor{Rows: d.Shape()[0], Cols: d.Shape()[1], g: g, node: n, data: data}
}
