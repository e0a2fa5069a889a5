package pretrain

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"

	"oncovox/internal/nn"
)

// TestTorchParity and TestTorchParityBF16 hold on every set of inner loops that the
// machine has. The set is chosen when a process starts, so each has one of its own.
func TestTorchParityOnEveryPath(t *testing.T) {
	if os.Getenv("ONCOVOX_KERNEL") != "" {
		t.Skip("a path is set already")
	}
	for _, path := range []string{"avx512bf16", "avx512", "avx2", "go"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTorchParity(BF16)?$")
		cmd.Env = append(os.Environ(), "ONCOVOX_KERNEL="+path)
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
		case strings.Contains(string(out), "this machine has"):
			t.Logf("%s: not on this machine", path)
		default:
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}

// With operands rounded to bfloat16, 8 bits of them, the loss is PyTorch's in float32
// within 0.2 % and every gradient within 2 % of its norm: an operand is off by up to
// 2^-9 of itself, 0.2 %, and a gradient has passed some ten products. Gradients under
// 1e-5, such as those of the keys' bias, are rounding alone.
func TestTorchParityBF16(t *testing.T) {
	dump := readNPZ(t, "testdata/parity.npz")
	var meta parityMeta
	if err := json.Unmarshal(dump["meta"].text, &meta); err != nil {
		t.Fatal(err)
	}
	cfg, batch := meta.config(), meta.Args.Batch
	ps := nn.NewParams(0)
	mae := nn.NewMAE(cfg, ps)
	loadDump(t, dump, ps)
	g := nn.NewGraph(true)
	g.UseBF16()
	crop := g.GridInput("crop", batch, cfg.Crop, 1)
	mask := dumpMask(dump, batch, cfg.Tokens(), meta.Visible)
	prog := compile(t, g, []nn.Term{{Loss: mae.Loss(g, crop, mask, true), Weight: 1}})
	fill(crop.Data(), dump["input"].data)
	run(t, prog)
	want := dump["loss"].data[0]
	diff := math.Abs(prog.Loss()-want) / want
	if !(diff <= 2e-3) {
		t.Errorf("loss %v, PyTorch %v", prog.Loss(), want)
	}
	worst := 0.0
	for _, p := range ps.All() {
		var d, n float64
		for i, w := range dump["grad/"+p.Name].data {
			d += (float64(p.G[i]) - w) * (float64(p.G[i]) - w)
			n += w * w
		}
		d, n = math.Sqrt(d), math.Sqrt(n)
		if !(d <= 0.02*n+1e-5) {
			t.Errorf("gradient of %s: differs by %v, its norm is %v", p.Name, d, n)
		}
		if n > 1e-3 {
			worst = max(worst, d/n)
		}
	}
	t.Logf("relative difference of the loss %.1e, of the worst gradient %.1e", diff, worst)
}
