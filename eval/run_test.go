package eval

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

func small() Config {
	c := Default()
	c.Bootstrap, c.Gallery = 200, 3
	return c
}

func TestRun(t *testing.T) {
	f := newFixture(t, 24, "HU")
	f.train(t)
	env := f.env(t, "report")
	if dir := os.Getenv("ONCOVOX_REPORT"); dir != "" { // to look at
		must(t, os.MkdirAll(dir, 0o755))
		env.Out = dir
	}
	must(t, Run(context.Background(), small(), env))
	for _, name := range []string{"metrics.json", "metrics.csv", "report.html", "model_card.md", "curves/detector-froc.csv",
		"plots/froc.svg", "plots/froc.png", "plots/roc.svg", "plots/pr.svg", "plots/pretraining.svg"} {
		if info, err := os.Stat(filepath.Join(env.Out, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
