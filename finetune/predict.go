package finetune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
)

// PredictVersion is raised when equal inputs would give other detections.
const PredictVersion = 3

// PredictConfig is the predict section of a pipeline file.
type PredictConfig struct {
	Part          string  `mapstructure:"part"`           // "train", "val", "test" or "" for all scans
	Batch         int     `mapstructure:"batch"`          // windows at once, 1 to 1024
	Overlap       float64 `mapstructure:"overlap"`        // share of a window's side that neighbours share, in [0, 0.75]
	Flips         int     `mapstructure:"flips"`          // mirror images of each window whose maps are averaged: 1 (the window alone), 4 (y and x) or 8 (z too), at so many times the work; as in finetune, whose thresholds hold for it
	MinScore      float64 `mapstructure:"min_score"`      // detections below are dropped, in [0, 1): the heat of the map, before it is calibrated
	MaxDetections int     `mapstructure:"max_detections"` // the surest of a scan that are kept; at least 1
	MaxFailed     float64 `mapstructure:"max_failed"`     // share of the scans that may fail to be read before the stage fails, after it has tried all, 0 to 1; failed.jsonl lists them
}

// DefaultPredict returns the settings that a pipeline file starts from.
func DefaultPredict() PredictConfig {
	return PredictConfig{Part: dataset.Test, Batch: 8, Overlap: 0.25, Flips: 1, MinScore: 0.01, MaxDetections: 100}
}

// Validate returns every setting that nothing can be detected with, or nil.
func (c PredictConfig) Validate() error {
	var errs []error
	switch c.Part {
	case "", dataset.Train, dataset.Val, dataset.Test:
	default:
		errs = append(errs, fmt.Errorf("part %q: want train, val, test or nothing for all", c.Part))
	}
	if c.Batch < 1 || c.Batch > 1024 {
		errs = append(errs, fmt.Errorf("batch %d: want 1 to 1024", c.Batch))
	}
	if !(c.Overlap >= 0 && c.Overlap <= 0.75) {
		errs = append(errs, fmt.Errorf("overlap %v: want 0 to 0.75", c.Overlap))
	}
	if !validFlips(c.Flips) {
		errs = append(errs, fmt.Errorf("flips %d: want 1, 4 or 8", c.Flips))
	}
	if !(c.MinScore >= 0 && c.MinScore < 1) {
		errs = append(errs, fmt.Errorf("min_score %v: want at least 0 and less than 1", c.MinScore))
	}
	if c.MaxDetections < 1 {
		errs = append(errs, fmt.Errorf("max_detections %d: want at least 1", c.MaxDetections))
	}
	if !(c.MaxFailed >= 0 && c.MaxFailed <= 1) {
		errs = append(errs, fmt.Errorf("max_failed %v: want 0 to 1", c.MaxFailed))
	}
	return errors.Join(errs...)
}

// predictSummary is the file predict.json.
type predictSummary struct {
	Scans      int        `json:"scans"`
	Failed     int        `json:"failed"` // scans without an answer; failed.jsonl lists them
	Detections int        `json:"detections"`
	Part       string     `json:"part"`
	SpacingMM  [3]float64 `json:"spacing_mm"`
	Calibrated bool       `json:"calibrated"` // scores are probabilities
}

// Predict is the stage that runs the detector in role "detector" over the scans
// of the dataset in role "data". It leaves detections.jsonl, predict.json and
// failed.jsonl, a stage.Failed for each scan that could not be read; if they are more
// than cfg.MaxFailed allows, it fails with stage.ErrRefused after it has tried all.
func Predict(ctx context.Context, cfg PredictConfig, env stage.Env) error {
	data, err := env.Input("data")
	if err != nil {
		return err
	}
	dir, err := env.Input("detector")
	if err != nil {
		return err
	}
	set, err := dataset.Open(data)
	if err != nil {
		return err
	}
	defer set.Close()
	d, err := Load(filepath.Join(dir, detectorFile))
	if err != nil {
		return err
	}
	items := set.Items(cfg.Part)
	if err := d.suits(items); err != nil {
		return err
	}
	s, err := NewScanner(d, cfg.Batch, cfg.Overlap, cfg.Flips)
	if err != nil {
		return err
	}
	failed := []stage.Failed{}
	found, err := s.detect(ctx, set, items, cfg.MinScore, cfg.MaxDetections, env.Progress, func(it dataset.Item, err error) {
		f := stage.NewFailed(it.ID, it.Part, data, err)
		env.Logger().Warn("a scan gets no answer", "volume", f.Volume, "reason", f.Reason, "detail", f.Detail)
		failed = append(failed, f)
	})
	if err != nil {
		return err
	}
	d.Calibration.apply(found)
	sum := predictSummary{len(items), len(failed), len(found), cfg.Part, d.SpacingMM, d.Calibration != nil}
	return cmp.Or(
		lesion.WriteDetections(filepath.Join(env.Out, "detections.jsonl"), found),
		jsonl.Write(filepath.Join(env.Out, stage.FailedFile), failed, 0o644),
		jsonl.WriteValue(filepath.Join(env.Out, "predict.json"), sum, 0o644),
		stage.CheckFailed(failed, len(items), cfg.MaxFailed),
	)
}

// detect returns the detections of all items, whose scores are heat. An item that cannot be read is told to
// failed, without which it is an error.
func (s *Scanner) detect(ctx context.Context, set *dataset.Set, items []dataset.Item, minScore float64, limit int,
	progress stage.Progress, failed func(dataset.Item, error)) ([]lesion.Detection, error) {
	var all []lesion.Detection
	for i := range items {
		it := &items[i]
		progress.Report(i, len(items), fmt.Sprintf("%d detections", len(all)))
		v, err := set.Volume(it.ID)
		if err != nil && failed != nil && !stage.EndsBatch(err) {
			failed(*it, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		m, err := s.Map(ctx, v, it.Pad())
		if err != nil {
			return nil, err
		}
		all = append(all, m.peaks(it.ID, v.Geometry, minScore, limit)...)
	}
	progress.Report(len(items), len(items), fmt.Sprintf("%d detections", len(all)))
	return all, nil
}

// suits returns why the detector must not be run over items, or nil.
func (d *Detector) suits(items []dataset.Item) error {
	for _, it := range items {
		if it.Modality != d.Modality {
			return fmt.Errorf("%w: the detector was trained on %s, volume %s is %s", stage.ErrConfig, d.Modality, it.ID, it.Modality)
		}
		for a, s := range it.Geometry.SpacingMM() {
			if !(s > 0.99*d.SpacingMM[a] && s < 1.01*d.SpacingMM[a]) {
				return fmt.Errorf("%w: the detector was trained on a spacing of %v mm, volume %s has %.3g along axis %d: prepare with the same spacing_mm",
					stage.ErrConfig, d.SpacingMM, it.ID, s, a)
			}
		}
	}
	return nil
}
