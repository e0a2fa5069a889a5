package finetune

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/internal/checkpoint"
	"oncovox/internal/nn"
)

// backboneIn writes a backbone of random weights as pretraining does, and returns its
// folder.
func backboneIn(t *testing.T) (string, *nn.Params) {
	t.Helper()
	config := mustPreset(t)
	ps := nn.NewParams(99)
	nn.NewMAE(config, ps)
	meta, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f := checkpoint.File{Tensors: checkpoint.Weights(ps), Meta: map[string]string{"backbone": string(meta)}}
	if err := checkpoint.Write(filepath.Join(dir, "backbone.safetensors"), f); err != nil {
		t.Fatal(err)
	}
	return dir, ps
}

// trained returns the weights that a training with cfg from the backbone in dir leaves.
func trained(t *testing.T, cfg Config, data, dir string) *nn.Params {
	t.Helper()
	cfg.Weights = dir
	out := filepath.Join(t.TempDir(), detectorFile)
	if err := os.WriteFile(out, []byte(runOn(t, cfg, data)[detectorFile]), 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := Load(out)
	if err != nil {
		t.Fatal(err)
	}
	return d.ps
}

// A frozen backbone leaves a training bit by bit as it came, whatever the average, and
// the head does not.
func TestFreezeTrainsTheHeadAlone(t *testing.T) {
	data := ballSet(t, 6)
	dir, before := backboneIn(t)
	cfg := small()
	cfg.Steps, cfg.Freeze = 3, true
	first, err := newDetector(spec{Backbone: mustPreset(t), Head: cfg.Head}, 3) // the seed of testEnv
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, p := range trained(t, cfg, data, dir).All() {
		want := first.ps.Get(p.Name)
		head := strings.HasPrefix(p.Name, headPrefix)
		if !head {
			want = before.Get(p.Name)
		}
		for i, w := range p.W {
			if w != want.W[i] && !head {
				t.Fatalf("%s has changed", p.Name)
			} else if w != want.W[i] {
				changed++
				break
			}
		}
	}
	if changed == 0 {
		t.Error("the head has not changed")
	}
}

// By hand: the first step of Adam moves every weight by the learning rate, whatever its
// gradient, as long as that is far above eps; here 1e-3 for the head, half of it for the
// last norm's block, a quarter for the first of two and an eighth for the patches. The
// greatest move of a tensor is that, to the rounding of weights of up to 1 (6e-8).
func TestLayerDecayMovesLessBelow(t *testing.T) {
	data := ballSet(t, 6)
	dir, before := backboneIn(t)
	cfg := small()
	cfg.Steps, cfg.EMA, cfg.Warmup, cfg.WeightDecay, cfg.LearningRate, cfg.LayerDecay = 1, 0, 0, 0, 1e-3, 0.5
	after := trained(t, cfg, data, dir)
	for name, want := range map[string]float64{
		"norm.weight": 1e-3, "blocks.1.fc1.bias": 0.5e-3, "blocks.1.norm1.weight": 0.5e-3,
		"blocks.0.fc1.bias": 0.25e-3, "blocks.0.attn.proj.weight": 0.25e-3, "patch_embed.weight": 0.125e-3,
	} {
		most := 0.0
		for i, w := range after.Get(name).W {
			most = math.Max(most, math.Abs(float64(w)-float64(before.Get(name).W[i])))
		}
		if !(math.Abs(most-want) <= 1e-3*want+6e-8) {
			t.Errorf("%s moved by %v at most, want %v", name, most, want)
		}
	}
}

func mustPreset(t *testing.T) nn.BackboneConfig {
	t.Helper()
	c, err := nn.LookupPreset("parity")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
