package pipelines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"

	"oncovox/eval"
	"oncovox/internal/jsonl"
	"oncovox/internal/rng"
	"oncovox/internal/stage"
)

// A tunedConfig is that of a made-up training.
type tunedConfig struct {
	Labels float64 `mapstructure:"labels"`
	Rate   float64 `mapstructure:"learning_rate"`
	Steps  int     `mapstructure:"steps"`
	Gain   float64 `mapstructure:"gain"` // how much better it detects
}

func (c tunedConfig) Validate() error {
	if !(c.Labels > 0 && c.Labels <= 1) {
		return fmt.Errorf("labels %v: want more than 0 and at most 1", c.Labels)
	}
	return nil
}

type judgeConfig struct {
	Baselines []string `mapstructure:"baselines"`
}

func (judgeConfig) Validate() error { return nil }

// A school is a set of made-up stages of a study, that notes what ran.
type school struct {
	mu  sync.Mutex
	ran map[string]int // by kind
}

func (s *school) kinds() []Kind {
	kinds := []Kind{
		{Name: "make", Fills: "data", Version: 1, Default: judgeConfig{}},
		{Name: "pretrain", Fills: "backbone", Needs: []string{"data"}, Version: 1, Default: tunedConfig{Labels: 1}},
		{Name: "train", Fills: "detector", Needs: []string{"data"}, Takes: []string{"backbone"}, Version: 1, Default: tunedConfig{Labels: 1, Steps: 10}},
		{Name: "judge", Needs: []string{"data", "detector"}, Version: 1, Default: judgeConfig{Baselines: []string{"box"}}},
	}
	for i := range kinds {
		name := kinds[i].Name
		kinds[i].Run = func(_ context.Context, cfg Config, env stage.Env) error {
			s.mu.Lock()
			s.ran[name]++
			s.mu.Unlock()
			return teach(name, cfg, env)
		}
	}
	return kinds
}

// teach does the work of a made-up stage: a training that detects the better, the
// nearer its learning rate is to 0.02, and with a backbone, and a judge whose scans
// it detects so well in.
func teach(kind string, cfg Config, env stage.Env) error {
	type skill struct {
		Skill float64 `json:"skill"`
		Of    string  `json:"of"` // so that no two trainings leave the same
	}
	switch c := cfg.(type) {
	case tunedConfig:
		sk := skill{0.5 - 20*max(c.Rate-0.02, 0.02-c.Rate) + c.Gain, fmt.Sprint(c, env.Seed, env.In["backbone"] != "")}
		var base skill
		if dir := env.In["backbone"]; dir != "" {
			if err := jsonl.ReadValue(filepath.Join(dir, "skill.json"), &base); err != nil {
				return err
			}
			sk.Skill += base.Skill
		}
		if kind == "pretrain" {
			sk.Skill = c.Gain
		}
		points := map[string]any{"part": "val", "points": []map[string]float64{{"val_sensitivity": sk.Skill}, {"val_sensitivity": sk.Skill}}}
		if err := jsonl.WriteValue(filepath.Join(env.Out, "operating_points.json"), points, 0o644); err != nil {
			return err
		}
		return jsonl.WriteValue(filepath.Join(env.Out, "skill.json"), sk, 0o644)
	case judgeConfig:
		if kind == "make" {
			return os.WriteFile(filepath.Join(env.Out, "scans"), nil, 0o644)
		}
		var sk skill
		if err := jsonl.ReadValue(filepath.Join(env.In["detector"], "skill.json"), &sk); err != nil {
			return err
		}
		var scans []map[string]any
		for k := range 40 {
			lesions := []any{nil, nil}
			for i := range lesions {
				if rng.At(1, "luck", k, i).Float64() < sk.Skill {
					lesions[i] = 0.9
				}
			}
			scans = append(scans, map[string]any{"patient": k, "lesions": lesions, "false": []float64{0.1}, "ignored": 0, "score": 0.9})
		}
		methods := []map[string]any{{"method": "detector"}}
		for _, b := range c.Baselines {
			methods = append(methods, map[string]any{"method": b, "title": b, "not_applicable": "it is made up"})
		}
		if err := jsonl.WriteValue(filepath.Join(env.Out, "metrics.json"), map[string]any{"part": "test", "methods": methods}, 0o644); err != nil {
			return err
		}
		return jsonl.WriteValue(filepath.Join(env.Out, eval.OutcomesFile), map[string]any{"hit": "made up", "ids": "x", "scans": scans}, 0o644)
	}
	return nil
}

const aStudy = `name: s
stages:
  - {name: data, run: make}
  - {name: detector, run: train, needs: {data: data}}
  - {name: report, run: judge, needs: {data: data, detector: detector}}
study:
  arm: pre
  against: [scratch]
  labels: [0.1, 1]
  seeds: [3, 4]
  learning_rates: [0.01, 0.02]
  bootstrap: 200
  arms:
    - {name: scratch, what: Nothing before.}
    - name: pre
      what: A backbone before.
      stages:
        - {name: base, run: pretrain, needs: {data: data}, with: {gain: 0.4}}
        - {name: detector, needs: {backbone: base}}
`

func TestStudy(t *testing.T) {
	s := &school{ran: map[string]int{}}
	p, err := parse(s.kinds(), "s.yaml", []byte(aStudy), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "s")
	plan, err := p.Study.Plan(t.Context(), dir, testOptions())
	if err != nil || len(plan.Cells) != 12 || plan.Known || plan.Cells[11].Rate != "to be chosen" || len(plan.Cells[0].To) != 3 {
		t.Errorf("plan %+v, error %v", plan, err)
	}
	report, err := p.Study.Run(t.Context(), dir, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	// Eight cells choose the rates, four more have the other seed; the data and the
	// backbone are made once.
	if d := cmp.Diff(map[string]int{"make": 1, "pretrain": 1, "train": 12, "judge": 12}, s.ran); d != "" {
		t.Error(d)
	}
	if report.Verdict != "benefit" || report.Arms[1].LearningRate != 0.02 || len(report.Arms[1].Rates) != 2 {
		t.Errorf("verdict %q, arm %+v", report.Words, report.Arms[1])
	}
	want := []string{"base 1", "detector 6"}
	var got []string
	for _, sp := range report.Arms[1].Spent {
		got = append(got, fmt.Sprint(sp.Stage, " ", sp.Times))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if b := report.Tests[0].Baselines; len(b) != 1 || b[0].Absent != "it is made up" {
		t.Errorf("baselines %+v", b)
	}
	// What all cells have in common lies there once, and nothing is done again.
	if to, err := os.Readlink(filepath.Join(dir, "cells", plan.Cells[0].Cell, "data")); err != nil || !strings.HasSuffix(to, "common/data") {
		t.Errorf("data of a cell: link to %q, error %v", to, err)
	}
	if _, err := p.Study.Run(t.Context(), dir, testOptions()); err != nil || s.ran["train"] != 12 {
		t.Errorf("again: %v, error %v", s.ran, err)
	}
	if _, err := Verify(t.Context(), filepath.Join(dir, "cells", plan.Cells[3].Cell)); err != nil {
		t.Errorf("verify: %v", err)
	}
	again, err := p.Study.Plan(t.Context(), dir, testOptions())
	if err != nil || !again.Known || again.Left != 0 || again.Cells[11].Rate != "chosen" || len(again.Cells[11].To) != 0 {
		t.Errorf("plan of what is done: %+v, error %v", again, err)
	}
	// With one more seed the time of its cells follows from those that are done.
	more, err := parse(s.kinds(), "s.yaml", []byte(strings.Replace(aStudy, "[3, 4]", "[3, 4, 5]", 1)), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	plan, err = more.Study.Plan(t.Context(), dir, testOptions())
	if err != nil || !plan.Known || len(plan.Cells) != 16 || len(plan.Cells[9].To)+len(plan.Cells[8].To) != 2 {
		t.Errorf("plan with one more seed: %+v, error %v", plan, err)
	}
}

func TestStudyRefuses(t *testing.T) {
	for _, tt := range []struct{ name, old, new, want string }{
		{"no such arm", "arm: pre", "arm: per", `s.yaml:7: study.arm: "per": no arm has this name`},
		{"no such stage to lay over", "{name: detector, needs: {backbone: base}}", "{name: detecter, needs: {backbone: base}}", `s.yaml:19: stages.detecter: run is missing: say what kind of stage it is (known: make, pretrain, train, judge)`},
		{"no such setting", "with: {gain: 0.4}", "with: {gian: 0.4}", `s.yaml:18: stages.base.with.gian: unknown key (did you mean "gain"?)`},
		{"no such key", "bootstrap: 200", "bootstraps: 200", `s.yaml:12: study.bootstraps: unknown key (did you mean "bootstrap"?)`},
		{"too few resamples", "bootstrap: 200", "bootstrap: 60", `s.yaml:12: study.bootstrap: 60: want 81 to 1000000, so that one of 2 comparisons can be significant`},
		{"shares that fall", "[0.1, 1]", "[1, 0.1]", `s.yaml:9: study.labels: [1 0.1]: want rising shares above 0 and at most 1`},
		{"two arms of one name", "name: pre\n", "name: scratch\n", `s.yaml:15: study.arms[1].name: an arm before it is named "scratch" too`},
		{"no seed", "[3, 4]", "[]", `s.yaml:10: study.seeds: want at least one seed and one of learning_rates`},
		{"nothing to judge", "  - {name: report, run: judge, needs: {data: data, detector: detector}}\n", "", `s.yaml:12: study.arms: want a stage that trains a detector, and one that judges it, among the stages`},
		{"beside a matrix", "name: s\n", "name: s\nmatrix: [{key: seed, values: [1]}]\n", `s.yaml:7: study: cannot stand beside a matrix: leave out one of the two`},
	} {
		text := strings.Replace(aStudy, tt.old, tt.new, 1)
		if text == aStudy {
			t.Fatalf("%s: nothing replaced", tt.name)
		}
		_, err := parse((&school{ran: map[string]int{}}).kinds(), "s.yaml", []byte(text), nil, noEnv)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
		}
	}
}

// studySchema makes the schema of the study section.
func studySchema(t *testing.T, r *jsonschema.Reflector) *jsonschema.Schema {
	t.Helper()
	if err := r.AddGoComments("oncovox", "./pipelines"); err != nil {
		t.Fatal(err)
	}
	s := r.Reflect(StudyConfig{})
	s.Version, s.Description = "", "ways to train the detector, compared by oncovox study"
	s.Required = []string{"arm", "against", "labels", "seeds", "learning_rates", "arms"}
	arms, _ := s.Properties.Get("arms")
	stages, _ := arms.Items.Properties.Get("stages") // as with extends, but for what the parser checks
	stages.Items = &jsonschema.Schema{Type: "object", Required: []string{"name"}}
	arms.Items.Required = []string{"name", "what"}
	return s
}
