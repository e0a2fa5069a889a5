package pipelines

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatrix(t *testing.T) {
	p := mustParse(t, good+"  - {name: c, run: learn, needs: {data: a}}\n"+`matrix:
  - {key: seed, values: [1, 2]}
  - {key: stages.b.with.spacing, values: [[1, 1, 3], [2, 2, 2.5]]}
  - {key: stages.c.with.rate, values: [1e-3]}
  - {key: stages.b.with.rate, values: [0.5]}
`)
	if p.Name != "p" || p.Stages != nil {
		t.Errorf("name %q, stages %v", p.Name, p.Stages)
	}
	var names []string
	for _, in := range p.Instances {
		names = append(names, in.Instance)
	}
	want := []string{"seed=1,spacing=1-1-3", "seed=1,spacing=2-2-2.5", "seed=2,spacing=1-1-3", "seed=2,spacing=2-2-2.5"}
	for i := range want {
		want[i] += ",c.rate=1e-3,b.rate=0.5"
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
	in := p.Instances[1]
	if b := in.Stages[1].Config.(learnConfig); in.Seed != 1 || b.Spacing != [3]float64{2, 2, 2.5} || b.Rate != 0.5 || b.Steps != 20 {
		t.Errorf("instance 1: seed %d, %+v", in.Seed, b)
	}
	if !strings.Contains(string(in.Resolved(true)), "spacing: [2, 2, 2.5] # p.yaml:13") {
		t.Errorf("origin of a value of the matrix:\n%s", in.Resolved(true))
	}
	if d := cmp.Diff([]MatrixValue{{"seed", 1}, {"stages.b.with.spacing", []any{2, 2, 2.5}}, {"stages.c.with.rate", 1e-3}, {"stages.b.with.rate", 0.5}}, in.Values); d != "" {
		t.Error(d)
	}
}

func TestMatrixRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text, set, want string }{
		{"a map", "matrix: {seed: [1]}\n", "", `p.yaml:10: matrix: want a list, got a section of keys: begin each line with - key: KEY`},
		{"no key", "matrix: [{values: [1]}]\n", "", `p.yaml:10: matrix[0]: key is missing: name a value, such as stages.mae.with.steps`},
		{"no values", "matrix: [{key: seed}]\n", "", `p.yaml:10: matrix[0]: values is missing: list what it is to be`},
		{"unknown key", "matrix: [{key: seed, value: [1]}]\n", "", `p.yaml:10: matrix[0].value: unknown key (did you mean "values"?)`},
		{"the name", "matrix: [{key: name, values: [x]}]\n", "", `p.yaml:10: matrix[0].key: want seed, or a value of a stage, such as stages.mae.with.steps`},
		{"twice", "matrix: [{key: seed, values: [1]}, {key: seed, values: [2]}]\n", "", `p.yaml:10: matrix[1].key: seed has its values already`},
		{"no stage", "matrix: [{key: stages.bb.with.steps, values: [1]}]\n", "", `p.yaml:10: stages.bb.with.steps: no stage is named "bb" (did you mean "b"?)`},
		{"no setting", "matrix: [{key: stages.b.with.stepz, values: [1]}]\n", "", `p.yaml:10: stages.b.with.stepz: unknown key (did you mean "steps"?)`},
		{"a bad value among good ones", "matrix:\n  - key: stages.b.with.rate\n    values:\n      - 0.5\n      - 7\n", "", `p.yaml:14: stages.b.with.rate: 7: want more than 0 and less than 1`},
		{"over the matrix", "matrix: [{key: seed, values: [1]}]\n", "seed=3", `--set: seed: is set by the matrix at p.yaml:10`},
		{"too many", "matrix:\n" + strings.Repeat("  - {key: stages.b.with.steps, values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}\n", 1) +
			"  - {key: stages.a.with.items, values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n  - {key: seed, values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n",
			"", `p.yaml:10: matrix: calls for more than 1000 instances`},
	} {
		var settings []Setting
		if tt.set != "" {
			s, err := ParseSetting(tt.set)
			if err != nil {
				t.Fatal(err)
			}
			settings = append(settings, s)
		}
		if _, err := parse(testKinds(), "p.yaml", []byte(good+tt.text), settings, noEnv); err == nil || err.Error() != tt.want {
			t.Errorf("%s: error %v, want %s", tt.name, err, tt.want)
		}
	}
}
