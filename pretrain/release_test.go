package pretrain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/internal/checkpoint"
	"oncovox/internal/stage"
)

// A release has the encoder alone, in float16, and says its own digest.
func TestRelease(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	tensors := []checkpoint.Tensor{
		{Name: "dec_norm.g", Shape: []int{1}, Data: []float32{3}},
		{Name: "mask_token", Shape: []int{1}, Data: []float32{4}},
		{Name: "norm.g", Shape: []int{2}, Data: []float32{1, 0.1}},
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(checkpoint.Write(filepath.Join(in, "backbone.safetensors"), checkpoint.File{Tensors: tensors, Meta: map[string]string{"backbone": "{}"}}))
	must(os.WriteFile(filepath.Join(in, "pretrain.json"), []byte(`{"method":"mae","preset":"nano-conv","steps":5,"crops":20,"val_loss":0.25,"references":[{"title":"mean","loss":0.8}]}`), 0o644))
	cfg := ReleaseConfig{Title: "Made scans", Data: "Scans made by a program.", Terms: "Any use."}
	must(Release(context.Background(), cfg, stage.Env{In: map[string]string{"backbone": in}, Out: out, Version: "test"}))
	f, err := checkpoint.Read(filepath.Join(out, "backbone.safetensors"))
	must(err)
	if len(f.Tensors) != 1 || f.Tensors[0].Name != "norm.g" || !f.Half || f.Meta["backbone"] != "{}" {
		t.Errorf("released %+v", f)
	}
	// 0.1 to three digits: float16 has 11 significant bits.
	if d := f.Tensors[0].Data[1] - 0.1; !(d*d <= 2.5e-9) || f.Tensors[0].Data[0] != 1 {
		t.Errorf("values %v, want 1 and nearly 0.1", f.Tensors[0].Data)
	}
	b, err := os.ReadFile(filepath.Join(out, "backbone.safetensors"))
	must(err)
	sum := sha256.Sum256(b)
	card, err := os.ReadFile(filepath.Join(out, "model_card.md"))
	must(err)
	for _, want := range []string{hex.EncodeToString(sum[:]), "# Made scans", "2 weights", "Scans made by a program.", "| of the mean, for comparison | 0.8 |"} {
		if !strings.Contains(string(card), want) {
			t.Errorf("the card lacks %q:\n%s", want, card)
		}
	}
}
