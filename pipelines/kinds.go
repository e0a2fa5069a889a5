package pipelines

import (
	"context"
	"reflect"

	"oncovox/dicomio"
	"oncovox/finetune"
	"oncovox/internal/stage"
)

// Kinds returns the kinds of stage, in the order in which data meets them.
func Kinds() []Kind {
	return []Kind{
		{Name: "ingest", Fills: "volumes", Takes: []string{"archives"}, Sources: ingestSources, Free: []string{"workers"},
			Version: dicomio.Version, Default: dicomio.Default(), Run: act(dicomio.Run)},
		{Name: "finetune", Fills: "detector", Needs: []string{"data"}, Takes: []string{"backbone"}, Resumes: true,
			Version: finetune.Version, Default: finetune.Default(), Run: act(finetune.Run)},
		{Name: "predict", Fills: "detections", Needs: []string{"data", "detector"},
			Version: finetune.PredictVersion, Default: finetune.DefaultPredict(), Run: act(finetune.Predict)},
	}
}

// ingestSources returns the files outside the run that ingest reads.
func ingestSources(c Config) []string {
	cfg := c.(dicomio.Config)
	if cfg.KeyFile != "" {
		return append(cfg.Sources[:len(cfg.Sources):len(cfg.Sources)], cfg.KeyFile)
	}
	return cfg.Sources
}

// act lets a stage's Run take its config as the runner holds it.
func act[C Config](run func(context.Context, C, stage.Env) error) func(context.Context, Config, stage.Env) error {
	return func(ctx context.Context, cfg Config, env stage.Env) error { return run(ctx, cfg.(C), env) }
}

// configKeys returns the dotted keys that a stage's config has.
func configKeys(c Config) []string { return leafKeys(reflect.TypeOf(c)) }
