package pipelines

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/stage"
)

// write puts the files, by name, in a new folder, and returns it.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// parseFile parses the file name in dir. Messages do not name dir.
func parseFile(dir, name string, environ []string, args ...string) (*Pipeline, error) {
	var settings []Setting
	for _, a := range args {
		s, err := ParseSetting(a)
		if err != nil {
			return nil, err
		}
		settings = append(settings, s)
	}
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := parse(testKinds(), path, text, settings, environ)
	if err != nil && errors.Is(err, stage.ErrConfig) {
		err = fmt.Errorf("%w", faultText(strings.ReplaceAll(err.Error(), dir+"/", "")))
	}
	return p, err
}

type faultText string

func (f faultText) Error() string { return string(f) }

func TestExtends(t *testing.T) {
	dir := write(t, map[string]string{
		"base/p.yaml": good + "      split: {train: 0.25, test: 0.5}\n      crop: [4, 4, 4]\n",
		"mid.yaml":    "extends: base/p.yaml\nseed: 3\nstages:\n  - name: b\n    with: {steps: 30, split: {test: 0.75}, crop: [5, 5, 5]}\n",
		"top.yaml":    "extends: mid.yaml\nname: q\nstages:\n  - name: a\n    with: {items: 9}\n  - {name: c, run: learn, needs: {data: a, model: b}}\n",
	})
	p, err := parseFile(dir, "top.yaml", []string{"ONCOVOX_STAGES_C_WITH_STEPS=4"}, "stages.b.with.fast=true")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"name: q # top.yaml:2",
		"seed: 3 # mid.yaml:2",
		"stages:",
		"  - name: a # top.yaml:4",
		"    run: make # base/p.yaml:4",
		"    with:",
		"      items: 9 # top.yaml:5",
		"      sources: [] # default",
		"  - name: b # mid.yaml:4",
		"    run: learn # base/p.yaml:6",
		"    needs: {data: a} # base/p.yaml:7",
		"    with:",
		"      steps: 30 # mid.yaml:5",
		"      rate: 0.5 # default",
		"      fast: true # --set",
		"      preset: tiny # default",
		"      spacing: [1, 1, 3] # default",
		"      crop: [5, 5, 5] # mid.yaml:5",
		"      levels: [] # default",
		"      split:",
		"        train: 0.25 # base/p.yaml:10",
		"        test: 0.75 # mid.yaml:5",
		"  - name: c # top.yaml:6",
		"    run: learn # top.yaml:6",
		"    needs: {data: a, model: b} # top.yaml:6",
		"    with:",
		"      steps: 4 # ONCOVOX_STAGES_C_WITH_STEPS",
	}
	got := strings.Split(strings.ReplaceAll(string(p.Resolved(true)), dir+"/", ""), "\n")[:len(want)]
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := parse(testKinds(), "r.yaml", p.Resolved(true), nil, noEnv); err != nil {
		t.Error("what was resolved, with origins, cannot be read:", err)
	}
}

func TestExtendsRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		args  []string
		want  []string
	}{
		{"faults of both files", map[string]string{
			"p.yaml":    "extends: base.yaml\nstages:\n  - name: b\n    with: {stepz: 1}\n",
			"base.yaml": good + "      rate: 7\n"}, nil,
			[]string{`p.yaml:4: stages.b.with.stepz: unknown key (did you mean "steps"?)`}},
		{"a fault of the base", map[string]string{
			"p.yaml":    "extends: base.yaml\nstages:\n  - name: b\n    with: {steps: 1}\n",
			"base.yaml": good + "      rate: 7\nsead: 1\n"}, nil,
			[]string{`base.yaml:10: stages.b.with.rate: 7: want more than 0 and less than 1`, `base.yaml:11: sead: unknown key (did you mean "seed"?)`}},
		{"not YAML", map[string]string{"p.yaml": "extends: base.yaml\n", "base.yaml": "[\n"}, nil,
			[]string{`base.yaml:1: not YAML: did not find expected node content`}},
		{"gone", map[string]string{"p.yaml": "name: p\nextends: bsae.yaml\n"}, nil,
			[]string{`p.yaml:2: extends: bsae.yaml: no such file, and no recipe of that name (there are: ` + strings.Join(Recipes(), ", ") + `)`}},
		{"goes round", map[string]string{"p.yaml": "extends: x/q.yaml\n", "x/q.yaml": "name: q\nextends: ../p.yaml\n"}, nil,
			[]string{`x/q.yaml:2: extends: goes round: p.yaml → x/q.yaml → p.yaml`}},
		{"a list", map[string]string{"p.yaml": "extends: [a.yaml]\n" + good}, nil, []string{`p.yaml:1: extends: want text, got a list`}},
		{"misspelt", map[string]string{"p.yaml": "extend: a.yaml\n" + good}, nil, []string{`p.yaml:1: extend: unknown key (did you mean "extends"?)`}},
		{"by --set", map[string]string{"p.yaml": good}, []string{"extends=a.yaml"}, []string{`--set: extends: can be written in a file only`}},
		{"a name twice", map[string]string{
			"p.yaml":    "extends: base.yaml\nstages:\n  - {name: a, with: {items: 4}}\n  - {name: a, run: make}\n",
			"base.yaml": good}, nil, []string{`p.yaml:4: stages[2].name: a stage before it is named "a" too`}},
		{"another kind", map[string]string{
			"p.yaml":    "extends: base.yaml\nstages:\n  - {name: b, run: import}\n",
			"base.yaml": good}, nil, []string{
			`base.yaml:7: stages.b.needs.data: import has no such role (did you mean "data"?)`}},
	} {
		_, err := parseFile(write(t, tt.files), "p.yaml", nil, tt.args...)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		if tt.name == "another kind" {
			if !strings.Contains(err.Error(), "base.yaml:9: stages.b.with.steps: unknown key") {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if d := cmp.Diff(strings.Join(tt.want, "\n"), err.Error()); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}
}

// A recipe can be extended by its name.
func TestExtendsRecipe(t *testing.T) {
	dir := write(t, map[string]string{"p.yaml": "extends: quickstart\nname: p\nstages:\n  - name: mae\n    with: {steps: 3}\n"})
	p, err := Load(filepath.Join(dir, "p.yaml"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Load("quickstart", []Setting{{Key: "name", Value: "p"}, {Key: "stages.mae.with.steps", Value: 3}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(q.Resolved(false)), string(p.Resolved(false))); d != "" {
		t.Error(d)
	}
}

func TestEnvironmentRefuses(t *testing.T) {
	_, err := parse(testKinds(), "p.yaml", []byte(good), nil, []string{
		"ONCOVOX_STAGES_B_WITH_STEPZ=3", "ONCOVOX_SEED=x", "ONCOVOX_STAGES_B_WITH_RATE=[", "ONCOVOX_KERNEL=go", "ONCOVOX_STAGES_B_WITH_FAST="})
	want := `ONCOVOX_SEED: seed: want a whole number, got the text "x"
ONCOVOX_STAGES_B_WITH_RATE: stages.b.with.rate: not YAML
ONCOVOX_STAGES_B_WITH_STEPZ: sets no setting of a stage in p.yaml (did you mean "ONCOVOX_STAGES_B_WITH_STEPS"?)`
	if err == nil || err.Error() != want {
		t.Error(cmp.Diff(want, fmt.Sprint(err)))
	}
}
