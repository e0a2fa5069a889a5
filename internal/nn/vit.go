package nn

import (
	"fmt"
	"math"
)

// A Backbone is a vision transformer over the patches of a crop (Dosovitskiy
// et al. 2021) as masked autoencoders use it (He et al. 2022): fixed positions,
// blocks that normalise before they mix, a final norm. Its weights are named
// and laid out as PyTorch's.
type Backbone struct {
	BackboneConfig
	ps        *Params
	positions []float32 // (N, C)
}

// NewBackbone adds the encoder's weights to ps. It panics unless c.Validate
// passes.
func NewBackbone(c BackboneConfig, ps *Params) *Backbone {
	if err := c.Validate(); err != nil {
		panic("nn: NewBackbone: " + err.Error())
	}
	if c.Stem == linearStem {
		addLinear(ps, "patch_embed", c.PatchVoxels(), c.Dim)
	} else {
		addStem(c, ps)
	}
	for i := range c.Depth {
		addBlock(ps, fmt.Sprintf("blocks.%d.", i), c.Dim)
	}
	addNorm(ps, "norm", c.Dim)
	return &Backbone{BackboneConfig: c, ps: ps, positions: SinCos(c.Dim, c.Grid(), c.PositionBase)}
}

// Features are what an encoder makes of crops.
type Features struct {
	Tokens *Tensor   // (B·N, C) on the grid of tokens; (B·K, C) if some are hidden
	Skips  []*Tensor // the grids of a stem with convolutions before the tokens, finest first
}

// Encode adds the encoder for a grid of crops with one channel. visible names
// the tokens to encode, as rows of the batch's B·N, in equal number for each
// sample; nil stands for all. What the other tokens hold does not reach the
// result. The slice is read at each run, and hidden with it, which names the
// rest.
func (b *Backbone) Encode(g *Graph, crop *Tensor, visible, hidden []int) Features {
	var f Features
	n, batch := b.Tokens(), crop.Batch
	rows := visible
	if visible == nil {
		rows = count(batch * n)
	}
	var x *Tensor
	if b.Stem == linearStem {
		x = linear(g, b.ps, "patch_embed", g.Patches(crop, b.Patch, rows))
	} else {
		x, f.Skips = b.stem(g, crop, hidden)
		if visible != nil {
			x = g.Gather(x, rows)
		}
	}
	x = g.AddRows(x, b.positions, rows)
	for i := range b.Depth {
		x = block(g, b.ps, fmt.Sprintf("blocks.%d.", i), x, batch, b.Heads)
	}
	f.Tokens = norm(g, b.ps, "norm", x)
	if visible == nil {
		f.Tokens = f.Tokens.OnGrid(batch, b.Grid())
	}
	return f
}

func count(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// SinCos returns the positions of a grid's tokens, (N, dim): dim is cut into
// thirds for z, y and x of 2·(dim/6) columns, each the sines and then the
// cosines of the coordinate times base^(-i/(dim/6)); the rest is 0. It is the
// 3-D form of Vaswani et al. 2017, section 3.5.
func SinCos(dim int, grid [3]int, base float64) []float32 {
	k := dim / 6
	out := make([]float32, product(grid)*dim)
	row := out
	for z := range grid[0] {
		for y := range grid[1] {
			for x := range grid[2] {
				for axis, at := range [3]int{z, y, x} {
					for i := range k {
						a := float64(at) * math.Pow(base, -float64(i)/float64(k))
						row[axis*2*k+i] = float32(math.Sin(a))
						row[axis*2*k+k+i] = float32(math.Cos(a))
					}
				}
				row = row[dim:]
			}
		}
	}
	return out
}

func addLinear(ps *Params, name string, in, out int) {
	ps.Add(name+".weight", XavierUniform, out, in)
	ps.Add(name+".bias", Zeros, out)
}

func addNorm(ps *Params, name string, dim int) {
	ps.Add(name+".weight", Constant(1), dim)
	ps.Add(name+".bias", Zeros, dim)
}

func addBlock(ps *Params, name string, dim int) {
	addNorm(ps, name+"norm1", dim)
	addLinear(ps, name+"attn.qkv", dim, 3*dim)
	addLinear(ps, name+"attn.proj", dim, dim)
	addNorm(ps, name+"norm2", dim)
	addLinear(ps, name+"fc1", dim, mlpRatio*dim)
	addLinear(ps, name+"fc2", mlpRatio*dim, dim)
}

func linear(g *Graph, ps *Params, name string, x *Tensor) *Tensor {
	return g.Linear(x, ps.Get(name+".weight"), ps.Get(name+".bias"))
}

func norm(g *Graph, ps *Params, name string, x *Tensor) *Tensor {
	return g.LayerNorm(x, ps.Get(name+".weight"), ps.Get(name+".bias"))
}

// block is one transformer layer on the tokens of batch samples.
func block(g *Graph, ps *Params, name string, x *Tensor, batch, heads int) *Tensor {
	g.recompute = g.lean
	a := g.Attention(linear(g, ps, name+"attn.qkv", norm(g, ps, name+"norm1", x)), batch, heads)
	x = g.Add(x, linear(g, ps, name+"attn.proj", a))
	h := g.GELU(linear(g, ps, name+"fc1", norm(g, ps, name+"norm2", x)))
	h = linear(g, ps, name+"fc2", h)
	g.recompute = false // the next block's input stays
	return g.Add(x, h)
}
