package finetune

import (
	"fmt"

	"oncovox/internal/nn"
)

// mapStride is how many voxels of a crop a cell of the map spans along each
// axis.
const mapStride = 2

// Columns of the detector's output, per cell of the map.
const (
	colHeat   = 0 // logit of the likelihood that a lesion's centre is here
	colOffset = 1 // three: z, y, x from the cell's centre to the lesion's, in cells
	colSize   = 4 // three: log of the lesion's extent along z, y, x, in cells
	outCols   = 7
)

// heatPrior is the logit that untrained cells begin with: about one in a
// hundred, so that the many empty cells do not swamp the first steps (Lin et
// al. 2017, section 4.1).
const heatPrior = -4.6

// HeadConfig describes the head.
type HeadConfig struct {
	Dim    int `json:"dim" mapstructure:"dim"`       // channels of the map's features; a multiple of 8, up to 512
	Detail int `json:"detail" mapstructure:"detail"` // channels of the detail branch's first convolution; a multiple of 8, up to 512
}

// Validate returns the first setting that no head can be built with, or nil.
func (c HeadConfig) Validate() error {
	if c.Dim < 8 || c.Dim > 512 || c.Dim%8 != 0 || c.Detail < 8 || c.Detail > 512 || c.Detail%8 != 0 {
		return fmt.Errorf("dim %d, detail %d: want multiples of 8 from 8 to 512", c.Dim, c.Detail)
	}
	return nil
}

// headFits returns why no map can be laid over the tokens of b, or nil.
func headFits(b nn.BackboneConfig) error {
	p := b.Patch[0]
	if b.Patch != [3]int{p, p, p} || p < mapStride || p&(p-1) != 0 {
		return fmt.Errorf("a backbone with patches of %v: the head wants cubes whose side is a power of 2", b.Patch)
	}
	return nil
}

// headPrefix begins the names of all weights of the head.
const headPrefix = "head."

// addHead adds the head's weights to ps.
func addHead(c HeadConfig, b nn.BackboneConfig, skips []int, ps *nn.Params) {
	conv := func(name string, out, in int) {
		ps.Add(headPrefix+name+".weight", nn.HeNormal, out, 3, 3, 3, in)
		ps.Add(headPrefix+name+".norm.weight", nn.Constant(1), out)
		ps.Add(headPrefix+name+".norm.bias", nn.Zeros, out)
	}
	ps.Add(headPrefix+"tokens.weight", nn.XavierUniform, c.Dim, b.Dim)
	ps.Add(headPrefix+"tokens.bias", nn.Zeros, c.Dim)
	conv("detail1", c.Detail, 1)
	conv("detail2", c.Dim, c.Detail)
	in := 2 * c.Dim
	for _, s := range skips {
		in += s
	}
	conv("fuse", c.Dim, in)
	ps.Add(headPrefix+"out.weight", nn.Normal(0.01), outCols, c.Dim)
	bias := ps.Add(headPrefix+"out.bias", nn.Zeros, outCols)
	bias.W[colHeat] = heatPrior
}

// head adds the layers that turn crops and their features into the map,
// (B·cells, outCols).
func head(g *nn.Graph, ps *nn.Params, crop *nn.Tensor, f nn.Features, patch int) *nn.Tensor {
	get := func(name string) *nn.Param { return ps.Get(headPrefix + name) }
	conv := func(name string, x *nn.Tensor, stride int) *nn.Tensor {
		w := get(name + ".weight")
		x = g.Conv3D(x, w, nil, [3]int{stride, stride, stride})
		return g.GELU(g.GroupNorm(x, get(name+".norm.weight"), get(name+".norm.bias"), w.Shape[0]/8))
	}
	tokens := g.Linear(f.Tokens, get("tokens.weight"), get("tokens.bias")).OnGrid(crop.Batch, f.Tokens.Grid)
	for s := patch; s > mapStride; s /= 2 {
		tokens = g.Upsample(tokens)
	}
	detail := conv("detail2", conv("detail1", crop, mapStride), 1)
	parts := []*nn.Tensor{tokens, detail}
	for _, s := range f.Skips {
		if s.Grid == detail.Grid {
			parts = append(parts, s)
		}
	}
	x := conv("fuse", g.Concat(parts...).OnGrid(crop.Batch, detail.Grid), 1)
	return g.Linear(x, get("out.weight"), get("out.bias")).OnGrid(crop.Batch, detail.Grid)
}
