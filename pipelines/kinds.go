package pipelines

import (
	"context"
	"reflect"

	"oncovox/internal/stage"
)

// Kinds returns the kinds of stage, in the order in which data meets them.
func Kinds() []Kind {
	return []Kind{}
}

// act lets a stage's Run take its config as the runner holds it.
func act[C Config](run func(context.Context, C, stage.Env) error) func(context.Context, Config, stage.Env) error {
	return func(ctx context.Context, cfg Config, env stage.Env) error { return run(ctx, cfg.(C), env) }
}

// configKeys returns the dotted keys that a stage's config has.
func configKeys(c Config) []string { return leafKeys(reflect.TypeOf(c)) }
