package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"oncovox/eval/metric"
	"oncovox/internal/jsonl"
	"oncovox/internal/rng"
	"oncovox/internal/stage"
)

// plantedPatients is how many patients a planted study has, with two lesions each.
const plantedPatients = 30

// plant writes the evaluation of an arm that finds each lesion with its chance,
// which differs from patient to patient and from seed to seed, and marks false
// places below all that it finds, so that its CPM is the share that it finds. The
// truth of a CPM is the chance. All arms of a study meet the same patients and seeds.
func plant(t testing.TB, dir string, study int64, arm string, seed int64, chance float64) string {
	t.Helper()
	o := outcomes{Hit: "planted", IDs: "planted"}
	luck := 0.1 * (rng.At(study, "seed "+arm, int(seed)).Float64() - 0.5)
	r := rng.At(study, "finds "+arm, int(seed))
	for k := range plantedPatients {
		p := chance + luck + 0.3*(rng.At(study, "patient", k).Float64()-0.5)
		s := outcome{Patient: k, False: []float64{0.2, 0.1}, Lesions: []*float64{nil, nil}, Score: number(0.9)}
		for i := range s.Lesions {
			if r.Float64() < p {
				s.Lesions[i] = number(0.5 + 0.4*r.Float64())
			}
		}
		o.Scans = append(o.Scans, s)
	}
	out := filepath.Join(dir, fmt.Sprintf("%s-%v-%d", arm, chance, seed))
	must(t, os.MkdirAll(out, 0o755))
	must(t, jsonl.WriteValue(filepath.Join(out, OutcomesFile), o, 0o644))
	return out
}

// plantStudy makes a study whose arms find lesions with the given chances, by arm
// and share of the labels.
func plantStudy(t testing.TB, study int64, seeds int, chances map[string][]float64) StudyConfig {
	t.Helper()
	dir := t.TempDir()
	cfg := StudyConfig{Name: "planted", Arm: "mae", Against: []string{"scratch"}, Bootstrap: 400}
	for k := range seeds {
		cfg.Seeds = append(cfg.Seeds, int64(k+1))
	}
	for k := range chances["mae"] {
		cfg.Labels = append(cfg.Labels, []float64{0.1, 0.25, 1}[k])
	}
	test := StudyTest{Name: "report", Folders: map[StudyCell]string{}}
	for _, arm := range []string{"scratch", "mae", "other"} {
		if chances[arm] == nil {
			continue
		}
		cfg.Arms = append(cfg.Arms, StudyArm{Name: arm, What: "planted", LearningRate: 0.002,
			Rates: []RateTried{{0.001, 0.5}, {0.002, 0.6}}, Spent: []Spent{{Stage: "detector", Kind: "finetune", Steps: 600, Times: 4, Seconds: 75}}})
		for k, chance := range chances[arm] {
			for _, seed := range cfg.Seeds {
				test.Folders[StudyCell{arm, cfg.Labels[k], seed}] = plant(t, dir, study, fmt.Sprint(arm, k), seed, chance)
			}
		}
	}
	cfg.Tests = []StudyTest{test}
	return cfg
}

func reportStudy(t testing.TB, cfg StudyConfig, out string) *StudyReport {
	t.Helper()
	must(t, os.MkdirAll(out, 0o755))
	s, err := ReportStudy(context.Background(), cfg, stage.Env{Seed: 1, Out: out, Version: "test"})
	must(t, err)
	return s
}

// The verdict says what was planted, both ways, and says so where nothing was.
func TestStudyVerdict(t *testing.T) {
	for _, tt := range []struct {
		name          string
		scratch, mae  []float64
		verdict, says string
	}{
		{"better with few labels", []float64{0.3, 0.7}, []float64{0.75, 0.7}, studyBenefit, "Evidence of benefit: mae is better than scratch with 10\u00a0% (CPM +0."},
		{"as good", []float64{0.5, 0.7}, []float64{0.5, 0.7}, studyNone, "No evidence of benefit: mae cannot be told from scratch with 10\u00a0% (CPM "},
		{"worse", []float64{0.75, 0.8}, []float64{0.3, 0.35}, studyHarm, "Evidence of harm: mae is worse than scratch with 10\u00a0% (CPM \u22120."},
		{"both", []float64{0.3, 0.8}, []float64{0.75, 0.35}, studyMixed, "and worse with 25\u00a0% (CPM \u22120."},
	} {
		s := reportStudy(t, plantStudy(t, 1, 3, map[string][]float64{"scratch": tt.scratch, "mae": tt.mae}), t.TempDir())
		if s.Verdict != tt.verdict || !strings.Contains(s.Words, tt.says) {
			t.Errorf("%s: %s: %s", tt.name, s.Verdict, s.Words)
		}
	}
}

func TestReportStudy(t *testing.T) {
	cfg := plantStudy(t, 2, 3, map[string][]float64{"scratch": {0.3, 0.5, 0.7}, "mae": {0.6, 0.6, 0.7}, "other": {0.4, 0.5, 0.6}})
	cfg.Made, cfg.Against = true, []string{"scratch", "other"}
	outer := cfg.Tests[0]
	outer.Name = "external"
	cfg.Tests = append(cfg.Tests, outer)
	dir := filepath.Join(t.TempDir(), "study")
	s := reportStudy(t, cfg, dir)
	checkReport(t, dir)
	test := s.Tests[0]
	if test.Patients != plantedPatients || test.Lesions != 2*plantedPatients || len(test.Figures) != 9 || len(test.Differences) != 12 || len(s.Outside) != 1 {
		t.Fatalf("%d patients, %d lesions, %d figures, %d differences, %d other tests", test.Patients, test.Lesions, len(test.Figures), len(test.Differences), len(s.Outside))
	}
	// A figure is the mean of its seeds, a difference that of the figures, and each
	// table of differences has its p values adjusted by itself.
	of := map[string]float64{}
	for _, f := range test.Figures {
		of[fmt.Sprint(f.Arm, f.Labels)] = *f.CPM
		if !(math.Abs(mean(f.Seeds)-*f.CPM) < 1e-12) || !(*f.Low <= *f.CPM && *f.CPM <= *f.High) {
			t.Errorf("%+v: want the mean of its seeds, within its interval", f)
		}
	}
	for table := range slices.Chunk(test.Differences, 6) {
		var p []float64
		for _, d := range table {
			p = append(p, *d.P)
			if want := of[fmt.Sprint(d.Arm, d.Labels)] - of[fmt.Sprint(d.Against, d.Labels)]; !(math.Abs(*d.Difference-want) < 1e-12) || d.Against != table[0].Against {
				t.Errorf("difference %+v, want %v", d, want)
			}
		}
		for i, v := range metric.Holm(p) {
			if *table[i].PHolm != math.Min(v, 1) {
				t.Errorf("p %v adjusted to %v, want %v", p, *table[i].PHolm, v)
			}
		}
	}
	procs := runtime.GOMAXPROCS(1)
	again := filepath.Join(t.TempDir(), "again")
	reportStudy(t, cfg, again)
	runtime.GOMAXPROCS(procs)
	sameFiles(t, dir, again)
}

// Where two arms are alike, or differ by what was planted, the intervals hold the
// truth in 95 of 100 studies, and hardly ever is one called better that is not. Of
// 100 studies the standard error is 2.2 %; the bounds leave three of them.
func TestStudyCovers(t *testing.T) {
	if testing.Short() {
		t.Skip("planted studies are not repeated with -short")
	}
	const studies = 100
	for _, gain := range []float64{0, 0.25} {
		held, called := 0, 0
		for k := range studies {
			cfg := plantStudy(t, int64(k), 3, map[string][]float64{"scratch": {0.5}, "mae": {0.5 + gain}})
			cfg.Bootstrap = 120
			m, err := cfg.measure(cfg.Tests[0], 1)
			must(t, err)
			if d := m.Differences[0]; *d.Low <= gain && gain <= *d.High {
				held++
			}
			if slices.ContainsFunc(m.Differences, func(d ArmDifference) bool { return d.Verdict != verdictNone }) {
				called++
			}
		}
		if share := float64(held) / studies; !(share >= 0.885) {
			t.Errorf("gain %v: %.3f of the intervals hold it, want at least 0.885", gain, share)
		}
		if share := float64(called) / studies; gain == 0 && !(share <= 0.115) || gain > 0 && !(share >= 0.7) {
			t.Errorf("gain %v: a difference is called in %.3f of the studies", gain, share)
		}
	}
}

func TestStudyRefuses(t *testing.T) {
	good := plantStudy(t, 1, 2, map[string][]float64{"scratch": {0.5}, "mae": {0.5}})
	for _, tt := range []struct {
		name, says string
		change     func(c *StudyConfig)
	}{
		{"no such arm", `arm "mea": no arm has this name`, func(c *StudyConfig) { c.Arm = "mea" }},
		{"with itself", `against "mae": is the arm that is compared`, func(c *StudyConfig) { c.Against = []string{"mae"} }},
		{"falling shares", "labels [1 0.1]: want rising shares", func(c *StudyConfig) { c.Labels = []float64{1, 0.1} }},
		{"too few resamples", "bootstrap 30: want 41 to 1000000, so that one of 1 comparisons can be significant", func(c *StudyConfig) { c.Bootstrap = 30 }},
		{"a cell that was not done", "arm scratch has no evaluation with a share of 0.1 of the labels and seed 9", func(c *StudyConfig) { c.Seeds = []int64{1, 9} }},
	} {
		cfg := good
		tt.change(&cfg)
		if _, err := ReportStudy(context.Background(), cfg, stage.Env{Seed: 1, Out: t.TempDir()}); !errors.Is(err, stage.ErrConfig) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.says)
		}
	}
}
