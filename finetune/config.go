package finetune

import (
	"errors"
	"fmt"

	"oncovox/eval/metric"
	"oncovox/internal/checkpoint"
	"oncovox/internal/nn"
	"oncovox/internal/optim"
)

// Version is raised when equal inputs would give another detector.
const Version = 4

// Config is the finetune section of a pipeline file.
type Config struct {
	Preset       string     `mapstructure:"preset"`        // the backbone to build where no pretrained one is given
	Weights      string     `mapstructure:"weights"`       // a backbone.safetensors, or a folder with one such as another run's, to start from where no stage fills the role "backbone"
	Head         HeadConfig `mapstructure:"head"`          // the head's size
	Labels       float64    `mapstructure:"labels"`        // share of the labelled training patients to learn from, in (0, 1]; a smaller share's patients are among a larger one's
	Freeze       bool       `mapstructure:"freeze"`        // train the head alone
	Steps        int        `mapstructure:"steps"`         // optimiser steps; at least 1
	Batch        int        `mapstructure:"batch"`         // crops a step, 1 to 1024
	MicroBatch   int        `mapstructure:"micro_batch"`   // crops in memory at once, whose gradients are added up to those of the batch; it divides batch; 0 for all
	Recompute    bool       `mapstructure:"recompute"`     // keep less of the backbone's forward pass in memory and compute it anew: for large crops; slower
	LearningRate float64    `mapstructure:"learning_rate"` // peak, after the warm-up; above 0
	Warmup       float64    `mapstructure:"warmup"`        // share of the steps that warm up, in [0, 1)
	LayerDecay   float64    `mapstructure:"layer_decay"`   // learning rate of a backbone's block over that of the next, in (0, 1]
	WeightDecay  float64    `mapstructure:"weight_decay"`  // of matrices; at least 0
	Clip         float64    `mapstructure:"clip"`          // greatest norm of the gradient; 0 for none
	LesionShare  float64    `mapstructure:"lesion_share"`  // share of the crops that hold a lesion, in (0, 1]
	Augment      bool       `mapstructure:"augment"`       // flips and quarter turns
	ValEvery     int        `mapstructure:"val_every"`     // steps between detections on the validation scans; at least 1
	SaveEvery    int        `mapstructure:"save_every"`    // steps between training states; at least 1
	SaveMinutes  float64    `mapstructure:"save_minutes"`  // most minutes between training states, whatever the steps; 0 for any
	KeepStates   int        `mapstructure:"keep_states"`   // newest training states that are kept until the end, 1 to 100; the one before steps in for one that is damaged
	Overlap      float64    `mapstructure:"overlap"`       // share of a window's side that neighbours share on validation scans, in [0, 0.75]
	Flips        int        `mapstructure:"flips"`         // mirror images of each window whose maps are averaged on validation scans: 1 (the window alone), 4 (y and x) or 8 (z too); as in predict
	Match        string     `mapstructure:"match"`         // what a hit is on validation: "sphere" (centre in the lesion's ball) or "iou"
	IoU          float64    `mapstructure:"iou"`           // least overlap of a hit's box where match is iou, in (0, 1)
	EMA          float64    `mapstructure:"ema"`           // decay of the running average of the weights, which is validated and kept in their place, in [0, 1); 0 for none
	Calibrate    bool       `mapstructure:"calibrate"`     // make scores probabilities that a detection is a lesion, by a line through their logits that is fitted on validation scans

	HardNegatives HardNegatives `mapstructure:"hard_negatives"` // crops around what was wrongly found
	SelfTraining  SelfTraining  `mapstructure:"self_training"`  // crops of scans without labels
}

// HardNegatives says how crops are drawn around false detections on the labelled
// training scans.
type HardNegatives struct {
	Share float64 `mapstructure:"share"` // of the crops without a chosen lesion that have a false detection in them, in [0, 1]; 0 for none
	Every int     `mapstructure:"every"` // steps between searches for false detections; at least 1
	Scans int     `mapstructure:"scans"` // scans that a search goes through, in turn; at least 1
}

// SelfTraining says how scans of the training part that have no labels, or whose
// labels are left out by labels, are learned from: by what the detector itself finds
// on them with its averaged weights (Tarvainen and Valpola 2017; Xie et al. 2020).
type SelfTraining struct {
	Share      float64 `mapstructure:"share"`      // of the crops of a batch that come from such scans, in [0, 1); 0 for none
	Weight     float64 `mapstructure:"weight"`     // of such a crop in the loss, after the ramp-up; above 0
	RampUp     float64 `mapstructure:"ramp_up"`    // share of the steps over which the weight rises from 0, from the first search on, in [0, 1)
	Confidence float64 `mapstructure:"confidence"` // heat from which a detection counts as a lesion, in (0, 1); where it is less, down to a third, nothing is asked
	Every      int     `mapstructure:"every"`      // steps between searches; at least 1
	Scans      int     `mapstructure:"scans"`      // scans that a search goes through, in turn; at least 1
}

// Default returns the settings that a pipeline file starts from.
func Default() Config {
	return Config{
		Preset: "micro-conv", Head: HeadConfig{Dim: 32, Detail: 16}, Labels: 1,
		Steps: 600, Batch: 8, LearningRate: 1e-3, Warmup: 0.1, LayerDecay: 0.75, WeightDecay: 0.05, Clip: 1,
		LesionShare: 0.5, Augment: true, ValEvery: 100, SaveEvery: 200, SaveMinutes: 10, KeepStates: 2, Overlap: 0.25, Flips: 1, Match: "sphere", IoU: 0.1,
		EMA: 0.9, Calibrate: true,
		HardNegatives: HardNegatives{Every: 100, Scans: 8},
		SelfTraining:  SelfTraining{Weight: 0.5, RampUp: 0.2, Confidence: 0.5, Every: 100, Scans: 8},
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
	b, err := nn.LookupPreset(c.Preset)
	if err == nil {
		err = headFits(b)
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("preset: %w", err))
	}
	if err := c.Head.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("head: %w", err))
	}
	check(c.Labels > 0 && c.Labels <= 1, "labels %v: want more than 0 and at most 1", c.Labels)
	check(c.Steps >= 1, "steps %d: want at least 1", c.Steps)
	errs = append(errs, optim.CheckBatch(c.Batch, c.MicroBatch)...)
	check(c.LearningRate > 0, "learning_rate %v: want more than 0", c.LearningRate)
	check(c.Warmup >= 0 && c.Warmup < 1, "warmup %v: want at least 0 and less than 1", c.Warmup)
	check(c.LayerDecay > 0 && c.LayerDecay <= 1, "layer_decay %v: want more than 0 and at most 1", c.LayerDecay)
	check(c.WeightDecay >= 0, "weight_decay %v: want at least 0", c.WeightDecay)
	check(c.Clip >= 0, "clip %v: want at least 0", c.Clip)
	check(c.LesionShare > 0 && c.LesionShare <= 1, "lesion_share %v: want more than 0 and at most 1", c.LesionShare)
	check(c.ValEvery >= 1, "val_every %d: want at least 1", c.ValEvery)
	errs = append(errs, c.saving().Check()...)
	check(c.Overlap >= 0 && c.Overlap <= 0.75, "overlap %v: want 0 to 0.75", c.Overlap)
	check(validFlips(c.Flips), "flips %d: want 1, 4 or 8", c.Flips)
	check(c.EMA >= 0 && c.EMA < 1, "ema %v: want at least 0 and less than 1", c.EMA)
	h, u := c.HardNegatives, c.SelfTraining
	check(h.Share >= 0 && h.Share <= 1, "hard_negatives.share %v: want 0 to 1", h.Share)
	check(h.Every >= 1, "hard_negatives.every %d: want at least 1", h.Every)
	check(h.Scans >= 1, "hard_negatives.scans %d: want at least 1", h.Scans)
	check(u.Share >= 0 && u.Share < 1, "self_training.share %v: want at least 0 and less than 1", u.Share)
	check(u.Share == 0 || c.EMA > 0, "self_training.share %v: wants ema above 0, whose weights find what is learned from", u.Share)
	check(u.Weight > 0, "self_training.weight %v: want more than 0", u.Weight)
	check(u.RampUp >= 0 && u.RampUp < 1, "self_training.ramp_up %v: want at least 0 and less than 1", u.RampUp)
	check(u.Confidence > 0 && u.Confidence < 1, "self_training.confidence %v: want more than 0 and less than 1", u.Confidence)
	check(u.Every >= 1, "self_training.every %d: want at least 1", u.Every)
	check(u.Scans >= 1, "self_training.scans %d: want at least 1", u.Scans)
	check(c.Match == "sphere" || c.Match == "iou", "match %q: want sphere or iou", c.Match)
	check(c.IoU > 0 && c.IoU < 1, "iou %v: want more than 0 and less than 1", c.IoU)
	return errors.Join(errs...)
}

// validFlips reports whether a scanner can average over n mirror images.
func validFlips(n int) bool { return n == 1 || n == 4 || n == 8 }

// parts returns in how many parts a batch is computed.
func (c Config) parts() int { return optim.Parts(c.Batch, c.MicroBatch) }

// saving returns when training states are saved.
func (c Config) saving() checkpoint.Saving {
	return checkpoint.Saving{Steps: c.SaveEvery, Minutes: c.SaveMinutes, Keep: c.KeepStates}
}

// rule returns how validation matches detections with lesions.
func (c Config) rule() func(metric.Scan) metric.Match {
	if c.Match == "iou" {
		return metric.ByIoU(c.IoU)
	}
	return metric.InSphere
}
