package pipelines

import (
	"context"
	"fmt"

	"oncovox/eval"
	"oncovox/internal/stage"
)

// LUNA16Config names the files of an evaluation by the rules of the LUNA16
// challenge.
type LUNA16Config struct {
	Annotations string `mapstructure:"annotations"` // CSV of the nodules: seriesuid, coordX, coordY, coordZ, diameter_mm
	Excluded    string `mapstructure:"excluded"`    // CSV of the findings that are not judged; "" for none
	Series      string `mapstructure:"series"`      // the series that count, one a line
	Submission  string `mapstructure:"submission"`  // CSV of the marks: seriesuid, coordX, coordY, coordZ, probability
	Bootstrap   int    `mapstructure:"bootstrap"`   // resamples of the series behind each interval
}

// Validate returns the first file that is not named, or nil.
func (c LUNA16Config) Validate() error {
	for _, f := range []struct{ key, path string }{{"annotations", c.Annotations}, {"series", c.Series}, {"submission", c.Submission}} {
		if f.path == "" {
			return fmt.Errorf("%s: is missing: name a CSV file", f.key)
		}
	}
	if c.Bootstrap < 0 {
		return fmt.Errorf("bootstrap %d: want 0 or more", c.Bootstrap)
	}
	return nil
}

// LUNA16 returns the kind of stage that evaluates by the rules of LUNA16. It
// reads no other stage, and pipeline files do not have it.
func LUNA16() Kind {
	return Kind{
		Name: "luna16", Version: eval.Version, Default: LUNA16Config{Bootstrap: 1000},
		Run: act(func(ctx context.Context, c LUNA16Config, env stage.Env) error {
			return eval.RunLUNA16(ctx, eval.LUNA16Config(c), env)
		}),
		Sources: func(cfg Config) []string {
			c := cfg.(LUNA16Config)
			paths := []string{c.Annotations, c.Series, c.Submission}
			if c.Excluded != "" {
				paths = append(paths, c.Excluded)
			}
			return paths
		},
		Summary: "metrics.json",
		Shows:   []Shown{{"CPM", "figures.cpm"}},
	}
}
