package eval

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// CompareConfig names two evaluations of the same scans.
type CompareConfig struct {
	A, B         string // folders left by evaluate
	Bootstrap    int    // resamples of the patients behind each interval, 40 to 1000000
	Permutations int    // ways to swap the detectors behind each p value, 40 to 1000000
}

// The verdicts of a comparison.
const (
	verdictA    = "A better"
	verdictB    = "B better"
	verdictNone = "no evidence of a difference"
)

// significance is the level that adjusted p values stay below where one of two
// detectors is called better.
const significance = 0.05

// A Comparison is compare.json: two detectors on the same scans.
type Comparison struct {
	A            string           `json:"a"` // name of the folder
	B            string           `json:"b"`
	Verdict      string           `json:"verdict"` // by the CPM
	Words        string           `json:"words"`   // the same in a sentence, with the difference and its interval
	Hit          string           `json:"hit"`     // what a hit is
	Scans        int              `json:"scans"`
	Patients     int              `json:"patients"`
	Lesions      int              `json:"lesions"`
	Level        float64          `json:"interval_level"`
	Significance float64          `json:"significance"`
	Bootstrap    int              `json:"bootstrap"`
	Permutations int              `json:"permutations"`
	Seed         int64            `json:"seed"`
	Redraws      int              `json:"redraws"` // resamples drawn again since a figure had no value
	Figures      []ComparedFigure `json:"figures"`
	Tests        []ComparedTest   `json:"tests"` // at the operating points
}

// A ComparedFigure is one figure of both, and their difference, A less B.
type ComparedFigure struct {
	Key        string   `json:"key"`
	Title      string   `json:"title"`
	Definition string   `json:"definition"`
	A          *float64 `json:"a"` // null where not defined
	B          *float64 `json:"b"`
	Difference *float64 `json:"difference"`
	Low        *float64 `json:"low"` // of the difference, percentiles of the paired resamples
	High       *float64 `json:"high"`
	BCaLow     *float64 `json:"bca_low"` // corrected for bias and skew
	BCaHigh    *float64 `json:"bca_high"`
	Interval   string   `json:"interval,omitempty"` // how the intervals were made, or why there are none
	P          *float64 `json:"p"`                  // two-sided, of the paired permutation test
	PHolm      *float64 `json:"p_holm"`             // adjusted for the number of figures
	PBootstrap *float64 `json:"p_bootstrap"`        // from the paired resamples
	PDeLong    *float64 `json:"p_delong"`           // of the AUC, scans taken as independent
	Verdict    string   `json:"verdict"`
	Undefined  string   `json:"not_defined,omitempty"` // why there is no difference
}

// A ComparedTest is a test of the answers at the operating points.
type ComparedTest struct {
	Key        string   `json:"key"`
	Title      string   `json:"title"`
	Definition string   `json:"definition"`
	Counts     string   `json:"counts"` // what a and b are
	A          *float64 `json:"a"`
	B          *float64 `json:"b"`
	Pairs      int      `json:"pairs"` // lesions, scans or patients
	P          *float64 `json:"p"`     // two-sided
	PChi2      *float64 `json:"p_chi2,omitempty"`
	PHolm      *float64 `json:"p_holm"` // adjusted for the number of tests
	Verdict    string   `json:"verdict"`
	Undefined  string   `json:"not_defined,omitempty"`
}

// Validate returns every setting that nothing can be compared with, or nil.
func (c CompareConfig) Validate() error {
	var errs []error
	if c.A == "" || c.B == "" {
		errs = append(errs, errors.New("want two folders left by evaluate"))
	}
	if c.Bootstrap < 40 || c.Bootstrap > 1e6 {
		errs = append(errs, fmt.Errorf("bootstrap %d: want 40 to 1000000", c.Bootstrap))
	}
	if c.Permutations < 40 || c.Permutations > 1e6 {
		errs = append(errs, fmt.Errorf("permutations %d: want 40 to 1000000", c.Permutations))
	}
	return errors.Join(errs...)
}

// Compare compares two evaluations of the same scans by the same rule, patient
// by patient, and writes compare.json, compare.md and report.html into env.Out. Of
// env it uses Seed, Out, Version and Progress.
func Compare(ctx context.Context, cfg CompareConfig, env stage.Env) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	a, err := readOutcomes(cfg.A)
	if err != nil {
		return err
	}
	b, err := readOutcomes(cfg.B)
	if err != nil {
		return err
	}
	if err := samePairs(a, b); err != nil {
		return err
	}
	c := &Comparison{A: filepath.Base(cfg.A), B: filepath.Base(cfg.B), Hit: a.Hit, Level: level, Significance: significance,
		Bootstrap: cfg.Bootstrap, Permutations: cfg.Permutations, Seed: env.Seed, Scans: len(a.Scans)}
	if c.A == c.B {
		c.A, c.B = "A", "B"
	}
	p, q := a.pool(), b.pool()
	pair := &comparer{a: p, b: q, bootstrap: cfg.Bootstrap, permutations: cfg.Permutations, seed: env.Seed}
	c.Lesions, c.Patients = p.Counts().Lesions, slices.Max(p.Patients())+1
	env.Progress.Report(0, 3, "lesions")
	c.Figures = pair.lesions()
	if err := ctx.Err(); err != nil {
		return err
	}
	env.Progress.Report(1, 3, "scans")
	c.Figures = append(c.Figures, pair.scans()...)
	c.Redraws = pair.redraws
	env.Progress.Report(2, 3, "operating points")
	c.Tests = pair.calls(a.Threshold, b.Threshold)
	judge(c.Figures, c.Tests)
	c.Verdict = c.Figures[0].Verdict
	c.Words = c.sentence()
	if err := jsonl.WriteValue(filepath.Join(env.Out, "compare.json"), c, 0o644); err != nil {
		return err
	}
	if err := writeFile(env.Out, "compare.md", c.markdown()); err != nil {
		return err
	}
	html, err := render("compare.html", c.page(env.Version, p, q))
	if err != nil {
		return err
	}
	env.Progress.Report(3, 3, "")
	return writeFile(env.Out, "report.html", html)
}

// samePairs returns why two evaluations are not of the same scans by the same
// rule, or nil.
func samePairs(a, b outcomes) error {
	if a.Hit != b.Hit {
		return fmt.Errorf("%w: the evaluations have different rules of what a hit is: evaluate both by one", stage.ErrConfig)
	}
	if len(a.Scans) != len(b.Scans) || a.IDs != b.IDs {
		return fmt.Errorf("%w: the evaluations, of %d and %d scans, are not of the same scans: evaluate both on the same", stage.ErrConfig, len(a.Scans), len(b.Scans))
	}
	for i, s := range a.Scans {
		t := b.Scans[i]
		if s.Patient != t.Patient || len(s.Lesions) != len(t.Lesions) || s.Ignored != t.Ignored {
			return fmt.Errorf("%w: the evaluations differ in scan %d, its patient or its lesions: evaluate both on the same data", stage.ErrConfig, i+1)
		}
	}
	return nil
}
