package pipelines

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/stage"
)

// ran runs text in dir with the cache, and returns what was done with each stage.
func (th *theatre) cached(t *testing.T, cache Cache, dir, text string, args ...string) []string {
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
	o := testOptions()
	o.Cache = cache
	outcomes, err := p.Run(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range outcomes {
		out = append(out, o.Action+" "+o.Stage+": "+strings.Join(o.Reasons, "; "))
	}
	if _, err := Verify(t.Context(), dir); err != nil {
		t.Error(err)
	}
	return out
}

func TestCache(t *testing.T) {
	root := t.TempDir()
	cache, one, two2 := Cache(filepath.Join(root, "cache")), filepath.Join(root, "one"), filepath.Join(root, "two")
	th := &theatre{}
	th.cached(t, cache, one, two)
	fromCache := func(names ...string) (want []string) {
		for _, n := range names {
			want = append(want, "reuse "+n+": has not run yet; its work is in the cache")
		}
		return want
	}
	// Another run, with other names for the same work, and one stage of other work.
	renamed := strings.NewReplacer("name: b", "name: x", "model: b", "model: x").Replace(two)
	got := th.cached(t, cache, two2, renamed, "stages.c.with.steps=11")
	if d := cmp.Diff(append(fromCache("a", "x"), "run c: has not run yet"), got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a", "b", "c", "c"}, th.ran); d != "" {
		t.Error(d)
	}
	rec, err := readRecord(filepath.Join(two2, "c"))
	if err != nil || rec.From["model"] != "x" {
		t.Errorf("record %+v, error %v", rec, err)
	}
	if got := th.cached(t, cache, two2, renamed, "stages.c.with.steps=11"); strings.Contains(strings.Join(got, " "), "cache") {
		t.Errorf("what is in the folder was taken from the cache: %q", got)
	}
	entries, err := cache.Entries()
	if err != nil || len(entries) != 4 || entries[0].Kind != "learn" {
		t.Fatalf("%+v, error %v; want 4", entries, err)
	}
	if gone, err := cache.Sweep(time.Now().Add(-time.Hour), false); err != nil || len(gone) != 0 {
		t.Errorf("swept %+v, error %v", gone, err)
	}
	if gone, err := cache.Sweep(time.Now().Add(time.Hour), true); err != nil || len(gone) != 4 {
		t.Errorf("would sweep %+v, error %v", gone, err)
	}
	if gone, err := cache.Sweep(time.Now().Add(time.Hour), false); err != nil || len(gone) != 4 {
		t.Errorf("swept %+v, error %v", gone, err)
	}
	if _, err := Verify(t.Context(), one); err != nil {
		t.Error("the run has lost its files with the cache:", err)
	}
}

// What the cache holds is never believed.
func TestCacheHoldsDamage(t *testing.T) {
	for name, break_ := range map[string]func(entry string) error{
		"one byte":       func(e string) error { return replaceFile(e+"/out/result", "items 1") },
		"a file gone":    func(e string) error { return os.Remove(e + "/out/result") },
		"a record gone":  func(e string) error { return os.Remove(e + "/stage.json") },
		"a record empty": func(e string) error { return replaceFile(e+"/stage.json", "") },
	} {
		root := t.TempDir()
		cache := Cache(filepath.Join(root, "cache"))
		th := &theatre{}
		th.cached(t, cache, filepath.Join(root, "one"), two)
		entries, err := cache.Entries()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Kind == "make" {
				err = errors.Join(err, break_(e.path))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		got := th.cached(t, cache, filepath.Join(root, "two"), two)
		want := []string{"run a: has not run yet", "reuse b: has not run yet; its work is in the cache", "reuse c: has not run yet; its work is in the cache"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if got := th.cached(t, cache, filepath.Join(root, "three"), two); !strings.Contains(got[0], "its work is in the cache") {
			t.Errorf("%s: the cache was not mended: %q", name, got)
		}
		if _, err := Verify(t.Context(), filepath.Join(root, "one")); err != nil {
			t.Errorf("%s: the first run: %v", name, err)
		}
	}
}

// replaceFile puts another file at path: the cache shares its files with the runs.
func replaceFile(path, text string) error {
	return errors.Join(os.Remove(path), os.WriteFile(path, []byte(text), 0o644))
}

const square = `name: m
matrix:
  - {key: stages.b.with.steps, values: [5, 6]}
  - {key: stages.c.with.steps, values: [7, 8]}
` + "stages:\n  - {name: a, run: make}\n  - {name: b, run: learn, needs: {data: a}}\n  - {name: c, run: learn, needs: {data: a, model: b}}\n"

func TestRunMatrix(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	full := errors.New("disk full")
	th := &theatre{fail: map[string]error{"c": full}}
	p, err := parse(th.kinds(), "p.yaml", []byte(square), nil, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	actions := func() (out []string) {
		plans, err := p.PlanMatrix(t.Context(), dir, testOptions())
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range plans {
			for _, s := range in.Steps {
				out = append(out, s.Action+" "+s.Stage+": "+strings.Join(s.Reasons, "; "))
			}
		}
		return out
	}
	want := []string{
		"run a: has not run yet", "run b: needs a, which runs", "run c: needs a, which runs; needs b, which runs",
		"reuse a: as in b.steps=5,c.steps=7", "reuse b: as in b.steps=5,c.steps=7", "run c: needs a, which runs; needs b, which runs",
		"reuse a: as in b.steps=5,c.steps=7", "run b: needs a, which runs", "run c: needs a, which runs; needs b, which runs",
		"reuse a: as in b.steps=5,c.steps=7", "reuse b: as in b.steps=6,c.steps=7", "run c: needs a, which runs; needs b, which runs",
	}
	if d := cmp.Diff(want, actions()); d != "" {
		t.Error(d)
	}
	// A failure does not keep the other instances from theirs.
	one := testOptions()
	one.Jobs = 1
	all, err := p.RunMatrix(t.Context(), dir, one)
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "instance b.steps=5,c.steps=7: stage c: disk full") || len(all) != 4 || all[3].Error == "" {
		t.Fatalf("error %v, %+v", err, all)
	}
	if d := cmp.Diff([]string{"a", "b", "c", "c", "b", "c", "c"}, th.ran); d != "" {
		t.Error(d)
	}
	th.fail = nil
	if all, err = p.RunMatrix(t.Context(), dir, one); err != nil || len(all) != 4 || all[3].Error != "" {
		t.Fatal(err, all)
	}
	for _, in := range p.Instances {
		if _, err := Verify(t.Context(), filepath.Join(dir, in.Instance)); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(actions(), "\n"); strings.Contains(got, "run ") {
		t.Errorf("after all is done:\n%s", got)
	}
	text, err := os.ReadFile(filepath.Join(dir, tableName))
	if want := "instance,stages.b.with.steps,stages.c.with.steps\n\"b.steps=5,c.steps=7\",5,7\n"; err != nil || !strings.HasPrefix(string(text), want) {
		t.Errorf("%s, error %v", text, err)
	}
	page, err := os.ReadFile(filepath.Join(dir, matrixPage))
	if err != nil || strings.Count(string(page), "<th scope=\"row\">b.steps=5,c.steps=8") != 1 || !strings.Contains(string(page), "4 of 4 runs") {
		t.Errorf("%s, error %v", page, err)
	}
	// The folder is guarded both ways.
	unlock, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.RunMatrix(t.Context(), dir, one); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("a second runner: error %v", err)
	}
	unlock()
	plain := mustParse(t, two, Setting{Key: "name", Value: "m"})
	if _, err := plain.Run(t.Context(), dir, testOptions()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("a plain run in it: error %v", err)
	}
	if _, err := p.RunMatrix(t.Context(), filepath.Join(dir, p.Instances[0].Instance), testOptions()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("a matrix in a run folder: error %v", err)
	}
	p.Name = "other"
	if _, err := p.RunMatrix(t.Context(), dir, testOptions()); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("another matrix: error %v", err)
	}
}

func TestTable(t *testing.T) {
	low, high := 0.25, 0.75
	all := []InstanceResult{
		{Instance: "seed=1", Values: []MatrixValue{{"seed", 1}}, Results: []Result{{Stage: "report", Name: "CPM", Value: 0.5, Low: &low, High: &high}}},
		{Instance: "seed=2", Values: []MatrixValue{{"seed", 2}}, Error: "disk full"},
	}
	want := [][]string{{"instance", "seed", "report CPM", "report CPM low", "report CPM high", "error"}, {"seed=1", "1", "0.5", "0.25", "0.75", ""}, {"seed=2", "2", "", "", "", "disk full"}}
	if d := cmp.Diff(want, Table(all, true)); d != "" {
		t.Error(d)
	}
	want = [][]string{{"instance", "seed", "report CPM", "error"}, {"seed=1", "1", "0.500 (0.250 to 0.750)", ""}, {"seed=2", "2", "", "disk full"}}
	if d := cmp.Diff(want, Table(all, false)); d != "" {
		t.Error(d)
	}
}
