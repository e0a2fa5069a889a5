package pipelines

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"oncovox/eval"
	"oncovox/internal/stage"
)

// FilesConfig names the files of an evaluation of detections by any program.
type FilesConfig struct {
	Truth          string  `mapstructure:"truth"`           // lesions: CSV or JSON lines
	Detections     string  `mapstructure:"detections"`      // detections: CSV or JSON lines
	Scans          string  `mapstructure:"scans"`           // CSV of the scans that count; "" takes those with a lesion
	Points         string  `mapstructure:"points"`          // JSON of operating points; "" for none
	LesionMasks    string  `mapstructure:"lesion_masks"`    // folder with the masks of the lesions; "" for none
	DetectionMasks string  `mapstructure:"detection_masks"` // folder with those of the detector; "" for none
	Match          string  `mapstructure:"match"`           // what a hit is: "sphere", "iou", "distance" or "mask"
	IoU            float64 `mapstructure:"iou"`             // least overlap of a hit where match is iou or mask
	DistanceMM     float64 `mapstructure:"distance_mm"`     // largest distance of a hit where match is distance
	Bootstrap      int     `mapstructure:"bootstrap"`       // resamples of the patients behind each interval
	Prevalence     float64 `mapstructure:"prevalence"`      // at which predictive values are stated; 0 takes that of the scans
}

// Validate returns what is missing or cannot be judged with, or nil.
func (c FilesConfig) Validate() error {
	var errs []error
	for _, f := range []struct{ key, path string }{{"truth", c.Truth}, {"detections", c.Detections}} {
		if f.path == "" {
			errs = append(errs, fmt.Errorf("%s: is missing: name a CSV file, or one of JSON lines", f.key))
		}
	}
	return errors.Join(append(errs, eval.FilesConfig(c).Validate())...)
}

// Files returns the kind of stage that judges detections of any program. It
// reads no other stage, and pipeline files do not have it.
func Files() Kind {
	d := eval.Default()
	return Kind{
		Name: "files", Version: eval.Version,
		Default: FilesConfig{Match: d.Match, IoU: d.IoU, DistanceMM: d.DistanceMM, Bootstrap: d.Bootstrap, Prevalence: d.Prevalence},
		Run: act(func(ctx context.Context, c FilesConfig, env stage.Env) error {
			return eval.RunFiles(ctx, eval.FilesConfig(c), env)
		}),
		Sources: func(cfg Config) []string {
			c := cfg.(FilesConfig)
			paths := []string{c.Truth, c.Detections}
			for _, path := range []string{c.Scans, c.Points, c.LesionMasks, c.DetectionMasks} {
				if path != "" {
					paths = append(paths, path)
				}
			}
			return paths
		},
		Summary: "metrics.json",
		Shows:   []Shown{{"CPM", "methods.0.figures.cpm"}, {"sensitivity at 1 FP/scan", "methods.0.figures.sensitivity_1fp"}},
	}
}

// CompareConfig names two evaluations of the same scans.
type CompareConfig struct {
	A            string `mapstructure:"a"`            // folder left by evaluate
	B            string `mapstructure:"b"`            // folder left by evaluate
	Bootstrap    int    `mapstructure:"bootstrap"`    // resamples of the patients behind each interval
	Permutations int    `mapstructure:"permutations"` // ways to swap the detectors behind each p value
}

// Validate returns what nothing can be compared with, or nil.
func (c CompareConfig) Validate() error { return eval.CompareConfig(c).Validate() }

// Compare returns the kind of stage that compares two evaluations. It reads no
// other stage, and pipeline files do not have it.
func Compare() Kind {
	return Kind{
		Name: "compare", Version: eval.Version, Default: CompareConfig{Bootstrap: 1000, Permutations: 1000},
		Run: act(func(ctx context.Context, c CompareConfig, env stage.Env) error {
			return eval.Compare(ctx, eval.CompareConfig(c), env)
		}),
		Sources: func(cfg Config) []string {
			c := cfg.(CompareConfig)
			return []string{filepath.Join(c.A, eval.OutcomesFile), filepath.Join(c.B, eval.OutcomesFile)}
		},
		Summary: "compare.json",
		Shows:   []Shown{{"verdict", "verdict"}, {"CPM, A less B", "figures.cpm"}},
	}
}
