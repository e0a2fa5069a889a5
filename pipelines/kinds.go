package pipelines

import (
	"context"
	"reflect"
	"slices"

	"oncovox/dataset"
	"oncovox/dicomio"
	"oncovox/eval"
	"oncovox/finetune"
	"oncovox/internal/phantom"
	"oncovox/internal/stage"
	"oncovox/pretrain"
)

// Kinds returns the kinds of stage, in the order in which data meets them.
func Kinds() []Kind {
	return []Kind{
		{Name: "phantom", Fills: "archives",
			Version: phantom.Version, Default: phantom.Default(), Run: act(phantom.Run)},
		{Name: "ingest", Fills: "volumes", Takes: []string{"archives"}, Resumes: true, Sources: ingestSources, Free: []string{"workers"}, Private: []string{"crosswalk.jsonl", "key"},
			Version: dicomio.Version, Default: dicomio.Default(), Run: act(dicomio.Run),
			Summary: "ingest.json", Shows: []Shown{{"volumes", "volumes"}, {"series refused", "series.refused"}, {"lesions", "lesions"}}},
		{Name: "prepare", Fills: "data", Needs: []string{"volumes"}, Takes: []string{"data"},
			Version: dataset.Version, Default: dataset.Default(), Run: act(dataset.Run),
			Summary: "leakage.json", Shows: []Shown{{"pairs of volumes compared", "pairs"}, {"leaks found", "found"}}},
		{Name: "pretrain", Fills: "backbone", Needs: []string{"data"}, Resumes: true, Free: []string{"save_every", "save_minutes", "keep_states"},
			Version: pretrain.Version, Default: pretrain.Default(), Run: act(pretrain.Run), Memory: memoryOf,
			Summary: "pretrain.json", Shows: []Shown{{"loss", "val_loss"}, {"loss of the mean", "references.mean_predictor.loss"}, {"loss of the nearest patch", "references.nearest_patch.loss"}, {"loss of chance", "references.chance.loss"}}},
		{Name: "release", Fills: "backbone", Needs: []string{"backbone"},
			Version: pretrain.ReleaseVersion, Default: pretrain.DefaultRelease(), Run: act(pretrain.Release),
			Summary: "release.json", Shows: []Shown{{"bytes", "bytes"}, {"SHA-256", "sha256"}}},
		{Name: "finetune", Fills: "detector", Needs: []string{"data"}, Takes: []string{"backbone"}, Resumes: true, Sources: finetuneSources, Free: []string{"save_every", "save_minutes", "keep_states"},
			Version: finetune.Version, Default: finetune.Default(), Run: act(finetune.Run), Memory: memoryOf},
		{Name: "predict", Fills: "detections", Needs: []string{"data", "detector"},
			Version: finetune.PredictVersion, Default: finetune.DefaultPredict(), Run: act(finetune.Predict),
			Summary: "predict.json", Shows: []Shown{{"scans", "scans"}, {"scans that failed", "failed"}, {"detections", "detections"}}},
		{Name: "evaluate", Needs: []string{"data", "detections"}, Takes: []string{"volumes", "backbone", "detector"},
			Version: eval.Version, Default: eval.Default(), Run: act(eval.Run), Summary: "metrics.json",
			Shows: []Shown{{"CPM", "methods.0.figures.cpm"}, {"AP", "methods.0.figures.ap"}, {"AUC", "methods.0.figures.auc"}, {"sensitivity at 1 FP/scan", "methods.0.figures.sensitivity_1fp"}}},
	}
}

// ingestSources returns the files outside the run that ingest reads.
func ingestSources(c Config) []string {
	cfg := c.(dicomio.Config)
	all := slices.Concat(cfg.Sources, cfg.Labels)
	if cfg.KeyFile != "" {
		all = append(all, cfg.KeyFile)
	}
	return all
}

// finetuneSources returns what finetune reads outside the run: weights.
func finetuneSources(c Config) []string {
	if weights := c.(finetune.Config).Weights; weights != "" {
		return []string{weights}
	}
	return nil
}

// memoryOf returns how many bytes a training holds.
func memoryOf(c Config) (int64, error) { return c.(interface{ Memory() (int64, error) }).Memory() }

// act lets a stage's Run take its config as the runner holds it.
func act[C Config](run func(context.Context, C, stage.Env) error) func(context.Context, Config, stage.Env) error {
	return func(ctx context.Context, cfg Config, env stage.Env) error { return run(ctx, cfg.(C), env) }
}

// configKeys returns the dotted keys that a stage's config has.
func configKeys(c Config) []string { return leafKeys(reflect.TypeOf(c)) }
