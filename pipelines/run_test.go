package pipelines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/stage"
)

// A theatre is a set of made-up stages that note when they run.
type theatre struct {
	ran  []string
	fail map[string]error // by stage; met after the state is written
}

func (th *theatre) kinds() []Kind {
	kinds := testKinds()
	kinds[0].Sources, kinds[2].Sources = nil, func(c Config) []string { return c.(makeConfig).Sources }
	kinds[0].Run = func(ctx context.Context, cfg Config, env stage.Env) error {
		return th.act(env, fmt.Sprint("items ", cfg.(makeConfig).Items/10))
	}
	kinds[1].Run = func(ctx context.Context, cfg Config, env stage.Env) error {
		data, err := os.ReadFile(filepath.Join(env.In["data"], "out", "result"))
		if err != nil {
			return err
		}
		return th.act(env, fmt.Sprintf("%s, steps %d, seed %d", data, cfg.(learnConfig).Steps, env.Seed))
	}
	kinds[2].Run = func(ctx context.Context, cfg Config, env stage.Env) error {
		return th.act(env, strings.Join(cfg.(makeConfig).Sources, ","))
	}
	return kinds
}

func (th *theatre) act(env stage.Env, result string) error {
	name := strings.TrimSuffix(filepath.Base(env.Out), ".part")
	state := filepath.Join(env.Out, "state")
	if _, err := os.Stat(state); err == nil {
		name += " resumed"
	}
	th.ran = append(th.ran, name)
	if err := os.WriteFile(state, nil, 0o644); err != nil {
		return err
	}
	env.Progress.Report(1, 2, "half")
	if err := th.fail[name]; err != nil {
		if strings.HasPrefix(err.Error(), "panic") {
			panic(err)
		}
		return err
	}
	if err := os.MkdirAll(filepath.Join(env.Out, "out"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(env.Out, "out", "result"), []byte(result), 0o644)
}

// actions runs text with settings in dir and returns what was done with each
// stage, and why.
func (th *theatre) actions(t *testing.T, dir, text string, args ...string) ([]string, error) {
	t.Helper()
	var settings []Setting
	for _, a := range args {
		s, err := ParseSetting(a)
		if err != nil {
			t.Fatal(err)
		}
		settings = append(settings, s)
	}
	p, err := parse(th.kinds(), "p.yaml", []byte(text), settings, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	planned, err := p.Plan(t.Context(), dir, testOptions())
	if err != nil {
		return nil, err
	}
	outcomes, err := p.Run(t.Context(), dir, testOptions())
	var out []string
	for i, o := range outcomes {
		reasons := digestChange.ReplaceAllString(strings.Join(o.Reasons, "; "), "was → now")
		out = append(out, fmt.Sprintf("%s %s: %s", o.Action, o.Stage, reasons))
		// A plan may fear too much, since it cannot know what a stage will leave.
		if planned[i].Action != o.Action && planned[i].Action != Run {
			t.Errorf("%s: planned %v, did %v", o.Stage, planned[i], o.Step)
		}
	}
	return out, err
}

var digestChange = regexp.MustCompile(`[0-9a-f]{8} → [0-9a-f]{8}`)

func testOptions() Options {
	return Options{Program: "test", Log: slog.New(slog.DiscardHandler)}
}

const two = `name: p
stages:
  - {name: b, run: learn, needs: {data: a}}
  - {name: a, run: make}
  - {name: c, run: learn, needs: {data: a, model: b}}
`

func TestRunAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "p")
	old := time.Now().Add(-time.Hour)
	steps := []struct {
		name   string
		before func()
		args   []string
		want   []string
	}{
		{"first", nil, nil, []string{"run a: has not run yet", "run b: has not run yet", "run c: has not run yet"}},
		{"again", nil, nil, []string{"reuse a: its work is done", "reuse b: its work is done", "reuse c: its work is done"}},
		{"touched", func() { os.Chtimes(filepath.Join(dir, "a/out/result"), old, old) }, nil,
			[]string{"reuse a: its work is done", "reuse b: its work is done", "reuse c: its work is done"}},
		{"last changed", nil, []string{"stages.c.with.steps=11", "stages.c.with.split.train=0.5"},
			[]string{"reuse a: its work is done", "reuse b: its work is done", "run c: with.split.train 0.6 → 0.5; with.steps 10 → 11"}},
		{"middle changed", nil, []string{"stages.b.with.steps=11", "stages.c.with.steps=11", "stages.c.with.split.train=0.5"},
			[]string{"reuse a: its work is done", "run b: with.steps 10 → 11", "run c: input digest of model was → now"}},
		// The stage a leaves the same for 2 and 3 items, so what follows is left alone.
		{"first changed to the same end", nil, []string{"stages.a.with.items=3", "stages.b.with.steps=11", "stages.c.with.steps=11", "stages.c.with.split.train=0.5"},
			[]string{"run a: with.items 2 → 3", "reuse b: its work is done", "reuse c: its work is done"}},
		{"back, with another seed", nil, []string{"seed=8"},
			[]string{"run a: seed 1 → 8; with.items 3 → 2", "run b: seed 1 → 8; with.steps 11 → 10",
				"run c: seed 1 → 8; with.split.train 0.5 → 0.6; with.steps 11 → 10; input digest of model was → now"}},
		{"an artifact changed", func() { os.WriteFile(filepath.Join(dir, "b/out/result"), []byte("?"), 0o644) }, []string{"seed=8"},
			[]string{"reuse a: its work is done", "run b: out/result was changed", "reuse c: its work is done"}},
		{"an artifact gone", func() { os.Remove(filepath.Join(dir, "b/out/result")) }, []string{"seed=8"},
			[]string{"reuse a: its work is done", "run b: out/result is gone", "reuse c: its work is done"}},
		{"something added", func() { os.WriteFile(filepath.Join(dir, "b/more"), nil, 0o644) }, []string{"seed=8"},
			[]string{"reuse a: its work is done", "run b: more was added", "reuse c: its work is done"}},
		{"a record damaged", func() { os.WriteFile(filepath.Join(dir, "c/stage.json"), []byte("{"), 0o644) }, []string{"seed=8"},
			[]string{"reuse a: its work is done", "reuse b: its work is done", "run c: its stage.json cannot be read"}},
		{"stopped while replacing", func() { os.Rename(filepath.Join(dir, "c"), filepath.Join(dir, "c.old")) }, []string{"seed=8"},
			[]string{"reuse a: its work is done", "reuse b: its work is done", "reuse c: its work is done"}},
	}
	for _, st := range steps {
		if st.before != nil {
			st.before()
		}
		th := &theatre{}
		got, err := th.actions(t, dir, two, st.args...)
		if err != nil {
			t.Fatalf("%s: %v", st.name, err)
		}
		if d := cmp.Diff(st.want, got); d != "" {
			t.Errorf("%s: %s", st.name, d)
		}
		if runs := len(slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, Reuse) })); runs != len(th.ran) {
			t.Errorf("%s: ran %v", st.name, th.ran)
		}
	}
	if _, err := Verify(t.Context(), dir); err != nil {
		t.Error(err)
	}
}

func TestFailureAndResume(t *testing.T) {
	full := errors.New("disk full")
	dir := t.TempDir()
	th := &theatre{fail: map[string]error{"b": full}}
	if _, err := th.actions(t, dir, two); !errors.Is(err, full) || !strings.Contains(err.Error(), "stage b: disk full (what it left is in "+filepath.Join(dir, "b.part")+"); the same command goes on") {
		t.Fatalf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "b")); err == nil {
		t.Error("a stage that failed has left its folder")
	}
	th.fail = map[string]error{"b resumed": context.Canceled}
	if _, err := th.actions(t, dir, two); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	th.fail = nil
	got, err := th.actions(t, dir, two)
	if d := cmp.Diff([]string{"reuse a: its work is done", "resume b: was interrupted", "run c: has not run yet"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if d := cmp.Diff([]string{"a", "b", "b resumed", "b resumed", "c"}, th.ran); d != "" {
		t.Error(d)
	}
	// Other work does not go on from what was left.
	th = &theatre{fail: map[string]error{"b": full}}
	th.actions(t, dir, two, "stages.b.with.steps=3")
	th.fail = nil
	if _, err := th.actions(t, dir, two, "stages.b.with.steps=4"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"b", "b", "c"}, th.ran); d != "" {
		t.Error(d)
	}
}

func TestStageThatCannotResumeStartsAnew(t *testing.T) {
	dir := t.TempDir()
	th := &theatre{fail: map[string]error{"a": errors.New("panic, as a bug would")}}
	if _, err := th.actions(t, dir, two); err == nil || !strings.Contains(err.Error(), "stage a: fault in this program: panic, as a bug would") {
		t.Fatalf("error %v", err)
	}
	log, _ := os.ReadFile(filepath.Join(dir, logName))
	if !bytes.Contains(log, []byte("run_test.go")) {
		t.Errorf("the log has no stack of the panic:\n%s", log)
	}
	th.fail = nil
	if got, err := th.actions(t, dir, two); err != nil || got[0] != "run a: has not run yet" {
		t.Errorf("%q, error %v", got, err)
	}
	if d := cmp.Diff([]string{"a", "a", "b", "c"}, th.ran); d != "" {
		t.Error(d)
	}
}

func TestSources(t *testing.T) {
	dir, src := t.TempDir(), t.TempDir()
	archive := filepath.Join(src, "x.zip")
	text := fmt.Sprintf("name: p\nstages:\n  - name: a\n    run: import\n    with: {sources: [%s]}\n", archive)
	th := &theatre{}
	_, err := th.actions(t, dir, text)
	if want := "p.yaml:5: stages.a.with.sources: " + archive + " does not exist"; !errors.Is(err, stage.ErrConfig) || !strings.Contains(err.Error(), want) {
		t.Fatalf("error %v, want %s", err, want)
	}
	for _, tt := range []struct{ content, want string }{
		{"one", "run a: has not run yet"},
		{"one", "reuse a: its work is done"},
		{"two", "run a: content of the sources changed"},
	} {
		if err := os.WriteFile(archive, []byte(tt.content), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := th.actions(t, dir, text); err != nil || !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%q, error %v; want %s", got, err, tt.want)
		}
	}
}

// A stage that replaces what it left before is told where that is, and one of
// another version is not.
func TestPrevious(t *testing.T) {
	dir := t.TempDir()
	th := &theatre{}
	kinds := th.kinds()
	var previous []string
	act := kinds[0].Run
	kinds[0].Run = func(ctx context.Context, cfg Config, env stage.Env) error {
		previous = append(previous, env.Previous)
		return act(ctx, cfg, env)
	}
	for i, items := range []int{2, 2, 3, 4} {
		if i == 3 {
			kinds[0].Version = 2
		}
		p, err := parse(kinds, "p.yaml", []byte(two), []Setting{{Key: "stages.a.with.items", Value: items}}, noEnv)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run(t.Context(), dir, testOptions()); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"", filepath.Join(dir, "a"), ""}, previous); d != "" {
		t.Error(d)
	}
}

// Every source that cannot be read is named at once, before anything runs.
func TestPlanNamesAllMissingSources(t *testing.T) {
	text := "name: p\nstages:\n  - {name: m, run: make}\n  - name: a\n    run: import\n    with: {sources: [no.zip]}\n  - name: b\n    run: import\n    with: {sources: [nor.zip]}\n"
	th := &theatre{}
	_, err := th.actions(t, t.TempDir(), text)
	want := "p.yaml:6: stages.a.with.sources: no.zip does not exist: put it there, or name another place\n" +
		"p.yaml:9: stages.b.with.sources: nor.zip does not exist: put it there, or name another place"
	if !errors.Is(err, stage.ErrConfig) || err.Error() != want || th.ran != nil {
		t.Errorf("error %v, want %s; ran %v", err, want, th.ran)
	}
}

// A stage that reads more than the disk has room for does not begin. A sparse
// file is larger than any disk.
func TestPlanMissesSpace(t *testing.T) {
	dir := t.TempDir()
	archive := filepath.Join(dir, "x.zip")
	if err := errors.Join(os.WriteFile(archive, nil, 0o644), os.Truncate(archive, 1<<20)); err != nil {
		t.Fatal(err)
	}
	th := &theatre{}
	p, err := parse(th.kinds(), "p.yaml", []byte(fmt.Sprintf("name: p\nstages:\n  - name: a\n    run: import\n    with: {sources: [%s]}\n", archive)), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "runs", "p")
	at := folder{run, "", newDigester("")}
	steps, _, err := p.plan(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(archive, 1<<43); err != nil { // 8.8 TB; planning would hash them
		t.Skip("the file system has no sparse files:", err)
	}
	if free, _ := room(run); free > 1<<43 {
		t.Skip("a disk of that size")
	}
	if err := p.checkSpace(at, steps); err == nil || !strings.Contains(err.Error(), "stage a needs 8.8 TB at least, and "+run+" has ") {
		t.Errorf("error %v", err)
	}
}

func TestRunFolderIsGuarded(t *testing.T) {
	dir := t.TempDir()
	th := &theatre{}
	p, err := parse(th.kinds(), "p.yaml", []byte(two), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context(), dir, testOptions()); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d on", os.Getpid())) {
		t.Errorf("a second runner: error %v", err)
	}
	unlock()
	if _, err := p.Run(t.Context(), dir, testOptions()); err != nil {
		t.Error(err)
	}
	p.Name = "q"
	if _, err := p.Run(t.Context(), dir, testOptions()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("another pipeline: error %v", err)
	}
	other := t.TempDir()
	os.WriteFile(filepath.Join(other, "thesis.tex"), nil, 0o644)
	if _, err := p.Run(t.Context(), other, testOptions()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("another folder: error %v", err)
	}
	if _, err := p.Run(t.Context(), filepath.Join(other, "thesis.tex"), testOptions()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("a file for a folder: error %v", err)
	}
}

// A runner that was killed at the end of a replace leaves the key of a folder that is
// in its place by now, and the folder that was there before; the next one removes them.
func TestKilledAtTheEndOfReplace(t *testing.T) {
	dir := t.TempDir()
	th := &theatre{}
	if _, err := th.actions(t, dir, two); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(keyOf(filepath.Join(dir, "c.part")), []byte("key"), 0o644), os.Mkdir(filepath.Join(dir, "c.old"), 0o755)); err != nil {
		t.Fatal(err)
	}
	got, err := th.actions(t, dir, two)
	if err != nil || got[2] != "reuse c: its work is done" {
		t.Errorf("%q, error %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "c.*")); left != nil {
		t.Errorf("%q are left", left)
	}
}

// The resolved file is a pipeline file of the same work.
func TestResolved(t *testing.T) {
	p := mustParse(t, two, Setting{Key: "stages.b.with.crop", Value: []int{1, 2, 3}}, Setting{Key: "stages.a.with.sources", Value: []string{"a: b", ""}})
	q := mustParse(t, string(p.Resolved(false)))
	for i := range p.Stages {
		a, b := newWork(p.Stages[i].Kind, p.Stages[i].Config, 1), newWork(q.Stages[i].Kind, q.Stages[i].Config, 1)
		if d := cmp.Diff(a, b); d != "" || q.Stages[i].Name != p.Stages[i].Name {
			t.Error(q.Stages[i].Name, d)
		}
	}
	if !bytes.Equal(p.Resolved(false), q.Resolved(false)) {
		t.Errorf("resolved twice:\n%s\n%s", p.Resolved(false), q.Resolved(false))
	}
}

func TestVerifyNamesTheBrokenLink(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		break_     func(dir string) error
	}{
		{"one byte", "gate failed: stage a: out/result was changed", func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a/out/result"), []byte("items 1"), 0o644)
		}},
		{"added", "gate failed: stage b: spare was added", func(dir string) error { return os.WriteFile(filepath.Join(dir, "b/spare"), nil, 0o644) }},
		{"gone", "gate failed: stage c: out/result is gone", func(dir string) error { return os.Remove(filepath.Join(dir, "c/out/result")) }},
		{"stage gone", `gate failed: stage c was made from the stage "b" in the role model, which is not there`, func(dir string) error { return os.RemoveAll(filepath.Join(dir, "b")) }},
		{"record edited", "c/stage.json does not agree with itself", func(dir string) error {
			path := filepath.Join(dir, "c/stage.json")
			text, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, bytes.Replace(text, []byte(`"steps": 10`), []byte(`"steps": 99`), 1), 0o644))
		}},
		{"folders swapped", `b/stage.json is the record of the stage "c"`, func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "b")), os.Rename(filepath.Join(dir, "c"), filepath.Join(dir, "b")))
		}},
		{"stage made anew", "gate failed: stage b was made from another data than the one in a", func(dir string) error {
			th := &theatre{}
			p, err := parse(th.kinds(), "p.yaml", []byte("name: p\nstages: [{name: a, run: make, with: {items: 20}}]\n"), nil, noEnv)
			if err != nil {
				return err
			}
			_, err = p.Run(t.Context(), dir, testOptions())
			return err
		}},
	} {
		dir := t.TempDir()
		th := &theatre{}
		if _, err := th.actions(t, dir, two); err != nil {
			t.Fatal(err)
		}
		if err := tt.break_(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), dir); !errors.Is(err, stage.ErrGate) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := Verify(t.Context(), t.TempDir()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("an empty folder: error %v", err)
	}
}

// A run is handed on without its private files: it verifies, and nothing runs
// again. One that was changed is another matter, and so is any other file.
func TestPrivateFilesMayBeTakenOut(t *testing.T) {
	ingest, _ := kindNamed(Kinds(), "ingest")
	ingest.Default, ingest.Sources = makeConfig{}, nil
	ingest.Run = func(_ context.Context, _ Config, env stage.Env) error {
		for _, name := range []string{"crosswalk.jsonl", "key", "volumes.jsonl"} {
			if err := os.WriteFile(filepath.Join(env.Out, name), []byte("as it was"), 0o600); err != nil {
				return err
			}
		}
		return nil
	}
	p, err := parse([]Kind{ingest}, "p.yaml", []byte("name: p\nstages: [{name: scans, run: ingest}]\n"), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	remove := func(names ...string) func(dir string) error {
		return func(dir string) (err error) {
			for _, name := range names {
				err = errors.Join(err, os.Remove(filepath.Join(dir, "scans", name)))
			}
			return err
		}
	}
	change := func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "scans", "key"), []byte("other"), 0o600)
	}
	// Who may not read a private file, which none but its owner may, is as one who was
	// not given it. Nothing is kept from root: there it is taken out.
	hide := func(dir string) error {
		if os.Geteuid() == 0 {
			return remove("key")(dir)
		}
		return os.Chmod(filepath.Join(dir, "scans", "key"), 0)
	}
	for _, tt := range []struct {
		name   string
		change func(dir string) error
		action string
		reason string // of the plan, and in the error of Verify unless the stage is reused
	}{
		{"both", remove("key", "crosswalk.jsonl"), Reuse, "its work is done; 2 private files taken out"},
		{"one", remove("key"), Reuse, "its work is done; 1 private file taken out"},
		{"not to be read", hide, Reuse, "its work is done; 1 private file taken out"},
		{"changed", change, Run, "key was changed"},
		{"another", remove("volumes.jsonl"), Run, "volumes.jsonl is gone"},
	} {
		dir := t.TempDir()
		if _, err := p.Run(t.Context(), dir, testOptions()); err != nil {
			t.Fatal(err)
		}
		if err := tt.change(dir); err != nil {
			t.Fatal(err)
		}
		got, err := Verify(t.Context(), dir)
		steps, planErr := p.Plan(t.Context(), dir, testOptions())
		if planErr != nil {
			t.Fatal(planErr)
		}
		if reason := strings.Join(steps[0].Reasons, "; "); steps[0].Action != tt.action || reason != tt.reason {
			t.Errorf("%s: %s, %s; want %s, %s", tt.name, steps[0].Action, reason, tt.action, tt.reason)
		}
		if tt.action == Run {
			if !errors.Is(err, stage.ErrGate) || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("%s: error %v, want %s", tt.name, err, tt.reason)
			}
		} else if err != nil || !strings.Contains(tt.reason, TakenOut(got[0].TakenOut)) {
			t.Errorf("%s: %+v, error %v", tt.name, got, err)
		}
	}
}

func TestRunOne(t *testing.T) {
	dir := t.TempDir()
	th := &theatre{}
	kinds := th.kinds()
	data, model := filepath.Join(dir, "x", "data"), filepath.Join(dir, "model")
	if err := os.Mkdir(model, 0o755); err != nil { // an empty folder may be there
		t.Fatal(err)
	}
	one := func(kind Kind, in map[string]string, out string, settings ...Setting) (string, error) {
		cfg, err := LoadConfig(kind, "", settings)
		if err != nil {
			return "", err
		}
		o, err := RunOne(t.Context(), kind, cfg, 3, in, out, testOptions())
		return o.Action, err
	}
	if got, err := one(kinds[0], nil, data); got != Run || err != nil {
		t.Fatal(got, err)
	}
	in := map[string]string{"data": data}
	for _, want := range []string{Run, Reuse} {
		if got, err := one(kinds[1], in, model); got != want || err != nil {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	if _, err := one(kinds[1], in, model, Setting{Key: "steps", Value: 3}); err == nil || !strings.Contains(err.Error(), "holds other work (with.steps 10 → 3)") {
		t.Errorf("other work: error %v", err)
	}
	if _, err := one(kinds[1], in, filepath.Join(dir, "x")); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("a folder in use: error %v", err)
	}
	if _, err := one(kinds[1], map[string]string{"data": filepath.Join(dir, "no")}, filepath.Join(dir, "y")); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("no input: error %v", err)
	}
	if _, err := one(kinds[1], in, model, Setting{Key: "stepz", Value: 3, From: "--set"}); err == nil || err.Error() != `--set: stepz: unknown key (did you mean "steps"?)` {
		t.Errorf("unknown key: error %v", err)
	}
	if _, err := Verify(t.Context(), model); err != nil {
		t.Error(err)
	}
}
