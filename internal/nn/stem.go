package nn

import "fmt"

// A conv stem turns voxels into tokens by convolutions of stride 2, each
// followed by GELU, until one voxel of the grid is left for each patch. Small
// lesions gain from it over the linear stem. It has no norm: voxels come with
// deviation 1, and one over the grid would take away how bright a crop is.
//
// A residual stem has residual blocks after each of these convolutions in GELU's
// place. With no transformer blocks behind it, it is the encoder of a residual
// network. In masked pretraining its hidden patches are blanked after every layer
// that could fill them, so that what is seen does not creep into what is not, and
// its norms, which are over the channels of one place, do not mix the two (after
// Tian et al. 2023).

// stemStage is one convolution of a stem, and what follows it.
type stemStage struct {
	stride  [3]int
	in, out int // channels
}

// stemStages halves the sides that are still longer than the patch's.
func stemStages(c BackboneConfig) []stemStage {
	left := c.Patch
	var ss []stemStage
	for product(left) > 1 {
		s := stemStage{stride: [3]int{1, 1, 1}}
		for i := range left {
			if left[i] > 1 {
				s.stride[i] = 2
				left[i] /= 2
			}
		}
		ss = append(ss, s)
	}
	in := 1
	for i := range ss {
		ss[i].in = in
		ss[i].out = max(8, c.Dim>>(len(ss)-i)/8*8)
		if c.Stem == residualStem {
			ss[i].out = max(8, c.Dim>>(len(ss)-1-i)/8*8)
		}
		in = ss[i].out
	}
	return ss
}

func addStem(c BackboneConfig, ps *Params) {
	conv := func(name string, out, in int) {
		ps.Add(name+".weight", HeNormal, out, 3, 3, 3, in)
		ps.Add(name+".bias", Zeros, out)
	}
	ss := stemStages(c)
	for i, s := range ss {
		conv(fmt.Sprintf("stem.%d.conv", i), s.out, s.in)
		for j := range c.StemDepth {
			name := fmt.Sprintf("stem.%d.blocks.%d.", i, j)
			addNorm(ps, name+"norm", s.out)
			conv(name+"conv1", s.out, s.out)
			conv(name+"conv2", s.out, s.out)
		}
	}
	addLinear(ps, "patch_embed", ss[len(ss)-1].out, c.Dim)
}

// stem returns the tokens (B·N, C) of a grid of crops, and the grids of all
// stages. hidden names the tokens that must not be seen, or is nil.
func (b *Backbone) stem(g *Graph, x *Tensor, hidden []int) (*Tensor, []*Tensor) {
	patch := b.Patch // in voxels of x's grid
	blank := func(x *Tensor) *Tensor {
		if hidden == nil {
			return x
		}
		return g.Blank(x, patch, hidden)
	}
	conv := func(name string, x *Tensor, stride [3]int) *Tensor {
		return g.Conv3D(x, b.ps.Get(name+".weight"), b.ps.Get(name+".bias"), stride)
	}
	x = blank(x)
	var skips []*Tensor
	for i, s := range stemStages(b.BackboneConfig) {
		x = conv(fmt.Sprintf("stem.%d.conv", i), x, s.stride)
		patch = divide(patch, s.stride)
		if b.Stem == convStem {
			x = g.GELU(x)
		} else {
			x = blank(x)
		}
		for j := range b.StemDepth {
			name := fmt.Sprintf("stem.%d.blocks.%d.", i, j)
			y := blank(norm(g, b.ps, name+"norm", x))
			y = blank(g.GELU(conv(name+"conv1", y, [3]int{1, 1, 1})))
			x = g.Add(x, blank(conv(name+"conv2", y, [3]int{1, 1, 1})))
		}
		skips = append(skips, x)
	}
	return linear(g, b.ps, "patch_embed", x), skips
}
