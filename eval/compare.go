package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"oncovox/eval/metric"
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
	A          *float64 `json:"a"` // what it counts for A: pairs that favour it, or the mean
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
	c.Lesions, c.Patients = p.Counts().Lesions, slices.Max(p.Patients())+1
	env.Progress.Report(0, 3, "lesions")
	c.compareLesions(p, q)
	if err := ctx.Err(); err != nil {
		return err
	}
	env.Progress.Report(1, 3, "scans")
	c.compareScans(p, q)
	env.Progress.Report(2, 3, "operating points")
	c.compareCalls(p, q, a.Threshold, b.Threshold)
	c.judge()
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

// lesionStatistic is what is compared of lesions.
func lesionStatistic(p *metric.Pool) metric.Statistic {
	froc := p.FROCStatistic(metric.CPMRates[:])()
	at := make([]float64, len(metric.CPMRates))
	return func(w []int, out []float64) {
		froc(w, at)
		out[0], out[1], out[2] = mean(at), p.AP(w), at[3]
	}
}

// compareLesions adds the figures of lesions.
func (c *Comparison) compareLesions(a, b *metric.Pool) {
	figures := []ComparedFigure{
		{Key: "cpm", Title: "CPM", Definition: "Mean sensitivity at 1/8 to 8 false positives per scan."},
		{Key: "ap", Title: "Average precision", Definition: "Mean over the recalls 0, 0.01 to 1 of the best precision at that recall or beyond."},
		{Key: "sensitivity_1fp", Title: "Sensitivity at 1 FP/scan", Definition: "Share of the lesions found where the FROC curve crosses one false positive per scan."},
	}
	n := len(figures)
	joint := metric.NewJoint(a, b)
	c.pairs(figures, a.Patients(), pairOf(n, func() metric.Statistic { return lesionStatistic(a) }, func() metric.Statistic { return lesionStatistic(b) }),
		joint.Statistic(n, lesionStatistic), "there is no lesion in these scans")
	c.Figures = append(c.Figures, figures...)
}

// pairOf makes statistics of the difference, then both figures.
func pairOf(n int, a, b func() metric.Statistic) func() metric.Statistic {
	return func() metric.Statistic {
		fa, fb := a(), b()
		return func(w []int, out []float64) {
			fa(w, out[n:2*n])
			fb(w, out[2*n:])
			for i := range n {
				out[i] = out[n+i] - out[2*n+i]
			}
		}
	}
}

// pairs fills in figures from paired resamples and permutations of the units.
func (c *Comparison) pairs(figures []ComparedFigure, units []int, paired func() metric.Statistic, swapped func() metric.PairStatistic, undefined string) {
	n := len(figures)
	v := newVector()
	v.block(3 * n)
	v.run(units, c.Bootstrap, c.Seed, paired)
	c.Redraws += v.boot.Redraws
	p := metric.Permute(units, c.Permutations, c.Seed, n, swapped)
	for i := range figures {
		f := &figures[i]
		f.A, f.B = number(v.value[n+i]), number(v.value[2*n+i])
		var d Figure
		v.put(&d, i, undefined)
		f.Difference, f.Low, f.High, f.BCaLow, f.BCaHigh, f.Interval, f.Undefined = d.Value, d.Low, d.High, d.BCaLow, d.BCaHigh, d.Interval, d.Undefined
		f.P = number(p[i])
		if f.Low != nil {
			f.PBootstrap = number(v.boot.PFromZero(i))
		}
	}
}

// compareScans adds the figure of whole scans.
func (c *Comparison) compareScans(a, b *metric.Pool) {
	positive, sa, kept := a.Cases()
	_, sb, _ := b.Cases()
	f := []ComparedFigure{{Key: "auc", Title: "ROC AUC per scan", Definition: "Area under the ROC curve of scans with a lesion against scans without, each scan scored by its highest detection."}}
	if why := oneClass(positive); why != "" {
		f[0].Undefined = why
	} else {
		c.pairs(f, scanUnits(a, kept), pairOf(1, metric.AUCStatistic(positive, sa, nil), metric.AUCStatistic(positive, sb, nil)),
			metric.AUCPair(positive, sa, sb), "")
		_, p := metric.DeLongTest(positive, sa, sb)
		f[0].PDeLong = number(p)
	}
	c.Figures = append(c.Figures, f...)
}

// judge adjusts the p values, and says what they and the intervals mean.
func (c *Comparison) judge() {
	figures, tests := adjusted(len(c.Figures), func(i int) *float64 { return c.Figures[i].P }), adjusted(len(c.Tests), func(i int) *float64 { return c.Tests[i].P })
	for i := range c.Figures {
		f := &c.Figures[i]
		f.PHolm, f.Verdict = figures[i], verdictNone
		switch {
		case f.Difference == nil:
			f.Verdict = "not defined"
		case f.PHolm == nil || !(*f.PHolm < significance) || f.Low == nil:
		case *f.Low > 0:
			f.Verdict = verdictA
		case *f.High < 0:
			f.Verdict = verdictB
		}
	}
	for i := range c.Tests {
		t := &c.Tests[i]
		t.PHolm, t.Verdict = tests[i], verdictNone
		switch {
		case t.P == nil:
			t.Verdict = "not defined"
		case !(*t.PHolm < significance) || *t.A == *t.B:
		case (*t.A > *t.B) == (t.Key != "false_positives"): // fewer of these are better
			t.Verdict = verdictA
		default:
			t.Verdict = verdictB
		}
	}
	c.Verdict = c.Figures[0].Verdict
	c.Words = c.sentence()
}

// adjusted returns p values by Holm, nil where there is none.
func adjusted(n int, p func(i int) *float64) []*float64 {
	var values []float64
	var at []int
	for i := range n {
		if v := p(i); v != nil {
			values, at = append(values, *v), append(at, i)
		}
	}
	out := make([]*float64, n)
	for k, v := range metric.Holm(values) {
		out[at[k]] = number(math.Min(v, 1))
	}
	return out
}
