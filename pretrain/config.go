package pretrain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"oncovox/internal/checkpoint"
	"oncovox/internal/nn"
	"oncovox/internal/optim"
)

// Version is raised when equal inputs would give another backbone.
const Version = 3

// Methods of pretraining.
const (
	methodMAE    = "mae"
	methodSimCLR = "simclr"
)

// Config is the pretrain section of a pipeline file.
type Config struct {
	Preset           string  `mapstructure:"preset"`            // the backbone; `oncovox pretrain --help` lists them
	Crop             [3]int  `mapstructure:"crop"`              // D, H, W of a crop, in voxels, whole patches up to 1024; 0, 0, 0 for the preset's
	Method           string  `mapstructure:"method"`            // "mae", fill in hidden patches; "simclr", tell two views of a place from those of others, where batch counts the views
	Temperature      float64 `mapstructure:"temperature"`       // of simclr: by what cosines are divided, above 0
	MaskRatio        float64 `mapstructure:"mask_ratio"`        // share of the patches that are hidden, in (0, 1)
	Mask             string  `mapstructure:"mask"`              // which patches: "uniform", each at random; "block", boxes of neighbours; "slices", layers across z; "next", all after the first layers, so that the next slices are predicted from those before
	NormaliseTargets bool    `mapstructure:"normalise_targets"` // predict patches of mean 0 and variance 1
	Steps            int     `mapstructure:"steps"`             // optimiser steps; at least 1
	Batch            int     `mapstructure:"batch"`             // crops a step, 1 to 1024
	MicroBatch       int     `mapstructure:"micro_batch"`       // crops in memory at once, whose gradients are added up to those of the batch; it divides batch; 0 for all
	Recompute        bool    `mapstructure:"recompute"`         // keep less of the forward pass in memory and compute it anew: for large crops; a third slower
	LearningRate     float64 `mapstructure:"learning_rate"`     // peak, after the warm-up; above 0
	Warmup           float64 `mapstructure:"warmup"`            // share of the steps that warm up, in [0, 1)
	WeightDecay      float64 `mapstructure:"weight_decay"`      // of matrices; at least 0
	Clip             float64 `mapstructure:"clip"`              // greatest norm of the gradient; 0 for none
	Augment          bool    `mapstructure:"augment"`           // flips and quarter turns
	BF16             bool    `mapstructure:"bf16"`              // round the operands of matrix products to bfloat16
	Transductive     bool    `mapstructure:"transductive"`      // also learn from the volumes of test patients; reports say so
	HoldBack         float64 `mapstructure:"hold_back"`         // share of the training patients kept for the validation loss where the split has no validation part, in (0, 0.5]
	ValCrops         int     `mapstructure:"val_crops"`         // crops of the validation loss, 1 to 65536; rounded up to whole batches
	ValEvery         int     `mapstructure:"val_every"`         // steps between validation losses; at least 1
	SaveEvery        int     `mapstructure:"save_every"`        // steps between training states; at least 1
	SaveMinutes      float64 `mapstructure:"save_minutes"`      // most minutes between training states, whatever the steps; 0 for any
	KeepStates       int     `mapstructure:"keep_states"`       // newest training states that are kept until the end, 1 to 100; the one before steps in for one that is damaged
	Panels           int     `mapstructure:"panels"`            // pictures of reconstructions, 0 to 100
}

// Default returns the settings that a pipeline file starts from.
func Default() Config {
	return Config{
		Preset: "micro-conv", Method: methodMAE, Temperature: 0.2, MaskRatio: 0.65, Mask: maskUniform, Steps: 600, Batch: 4,
		LearningRate: 2e-3, Warmup: 0.05, WeightDecay: 0.05, Clip: 1, Augment: true,
		HoldBack: 0.1, ValCrops: 32, ValEvery: 100, SaveEvery: 500, SaveMinutes: 10, KeepStates: 2, Panels: 4,
	}
}

// Validate returns every setting that cannot be trained with, or nil.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	b, err := c.backbone()
	if err != nil {
		errs = append(errs, err)
	} else if k := visible(b.Tokens(), c.MaskRatio); k < 1 || k >= b.Tokens() {
		check(false, "mask_ratio %v: want more than 0 and less than 1, with at least one of %d patches hidden and one not", c.MaskRatio, b.Tokens())
	}
	check(slices.Contains(maskShapes(), c.Mask), "mask %q: want one of %s", c.Mask, strings.Join(maskShapes(), ", "))
	check(c.Method == methodMAE || c.Method == methodSimCLR, "method %q: want %s or %s", c.Method, methodMAE, methodSimCLR)
	if c.Method == methodSimCLR {
		check(c.Batch >= 4 && c.Batch%2 == 0, "batch %d: simclr wants an even number of at least 4 views", c.Batch)
		check(c.MicroBatch == 0, "micro_batch %d: want 0 with simclr, which compares a whole batch", c.MicroBatch)
		check(c.Temperature > 0, "temperature %v: want more than 0", c.Temperature)
	}
	check(c.Steps >= 1, "steps %d: want at least 1", c.Steps)
	errs = append(errs, optim.CheckBatch(c.Batch, c.MicroBatch)...)
	check(c.LearningRate > 0, "learning_rate %v: want more than 0", c.LearningRate)
	check(c.Warmup >= 0 && c.Warmup < 1, "warmup %v: want at least 0 and less than 1", c.Warmup)
	check(c.WeightDecay >= 0, "weight_decay %v: want at least 0", c.WeightDecay)
	check(c.Clip >= 0, "clip %v: want at least 0", c.Clip)
	check(c.HoldBack > 0 && c.HoldBack <= 0.5, "hold_back %v: want more than 0 and at most 0.5", c.HoldBack)
	check(c.ValCrops >= 1 && c.ValCrops <= 1<<16, "val_crops %d: want 1 to 65536", c.ValCrops)
	check(c.ValEvery >= 1, "val_every %d: want at least 1", c.ValEvery)
	errs = append(errs, c.saving().Check()...)
	check(c.Panels >= 0 && c.Panels <= 100, "panels %d: want 0 to 100", c.Panels)
	return errors.Join(errs...)
}

// parts returns in how many parts a batch is computed.
func (c Config) parts() int { return optim.Parts(c.Batch, c.MicroBatch) }

// saving returns when training states are saved.
func (c Config) saving() checkpoint.Saving {
	return checkpoint.Saving{Steps: c.SaveEvery, Minutes: c.SaveMinutes, Keep: c.KeepStates}
}

// backbone returns the preset with the crop of c.
func (c Config) backbone() (nn.BackboneConfig, error) {
	b, err := nn.LookupPreset(c.Preset)
	if err != nil {
		return b, fmt.Errorf("preset: %w", err)
	}
	if c.Crop != [3]int{} {
		b.Crop = c.Crop
	}
	return b, b.Validate()
}

// visible returns how many of n patches are seen.
func visible(n int, maskRatio float64) int { return int(float64(n) * (1 - maskRatio)) }
