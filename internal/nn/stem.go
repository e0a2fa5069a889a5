package nn

import "fmt"

// A conv stem turns voxels into tokens by convolutions of stride 2, each
// followed by GELU, until one voxel of the grid is left for each patch. Small
// lesions gain from it over the linear stem. It has no norm: voxels come with
// deviation 1, and one over the grid would take away how bright a crop is.

// stemStage is one convolution of a conv stem.
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
		in = ss[i].out
	}
	return ss
}

func addStem(c BackboneConfig, ps *Params) {
	ss := stemStages(c)
	for i, s := range ss {
		name := fmt.Sprintf("stem.%d.", i)
		ps.Add(name+"conv.weight", HeNormal, s.out, 3, 3, 3, s.in)
		ps.Add(name+"conv.bias", Zeros, s.out)
	}
	addLinear(ps, "patch_embed", ss[len(ss)-1].out, c.Dim)
}

// stem returns the tokens (B·N, C) of a grid of crops, and the grids of all
// convolutions.
func (b *Backbone) stem(g *Graph, x *Tensor) (*Tensor, []*Tensor) {
	var skips []*Tensor
	for i, s := range stemStages(b.BackboneConfig) {
		name := fmt.Sprintf("stem.%d.", i)
		x = g.Conv3D(x, b.ps.Get(name+"conv.weight"), b.ps.Get(name+"conv.bias"), s.stride)
		x = g.GELU(x)
		skips = append(skips, x)
	}
	return linear(g, b.ps, "patch_embed", x), skips
}
