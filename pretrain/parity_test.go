package pretrain

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"oncovox/internal/nn"
	"oncovox/internal/optim"
)

// parityMeta is what the dump tells of its network.
type parityMeta struct {
	Torch string
	Args  struct {
		Crop, Patch, Dim, Depth, Heads, Batch int
		DecDim                                int `json:"dec_dim"`
		DecDepth                              int `json:"dec_depth"`
		DecHeads                              int `json:"dec_heads"`
	}
	Visible int
	AdamW   struct{ LR, Beta1, Beta2, Eps, WD float64 }
}

func (m parityMeta) config() nn.BackboneConfig {
	a := m.Args
	return nn.BackboneConfig{
		Stem: "linear", Crop: [3]int{a.Crop, a.Crop, a.Crop}, Patch: [3]int{a.Patch, a.Patch, a.Patch},
		Dim: a.Dim, Depth: a.Depth, Heads: a.Heads, DecDim: a.DecDim, DecDepth: a.DecDepth, DecHeads: a.DecHeads,
		PositionBase: 10000,
	}
}

// One training step of the masked autoencoder against PyTorch's, from a dump of
// its weights, input, mask, results, gradients and updated weights: the loss
// within 1e-5 of itself, latents and predictions within 1e-4, every gradient
// within 1e-3 of its norm, every weight after one step of AdamW within 1e-5.
//
// AdamW's first step moves a weight by the rate in the direction of its
// gradient however small that is. The bias of the keys has no gradient, since
// the softmax is blind to it, so both programs move it by rounding noise; such
// weights, with gradients under 1e-7, are checked by a step from PyTorch's
// gradients instead, where every weight must agree within 1e-6.
//
// ONCOVOX_PARITY names another dump; testdata/README.md says how one is made.
func TestTorchParity(t *testing.T) {
	path := "testdata/parity.npz"
	if p := os.Getenv("ONCOVOX_PARITY"); p != "" {
		path = p
	}
	dump := readNPZ(t, path)
	var meta parityMeta
	if err := json.Unmarshal(dump["meta"].text, &meta); err != nil {
		t.Fatal(err)
	}
	cfg, batch := meta.config(), meta.Args.Batch
	n := cfg.Tokens()
	t.Logf("%s: torch %s, %+v, batch %d", path, meta.Torch, cfg, batch)

	ps := nn.NewParams(0)
	mae := nn.NewMAE(cfg, ps)
	loadDump(t, dump, ps)
	mask := dumpMask(dump, batch, n, meta.Visible)

	// Training predicts the hidden patches alone; a second graph predicts all.
	g := nn.NewGraph(true)
	crop := g.GridInput("crop", batch, cfg.Crop, 1)
	loss := mae.Loss(g, crop, mask, true)
	train := compile(t, g, []nn.Term{{Loss: loss, Weight: 1}})
	g = nn.NewGraph(false)
	crop2 := g.GridInput("crop", batch, cfg.Crop, 1)
	latent := mae.Encode(g, crop2, mask)
	all := make([]int, batch*n)
	for i := range all {
		all[i] = i
	}
	pred := mae.Decode(g, latent, batch, mask, all)
	show := compile(t, g, nil, latent, pred)
	fill(crop.Data(), dump["input"].data)
	fill(crop2.Data(), dump["input"].data)
	run(t, train)
	run(t, show)

	want := dump["loss"].data[0]
	if diff := math.Abs(train.Loss()-want) / want; !(diff <= 1e-5) {
		t.Errorf("loss %v, PyTorch %v", train.Loss(), want)
	}
	t.Logf("loss %.7f, relative difference %.1e", train.Loss(), math.Abs(train.Loss()-want)/want)
	within(t, "latent", latent.Data(), dump["latent"].data, 1e-4)
	within(t, "pred", pred.Data(), dump["pred"].data, 1e-4)
	worst := 0.0
	for _, p := range ps.All() {
		worst = max(worst, gradientWithin(t, p, dump["grad/"+p.Name].data, 1e-3))
	}
	t.Logf("worst gradient: %.1e of its norm", worst)

	o := meta.AdamW
	opt := optim.Options{Beta1: o.Beta1, Beta2: o.Beta2, Eps: o.Eps, Decay: o.WD}
	step := func() {
		if _, err := optim.NewAdamW(ps, opt).Step(o.LR, 0); err != nil {
			t.Fatal(err)
		}
	}
	step()
	noise := 0
	for _, p := range ps.All() {
		after, grad := dump["after/"+p.Name].data, dump["grad/"+p.Name].data
		for i, g := range grad {
			if math.Abs(g) < 1e-7 {
				p.W[i] = float32(after[i])
				noise++
			}
		}
		within(t, "after/"+p.Name, p.W, after, 1e-5)
	}
	t.Logf("%d of %d gradients are rounding noise", noise, ps.Count())
	loadDump(t, dump, ps)
	for _, p := range ps.All() {
		fill(p.G, dump["grad/"+p.Name].data)
	}
	step()
	for _, p := range ps.All() {
		within(t, "after/"+p.Name+" from PyTorch's gradient", p.W, dump["after/"+p.Name].data, 1e-6)
	}
}

// dumpMask returns the dump's mask: its order of the tokens.
func dumpMask(dump map[string]array, batch, n, visible int) *nn.Mask {
	mask := nn.NewMask(batch, n, visible)
	for b := range batch {
		order := make([]int, n)
		for i := range order {
			order[i] = int(dump["shuffle"].data[b*n+i])
		}
		mask.Set(b, n, order)
	}
	return mask
}

// loadDump sets the weights, and fails if the dump holds others.
func loadDump(t *testing.T, dump map[string]array, ps *nn.Params) {
	t.Helper()
	seen := 0
	for name, a := range dump {
		if len(name) < 6 || name[:6] != "param/" {
			continue
		}
		seen++
		p := ps.Get(name[6:])
		if p == nil || !slices.Equal(p.Shape, a.shape) {
			t.Fatalf("%s %v: no such weight", name, a.shape)
		}
		fill(p.W, a.data)
	}
	if seen != len(ps.All()) {
		t.Fatalf("the dump holds %d weights, the network %d", seen, len(ps.All()))
	}
}

func within(t *testing.T, name string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	worst := 0.0
	for i, v := range got {
		if d := math.Abs(float64(v) - want[i]); !(d <= worst) {
			worst = d
		}
	}
	if !(worst <= tol) {
		t.Errorf("%s: largest difference %v, want %v", name, worst, tol)
	}
}

// gradientWithin returns the norm of the difference over that of the gradient.
func gradientWithin(t *testing.T, p *nn.Param, want []float64, tol float64) float64 {
	t.Helper()
	var diff, norm float64
	for i, w := range want {
		d := float64(p.G[i]) - w
		diff, norm = diff+d*d, norm+w*w
	}
	share := math.Sqrt(diff / norm)
	if !(share <= tol) {
		t.Errorf("gradient of %s: differs by %v of its norm, want %v", p.Name, share, tol)
	}
	return share
}

func compile(t *testing.T, g *nn.Graph, terms []nn.Term, outputs ...*nn.Tensor) *nn.Program {
	t.Helper()
	p, err := g.Compile(terms, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, p *nn.Program) {
	t.Helper()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
}

func fill(dst []float32, src []float64) {
	for i, v := range src {
		dst[i] = float32(v)
	}
}
