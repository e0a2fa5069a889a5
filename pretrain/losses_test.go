package pretrain

import (
	"math"
	"testing"

	"oncovox/internal/nn"
	"oncovox/internal/optim"
)

// The first ten losses of a training on the batch, mask and first weights of
// testdata/parity.npz, with AdamW at a rate of 0.002 and decay 0.05, from
// PyTorch 2.15 in float64 on the CPU. Float32 there differs from them by up to
// 1e-7; a relative 2e-5 holds on every kernel path, whose sums differ in
// their order.
var tenLosses = [10]float64{
	1.4979560, 1.3294358, 1.2535781, 1.1977661, 1.1514165,
	1.1139380, 1.0852760, 1.0645150, 1.0495655, 1.0380561,
}

func TestFirstTenLosses(t *testing.T) {
	dump := readNPZ(t, "testdata/parity.npz")
	cfg, err := nn.LookupPreset("parity")
	if err != nil {
		t.Fatal(err)
	}
	ps := nn.NewParams(0)
	mae := nn.NewMAE(cfg, ps)
	loadDump(t, dump, ps)
	g := nn.NewGraph(true)
	crop := g.GridInput("crop", 2, cfg.Crop, 1)
	mask := dumpMask(dump, 2, cfg.Tokens(), 16)
	prog := compile(t, g, []nn.Term{{Loss: mae.Loss(g, crop, mask, true), Weight: 1}})
	fill(crop.Data(), dump["input"].data)
	opt := optim.NewAdamW(ps, optim.Default())
	for step, want := range tenLosses {
		run(t, prog)
		if diff := math.Abs(prog.Loss()-want) / want; !(diff <= 2e-5) {
			t.Errorf("step %d: loss %.7f, want %.7f", step+1, prog.Loss(), want)
		}
		if _, err := opt.Step(2e-3, 0); err != nil {
			t.Fatal(err)
		}
	}
}
