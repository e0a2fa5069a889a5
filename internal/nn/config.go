package nn

import "fmt"

// A BackboneConfig describes an encoder and the decoder it is pretrained with.
// It is all that is needed, beside the weights, to build them again.
type BackboneConfig struct {
	Stem  string `json:"stem" mapstructure:"stem"`   // how voxels become tokens: "linear", or for sides of a patch that are powers of 2 "conv" or "residual"
	Crop  [3]int `json:"crop" mapstructure:"crop"`   // D, H, W of a crop, in voxels
	Patch [3]int `json:"patch" mapstructure:"patch"` // sides of the patch of a token, in voxels; they divide the crop's
	Dim   int    `json:"dim" mapstructure:"dim"`     // columns of a token; a multiple of heads
	Depth int    `json:"depth" mapstructure:"depth"` // transformer blocks; with a residual stem and none it is a convolutional network
	Heads int    `json:"heads" mapstructure:"heads"` // attention heads

	StemDepth int `json:"stem_depth" mapstructure:"stem_depth"` // residual blocks at each scale of a residual stem

	DecDim   int `json:"dec_dim" mapstructure:"dec_dim"`     // the same of the decoder
	DecDepth int `json:"dec_depth" mapstructure:"dec_depth"` // may be 0
	DecHeads int `json:"dec_heads" mapstructure:"dec_heads"`

	PositionBase float64 `json:"position_base" mapstructure:"position_base"` // see SinCos; greater than 1
}

// The stems.
const (
	linearStem   = "linear"
	convStem     = "conv"
	residualStem = "residual"
)

// mlpRatio is the width of a block's hidden layer over that of its tokens.
const mlpRatio = 4

// A Preset is a named backbone.
type Preset struct {
	Name string
	BackboneConfig
}

// Bases of the positions. The usual one is made for sequences of thousands of
// tokens; of its wavelengths only a few tell the tokens of a small grid apart,
// and a network spends its first hundreds of steps finding out which patches
// are near. On 2 mm CT and 8³ tokens, 400 steps with a base of 30 reached a
// lower loss than 1,000 with the usual one.
const (
	usualBase = 10000
	gridBase  = 30
)

// Presets returns the known backbones. The first five are those of the
// published speed and parity comparisons; the others suit a few CPU cores.
func Presets() []Preset {
	vit := func(base float64, name, stem string, crop, patch, dim, depth, heads, decDim, decDepth, decHeads int) Preset {
		return Preset{name, BackboneConfig{
			Stem: stem, Crop: cube(crop), Patch: cube(patch), Dim: dim, Depth: depth, Heads: heads,
			DecDim: decDim, DecDepth: decDepth, DecHeads: decHeads, PositionBase: base,
		}}
	}
	cnn := func(name string, crop, patch, dim, stemDepth, decDim, decDepth, decHeads int) Preset {
		p := vit(gridBase, name, residualStem, crop, patch, dim, 0, 1, decDim, decDepth, decHeads)
		p.StemDepth = stemDepth
		return p
	}
	return []Preset{
		vit(usualBase, "parity", linearStem, 16, 4, 48, 2, 3, 24, 1, 2),
		vit(usualBase, "base", linearStem, 96, 16, 384, 6, 6, 192, 2, 6),
		vit(usualBase, "base8", linearStem, 96, 8, 384, 6, 6, 192, 2, 6),
		vit(usualBase, "tiny", linearStem, 96, 16, 192, 12, 3, 96, 2, 3),
		vit(usualBase, "tiny8", linearStem, 96, 8, 192, 12, 3, 96, 2, 3),
		vit(gridBase, "nano-conv", convStem, 32, 8, 128, 4, 4, 64, 1, 2),
		vit(gridBase, "micro", linearStem, 32, 4, 96, 4, 3, 48, 1, 2),
		vit(gridBase, "micro-conv", convStem, 32, 4, 96, 4, 3, 48, 1, 2),
		vit(gridBase, "mini", linearStem, 32, 4, 192, 6, 6, 96, 2, 3),
		vit(gridBase, "mini-conv", convStem, 48, 8, 192, 6, 6, 96, 2, 3),
		cnn("nano-cnn", 32, 8, 96, 1, 64, 1, 2),
		cnn("mini-cnn", 48, 8, 128, 2, 96, 2, 3),
	}
}

// LookupPreset returns the preset of that name.
func LookupPreset(name string) (BackboneConfig, error) {
	names := ""
	for _, p := range Presets() {
		if p.Name == name {
			return p.BackboneConfig, nil
		}
		names += " " + p.Name
	}
	return BackboneConfig{}, fmt.Errorf("no backbone preset %q; known:%s", name, names)
}

// Validate returns the first setting that no network can be built with, or nil.
func (c BackboneConfig) Validate() error {
	if c.Stem != linearStem && c.Stem != convStem && c.Stem != residualStem {
		return fmt.Errorf("stem %q: want linear, conv or residual", c.Stem)
	}
	if (c.StemDepth > 0) != (c.Stem == residualStem) || c.StemDepth < 0 || c.StemDepth > 100 {
		return fmt.Errorf("stem_depth %d of a %s stem: want 1 to 100 blocks of a residual one and 0 of others", c.StemDepth, c.Stem)
	}
	for i, p := range c.Patch {
		if p <= 0 || c.Crop[i] <= 0 || c.Crop[i]%p != 0 || c.Crop[i] > 1024 {
			return fmt.Errorf("crop %v and patch %v: want sides up to 1024 that the patch divides", c.Crop, c.Patch)
		}
		if c.Stem != linearStem && p&(p-1) != 0 {
			return fmt.Errorf("patch %v: the %s stem wants powers of 2", c.Patch, c.Stem)
		}
	}
	if c.PatchVoxels() == 1 {
		return fmt.Errorf("patch %v: want more than one voxel", c.Patch)
	}
	if !(c.PositionBase > 1 && c.PositionBase <= 1e9) {
		return fmt.Errorf("position_base %v: want more than 1", c.PositionBase)
	}
	for _, d := range []struct {
		what       string
		dim, heads int
		depth      int
	}{{"", c.Dim, c.Heads, c.Depth}, {"dec_", c.DecDim, c.DecHeads, c.DecDepth}} {
		if d.dim < 6 || d.dim > 8192 || d.heads <= 0 || d.dim%d.heads != 0 {
			return fmt.Errorf("%sdim %d, %sheads %d: want 6 to 8192 columns in equal heads", d.what, d.dim, d.what, d.heads)
		}
		if d.depth < 0 || d.depth > 100 {
			return fmt.Errorf("%sdepth %d: want 0 to 100", d.what, d.depth)
		}
	}
	return nil
}

// Grid returns the tokens of a crop along z, y, x.
func (c BackboneConfig) Grid() [3]int { return divide(c.Crop, c.Patch) }

// Tokens returns N, the tokens of a crop.
func (c BackboneConfig) Tokens() int { return product(c.Grid()) }

// PatchVoxels returns P, the voxels of a patch.
func (c BackboneConfig) PatchVoxels() int { return product(c.Patch) }

// CropVoxels returns the voxels of a crop.
func (c BackboneConfig) CropVoxels() int { return product(c.Crop) }

func cube(side int) [3]int { return [3]int{side, side, side} }
