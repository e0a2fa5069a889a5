package pipelines

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/stage"
)

func TestReproduce(t *testing.T) {
	root := t.TempDir()
	run, again := filepath.Join(root, "run"), filepath.Join(root, "again")
	th := &theatre{}
	p, err := parse(th.kinds(), "p.yaml", []byte(two), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context(), run, testOptions()); err != nil {
		t.Fatal(err)
	}
	// Interrupted half-way, it goes on.
	th.fail = map[string]error{"c": context.Canceled}
	if same, err := p.reproduce(t.Context(), run, again, testOptions()); !errors.Is(err, context.Canceled) || len(same) != 2 {
		t.Fatalf("%v, error %v", same, err)
	}
	th.fail = nil
	same, err := p.reproduce(t.Context(), run, again, testOptions())
	if err != nil || len(same) != 3 || same[1].Stage != "b" {
		t.Fatalf("%v, error %v", same, err)
	}
	if d := cmp.Diff([]string{"a", "b", "c", "a", "b", "c", "c resumed"}, th.ran); d != "" {
		t.Error(d)
	}
	if _, err := p.reproduce(t.Context(), run, run, testOptions()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("in its own folder: error %v", err)
	}

	// The first stage that comes out differently is named, and is the last that runs.
	other := &theatre{}
	kinds := other.kinds()
	learn := kinds[1].Run
	kinds[1].Run = func(ctx context.Context, cfg Config, env stage.Env) error {
		return errors.Join(learn(ctx, cfg, env), os.WriteFile(filepath.Join(env.Out, "weights"), []byte("other"), 0o644))
	}
	q, err := parse(kinds, "p.yaml", []byte(two), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.Program = "v2"
	same, err = q.reproduce(t.Context(), run, filepath.Join(root, "other"), o)
	if want := "stage b was not reproduced: weights differs (program test → v2)"; !errors.Is(err, stage.ErrGate) || !strings.Contains(err.Error(), want) || len(same) != 1 {
		t.Errorf("%v, error %v, want %s", same, err, want)
	}
	if d := cmp.Diff([]string{"a", "b"}, other.ran); d != "" {
		t.Error(d)
	}
	kinds[0].Version = 2
	if q, err = parse(kinds, "p.yaml", []byte(two), nil, noEnv); err != nil {
		t.Fatal(err)
	}
	_, err = q.reproduce(t.Context(), run, filepath.Join(root, "later"), o)
	if want := "stage a was not reproduced: its work is not the same: version of make 1 → 2"; !errors.Is(err, stage.ErrGate) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := os.RemoveAll(filepath.Join(run, "b")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.reproduce(t.Context(), run, filepath.Join(root, "more"), o); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("a run that is not whole: error %v", err)
	}
	if _, err := Reproduce(t.Context(), root, filepath.Join(root, "more"), o); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("not a run: error %v", err)
	}
}

func TestRuns(t *testing.T) {
	root := t.TempDir()
	th := &theatre{}
	for dir, args := range map[string][]string{"x": nil, "deep/y": {"stages.b.with.steps=11", "stages.c.with.split.train=0.5"}} {
		if _, err := th.actions(t, filepath.Join(root, dir), two, args...); err != nil {
			t.Fatal(err)
		}
	}
	half := filepath.Join(root, "z")
	th.fail = map[string]error{"b": errors.New("disk full")}
	if _, err := th.actions(t, half, two); err == nil {
		t.Fatal("no error")
	}
	all, err := FindRuns(root)
	if err != nil || len(all) != 3 || all[0].Dir != filepath.Join(root, "deep/y") || all[2].Name != "p" {
		t.Fatalf("%+v, error %v", all, err)
	}
	var states []string
	for _, s := range all[2].Stages {
		states = append(states, s.Stage+" "+s.State)
	}
	if d := cmp.Diff([]string{"a done", "b interrupted", "c not run"}, states); d != "" {
		t.Error(d)
	}
	if all[2].Done() != 1 || all[2].End().IsZero() || all[2].Headline() != nil {
		t.Errorf("%+v", all[2])
	}
	work, results := CompareRuns(all[1], all[0])
	if d := cmp.Diff([]Difference{{"b", "with.steps", "10", "11"}, {"c", "with.split.train", "0.6", "0.5"}}, work); d != "" {
		t.Error(d)
	}
	// The stage c leaves the same for either split.
	if len(results) != 1 || results[0].Stage != "b" || results[0].What != "digest" {
		t.Errorf("%+v", results)
	}
	if work, results := CompareRuns(all[1], all[1]); work != nil || results != nil {
		t.Errorf("a run and itself: %v, %v", work, results)
	}
	if _, err := FindRuns(filepath.Join(root, "no")); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("no folder: error %v", err)
	}
	if _, err := ReadRun(root); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("not a run: error %v", err)
	}
}

func TestCompareResults(t *testing.T) {
	low, high := 0.25, 0.75
	a := RunInfo{Stages: []StageInfo{{Stage: "report", Kind: "evaluate"}}, Results: []Result{{Stage: "report", Name: "CPM", Value: 0.5, Low: &low, High: &high}}}
	b := RunInfo{Stages: []StageInfo{{Stage: "more", Kind: "evaluate"}, {Stage: "report", Kind: "evaluate"}}, Results: []Result{{Stage: "report", Name: "CPM", Value: 0.625}}}
	work, results := CompareRuns(a, b)
	if d := cmp.Diff([]Difference{{"more", "run", "", "evaluate"}}, work); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Difference{{"report", "CPM", "0.500 (0.250 to 0.750)", "0.625"}}, results); d != "" {
		t.Error(d)
	}
	if h := a.Headline(); len(h) != 1 || h[0].Name != "CPM" {
		t.Errorf("headline %+v", h)
	}
}
