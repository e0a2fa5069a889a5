package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"oncovox/internal/kernel"
	"oncovox/internal/rng"

	"gorgonia.org/tensor"
)

// A Param is a named weight and the gradient of the last run's loss by it.
type Param struct {
	Name   string
	Shape  []int     // as PyTorch has it; a linear layer's weight is (out, in)
	W, G   []float32 // row-major; a Program's Run overwrites G, which means nothing if Frozen
	Frozen bool      // graphs built from now on are not differentiated by it

	w, g *tensor.Dense // the same memory as (1, n) matrices
}

// Params holds the weights of a network in the order in which they were added.
type Params struct {
	seed int64
	list []*Param
	name map[string]*Param
}

// NewParams returns an empty set. The first values of each weight are drawn
// from a source of its own, keyed by seed and the weight's name, so that adding
// a layer leaves the others' as they were.
func NewParams(seed int64) *Params {
	return &Params{seed: seed, name: map[string]*Param{}}
}

// Add makes a weight. It panics if the name is taken or a side is not positive.
func (p *Params) Add(name string, init Init, shape ...int) *Param {
	if p.name[name] != nil {
		panic("nn: Params.Add: two weights are named " + name)
	}
	n := 1
	for _, s := range shape {
		if s <= 0 {
			panic(fmt.Sprintf("nn: Params.Add: %s has shape %v", name, shape))
		}
		n *= s
	}
	q := &Param{Name: name, Shape: shape, W: make([]float32, n), G: make([]float32, n)}
	kernel.HugePages(q.W)
	kernel.HugePages(q.G)
	init(q.W, shape, rng.At(p.seed, "init "+name))
	q.w, q.g = dense(q.W, 1, n), dense(q.G, 1, n)
	p.list = append(p.list, q)
	p.name[name] = q
	return q
}

// All returns the weights in the order in which they were added. The caller
// must not change the slice.
func (p *Params) All() []*Param { return p.list }

// Get returns the weight of that name, or nil.
func (p *Params) Get(name string) *Param { return p.name[name] }

// Count returns the number of scalars in all weights.
func (p *Params) Count() int {
	n := 0
	for _, q := range p.list {
		n += len(q.W)
	}
	return n
}

// An Init fills a new weight w of the given shape.
type Init func(w []float32, shape []int, r *rand.Rand)

// Zeros leaves a weight at zero.
func Zeros([]float32, []int, *rand.Rand) {}

// Constant sets every element to v.
func Constant(v float32) Init {
	return func(w []float32, _ []int, _ *rand.Rand) {
		for i := range w {
			w[i] = v
		}
	}
}

// Normal draws from a normal distribution of mean 0.
func Normal(std float64) Init {
	return func(w []float32, _ []int, r *rand.Rand) {
		for i := range w {
			w[i] = float32(std * r.NormFloat64())
		}
	}
}

// XavierUniform draws evenly from ±sqrt(6/(in+out)) (Glorot and Bengio 2010),
// where shape is (out, ..., in) and the sides between count for both.
func XavierUniform(w []float32, shape []int, r *rand.Rand) {
	area := len(w) / (shape[0] * shape[len(shape)-1])
	a := math.Sqrt(6 / float64(area*(shape[0]+shape[len(shape)-1])))
	for i := range w {
		w[i] = float32(a * (2*r.Float64() - 1))
	}
}

// HeNormal draws from a normal distribution of variance 2/in (He et al. 2015),
// where shape is (out, ..., in) and the sides between count as inputs.
func HeNormal(w []float32, shape []int, r *rand.Rand) {
	Normal(math.Sqrt(2*float64(shape[0])/float64(len(w))))(w, shape, r)
}

// gradient returns g, or memory of q's to write a gradient into that nobody
// asked for, because q is frozen and g nil.
func (q *Param) gradient(g []float32) []float32 {
	if g == nil {
		return q.G
	}
	return g
}

func dense(data []float32, rows, cols int) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, cols), tensor.Of(tensor.Float32), tensor.WithBacking(data))
}

// LeftBehind reports whether a weight serves pretraining alone: that of a decoder
// or a projector.
func LeftBehind(name string) bool {
	return strings.HasPrefix(name, "dec_") || strings.HasPrefix(name, "projector.") || name == "mask_token"
}
