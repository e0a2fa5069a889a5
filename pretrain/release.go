package pretrain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"oncovox/internal/checkpoint"
	"oncovox/internal/jsonl"
	"oncovox/internal/nn"
	"oncovox/internal/stage"
)

// ReleaseVersion is raised when equal inputs would give another release.
const ReleaseVersion = 1

// ReleaseConfig is the release section of a pipeline file.
type ReleaseConfig struct {
	Title string `mapstructure:"title"` // of the model card, such as "CT chest, made scans"
	Data  string `mapstructure:"data"`  // in a sentence, what the scans were that it learned from, for the model card
	Terms string `mapstructure:"terms"` // in a sentence, the licence and the limits of its use, for the model card
}

// DefaultRelease returns the settings that a pipeline file starts from.
func DefaultRelease() ReleaseConfig {
	return ReleaseConfig{Title: "A pretrained backbone", Data: "Not described."}
}

// Validate returns an error where the card would not say what the weights are.
func (c ReleaseConfig) Validate() error {
	if c.Title == "" || c.Data == "" {
		return fmt.Errorf("title %q and data %q: say on the model card what the weights are, and what they learned from", c.Title, c.Data)
	}
	return nil
}

// Release is the stage that makes weights to hand on of the backbone in the role
// "backbone": the encoder alone, in float16, with a model card and a digest. Its
// folder fills the role "backbone" as well.
func Release(_ context.Context, cfg ReleaseConfig, env stage.Env) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	dir, err := env.Input("backbone")
	if err != nil {
		return err
	}
	f, err := checkpoint.Read(filepath.Join(dir, "backbone.safetensors"))
	if err != nil {
		return err
	}
	encoder := checkpoint.File{Half: true, Meta: f.Meta}
	weights := 0
	for _, t := range f.Tensors {
		if !nn.LeftBehind(t.Name) {
			encoder.Tensors = append(encoder.Tensors, t)
			weights += len(t.Data)
		}
	}
	path := filepath.Join(env.Out, "backbone.safetensors")
	if err := checkpoint.Write(path, encoder); err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(b)
	var s map[string]any
	text, err := os.ReadFile(filepath.Join(dir, "pretrain.json"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("pretrain.json: %w", err)
	}
	card := cfg.card(s, weights, len(b), hex.EncodeToString(sum[:]), env.Version)
	if err := os.WriteFile(filepath.Join(env.Out, "model_card.md"), []byte(card), 0o644); err != nil {
		return err
	}
	return jsonl.WriteValue(filepath.Join(env.Out, "release.json"), map[string]any{
		"title": cfg.Title, "file": "backbone.safetensors", "bytes": len(b), "parameters": weights, "sha256": hex.EncodeToString(sum[:])}, 0o644)
}

// card returns the model card, from what pretrain.json says.
func (c ReleaseConfig) card(s map[string]any, weights, bytes int, digest, version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nThe encoder `%v` of Oncovox %s, pretrained by `%v` for %v steps (%v crops), to start a detector from.\n\n", c.Title, s["preset"], version, s["method"], s["steps"], s["crops"])
	fmt.Fprintf(&b, "| | |\n|---|---|\n| file | `backbone.safetensors`, float16, %d weights, %d bytes |\n| SHA-256 | `%s` |\n", weights, bytes, digest)
	fmt.Fprintf(&b, "| validation loss | %v |\n", s["val_loss"])
	if refs, ok := s["references"].([]any); ok {
		for _, r := range refs {
			if m, ok := r.(map[string]any); ok {
				fmt.Fprintf(&b, "| of the %v, for comparison | %v |\n", m["title"], m["loss"])
			}
		}
	}
	fmt.Fprintf(&b, "\n**Learned from.** %s\n", c.Data)
	if c.Terms != "" {
		fmt.Fprintf(&b, "\n**Terms.** %s\n", c.Terms)
	}
	b.WriteString("\n**Use.** Prepare scans of the same modality with the same spacing and window, put this folder into `weights` of finetune, " +
		"or give it to `--backbone`. It detects nothing by itself, and is no medical device.\n")
	return b.String()
}
