package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// What hidden patches hold does not reach the predictions, whatever the stem;
// what visible ones hold does.
func TestHiddenPatchesDoNotLeak(t *testing.T) {
	for _, stem := range []string{linearStem, convStem, residualStem} {
		c := smallConfig(stem)
		ps := NewParams(1)
		mae := NewMAE(c, ps)
		g := NewGraph(false)
		crop := g.GridInput("crop", 2, c.Crop, 1)
		mask := NewMask(2, c.Tokens(), 16)
		r := rand.New(rand.NewPCG(1, 1))
		mask.Set(0, c.Tokens(), r.Perm(c.Tokens()))
		mask.Set(1, c.Tokens(), r.Perm(c.Tokens()))
		pred := mae.Decode(g, mae.Encode(g, crop, mask), 2, mask, mask.Hidden)
		p, err := g.Compile(nil, pred)
		if err != nil {
			t.Fatal(err)
		}
		Normal(1)(crop.Data(), nil, r)
		run(t, p)
		was := slices.Clone(pred.Data())

		// Other voxels in every hidden patch, NaN among them.
		n, v := c.Tokens(), c.CropVoxels()
		rows := make([]float32, v)
		poke := func(tokens []int, value float32) {
			for b := range 2 {
				ToPatches(rows, crop.Data()[b*v:(b+1)*v], c.Crop, c.Patch)
				for _, row := range tokens {
					if row/n == b {
						rows[row%n*c.PatchVoxels()] = value
					}
				}
				FromPatches(crop.Data()[b*v:(b+1)*v], rows, c.Crop, c.Patch)
			}
		}
		poke(mask.Hidden, float32(math.NaN()))
		run(t, p)
		if !slices.Equal(pred.Data(), was) {
			t.Errorf("%s stem: hidden voxels reach the predictions", stem)
		}
		poke(mask.Visible[:1], 3)
		run(t, p)
		if slices.Equal(pred.Data(), was) {
			t.Errorf("%s stem: a visible voxel does not reach the predictions", stem)
		}
	}
}

func TestPatches(t *testing.T) {
	sides, patch := [3]int{2, 4, 6}, [3]int{1, 2, 3}
	crop := make([]float32, product(sides))
	for i := range crop {
		crop[i] = float32(i)
	}
	rows, back := make([]float32, len(crop)), make([]float32, len(crop))
	ToPatches(rows, crop, sides, patch)
	// By hand: voxel (z, y, x) has the value (z*4+y)*6+x.
	if want := []float32{0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11, 12, 13, 14}; !slices.Equal(rows[:15], want) {
		t.Errorf("first patches %v, want %v", rows[:15], want)
	}
	FromPatches(back, rows, sides, patch)
	if !slices.Equal(back, crop) {
		t.Error("FromPatches is not the inverse of ToPatches")
	}
}

func TestNewMask(t *testing.T) {
	m := NewMask(2, 4, 1)
	m.Set(0, 4, []int{2, 0, 3, 1})
	m.Set(1, 4, []int{1, 3, 2, 0})
	if !slices.Equal(m.Visible, []int{2, 5}) || !slices.Equal(m.Hidden, []int{0, 1, 3, 4, 6, 7}) ||
		!slices.Equal(m.From, []int{-1, -1, 0, -1, -1, 1, -1, -1}) {
		t.Errorf("%+v", m)
	}
}

// Every token encoded gives the same rows as all of them named visible.
func TestEncodeAll(t *testing.T) {
	for _, stem := range []string{linearStem, convStem, residualStem} {
		c := smallConfig(stem)
		b := NewBackbone(c, NewParams(1))
		g := NewGraph(false)
		crop := g.GridInput("crop", 2, c.Crop, 1)
		f := b.Encode(g, crop, nil, nil)
		outputs := append([]*Tensor{f.Tokens}, f.Skips...)
		p, err := g.Compile(nil, outputs...)
		if err != nil {
			t.Fatal(err)
		}
		Normal(1)(crop.Data(), nil, rand.New(rand.NewPCG(1, 1)))
		run(t, p)

		g = NewGraph(false)
		crop2 := g.GridInput("crop", 2, c.Crop, 1)
		named := b.Encode(g, crop2, count(2*c.Tokens()), nil).Tokens
		q, err := g.Compile(nil, named)
		if err != nil {
			t.Fatal(err)
		}
		copy(crop2.Data(), crop.Data())
		run(t, q)
		if !slices.Equal(f.Tokens.Data(), named.Data()) {
			t.Errorf("%s stem: tokens differ", stem)
		}
		if f.Tokens.Grid != c.Grid() || f.Tokens.Batch != 2 {
			t.Errorf("%s stem: tokens on grid %v of batch %d", stem, f.Tokens.Grid, f.Tokens.Batch)
		}
		if stem != linearStem && (len(f.Skips) != 2 || f.Skips[0].Grid != cube(8) || f.Skips[1].Grid != cube(4)) {
			t.Errorf("%s stem: skips %+v", stem, f.Skips)
		}
	}
}

// The whole autoencoders of both stems with convolutions by numeric gradient, as
// TestGradients.
func TestGradientsOfStems(t *testing.T) {
	for _, stem := range []string{convStem, residualStem} {
		p, ps, crop, mask := smallMAE(t, stem, true)
		r := rand.New(rand.NewPCG(7, 7))
		Normal(1)(crop.Data(), nil, r)
		mask.Set(0, 64, r.Perm(64))
		mask.Set(1, 64, r.Perm(64))
		checkGradients(t, p, ps)
	}
}

func TestConfig(t *testing.T) {
	for _, p := range Presets() {
		if err := p.Validate(); err != nil {
			t.Errorf("preset %s: %v", p.Name, err)
		}
		if c, err := LookupPreset(p.Name); err != nil || c != p.BackboneConfig {
			t.Errorf("preset %s: %v", p.Name, err)
		}
	}
	if _, err := LookupPreset("huge"); err == nil {
		t.Error("an unknown preset was found")
	}
	good := smallConfig("conv")
	for name, change := range map[string]func(c *BackboneConfig){
		"stem":      func(c *BackboneConfig) { c.Stem = "" },
		"blocks":    func(c *BackboneConfig) { c.StemDepth = 1 },
		"no blocks": func(c *BackboneConfig) { c.Stem = residualStem },
		"crop":      func(c *BackboneConfig) { c.Crop[1] = 0 },
		"patch":     func(c *BackboneConfig) { c.Patch[2] = 5 },
		"power":     func(c *BackboneConfig) { c.Crop, c.Patch = cube(12), cube(3) },
		"one voxel": func(c *BackboneConfig) { c.Patch = cube(1) },
		"heads":     func(c *BackboneConfig) { c.Heads = 5 },
		"no heads":  func(c *BackboneConfig) { c.DecHeads = 0 },
		"base":      func(c *BackboneConfig) { c.PositionBase = 0 },
		"depth":     func(c *BackboneConfig) { c.Depth = -1 },
	} {
		c := good
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: %+v passes", name, c)
		}
	}
}

// The number of weights of the parity preset, as PyTorch counts them.
func TestParameterCount(t *testing.T) {
	c, _ := LookupPreset("parity")
	ps := NewParams(0)
	NewMAE(c, ps)
	if ps.Count() != 69832 {
		t.Errorf("%d weights, want 69832", ps.Count())
	}
}
