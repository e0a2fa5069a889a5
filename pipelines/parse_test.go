package pipelines

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/stage"
)

// makeConfig and learnConfig are the settings of two made-up kinds of stage.
type makeConfig struct {
	Items   int      `mapstructure:"items"`
	Sources []string `mapstructure:"sources"`
}

func (c makeConfig) Validate() error { return nil }

type learnConfig struct {
	Steps   int        `mapstructure:"steps"`
	Rate    float64    `mapstructure:"rate"`
	Fast    bool       `mapstructure:"fast"`
	Preset  string     `mapstructure:"preset"`
	Spacing [3]float64 `mapstructure:"spacing"`
	Crop    [3]int     `mapstructure:"crop"`
	Levels  []float64  `mapstructure:"levels"`
	Split   struct {
		Train float64 `mapstructure:"train"`
		Test  float64 `mapstructure:"test"`
	} `mapstructure:"split"`
}

func (c learnConfig) Validate() error {
	var errs []error
	if c.Rate <= 0 || c.Rate >= 1 {
		errs = append(errs, fmt.Errorf("rate %v: want more than 0 and less than 1", c.Rate))
	}
	if c.Split.Train+c.Split.Test > 1 {
		errs = append(errs, fmt.Errorf("split.train and split.test: want a sum of at most 1"))
	}
	if c.Split.Test < 0 {
		errs = append(errs, fmt.Errorf("split: want no negative shares"))
	}
	if c.Steps < 0 {
		errs = append(errs, fmt.Errorf("neither steps nor sense"))
	}
	return errors.Join(errs...)
}

func testKinds() []Kind {
	learn := learnConfig{Steps: 10, Rate: 0.5, Preset: "tiny", Spacing: [3]float64{1, 1, 3}, Crop: [3]int{8, 8, 8}}
	learn.Split.Train = 0.6
	return []Kind{
		{Name: "make", Fills: "data", Takes: []string{"archives"}, Version: 1, Default: makeConfig{Items: 2},
			Sources: func(c Config) []string { return append(c.(makeConfig).Sources, "always") }},
		{Name: "learn", Fills: "model", Needs: []string{"data"}, Takes: []string{"model"}, Version: 1, Resumes: true, Default: learn},
		{Name: "import", Fills: "data", Takes: []string{"archives"}, Version: 1, Default: makeConfig{},
			Sources: func(c Config) []string { return c.(makeConfig).Sources }},
	}
}

const good = `name: p
stages:
  - name: a
    run: make
  - name: b
    run: learn
    needs: {data: a}
    with:
      steps: 20
`

var noEnv []string

func mustParse(t *testing.T, text string, settings ...Setting) *Pipeline {
	t.Helper()
	p, err := parse(testKinds(), "p.yaml", []byte(text), settings, noEnv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestParse(t *testing.T) {
	p := mustParse(t, good+"      spacing: [2, 2, 2.5]\n      split: {test: 0.25}\n")
	if p.Name != "p" || p.Seed != 1 || len(p.Stages) != 2 {
		t.Fatalf("name %q, seed %d, %d stages", p.Name, p.Seed, len(p.Stages))
	}
	want := testKinds()[1].Default.(learnConfig)
	want.Steps, want.Spacing, want.Split.Test = 20, [3]float64{2, 2, 2.5}, 0.25
	if d := cmp.Diff(want, p.Stages[1].Config); d != "" {
		t.Error(d)
	}
}

// Every case is the good file with something put after it, or in its place, and
// the whole of the error.
func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"unknown key", good + "      stepz: 5\n", []string{`p.yaml:10: stages.b.with.stepz: unknown key (did you mean "steps"?)`}},
		{"unknown nested key", good + "      split: {trian: 1}\n", []string{`p.yaml:10: stages.b.with.split.trian: unknown key (did you mean "train"?)`}},
		{"unknown top key", good + "sead: 5\n", []string{`p.yaml:10: sead: unknown key (did you mean "seed"?)`}},
		{"unknown stage key", good + "    neds: 5\n", []string{`p.yaml:10: stages.b.neds: unknown key (did you mean "needs"?)`}},
		{"upper case", good + "      Rate: 0.1\n", []string{`p.yaml:10: stages.b.with.Rate: want a key of lower-case letters, digits and underscores (such as "rate")`}},
		{"tab", "name: p\nstages:\n\t- name: a\n", []string{`p.yaml:3: not YAML: a tab, or a sign that no value begins with: indent with spaces, and put such text in quotes`}},
		{"indentation", "name: p\nstages:\n  - name: a\n    run: make\n   with: {items: 3}\n", []string{`p.yaml:2: not YAML: the indentation does not fit in the list that begins here`}},
		{"not closed", "name: p\nstages:\n  - {name: a, run: make\n  - {name: b}\n", []string{`p.yaml:2: not YAML: a { or [ is not closed`}},
		{"no space after a colon", "name: p\nstages:\n  - name: a\n    run:make\n", []string{`p.yaml:4: not YAML: a key without a colon, or a colon without a space after it`}},
		{"not text", "name: p\n\xff\xfe", []string{`p.yaml: not YAML: not a text file`}},
		{"text for needs", "name: p\nstages:\n  - {name: a, run: make, needs: b}\n", []string{`p.yaml:3: stages.a.needs: want a section of keys, got the text "b": write needs: {ROLE: NAME OF A STAGE}`}},
		{"list for with", "name: p\nstages:\n  - {name: a, run: make, with: [items]}\n", []string{`p.yaml:3: stages.a.with: want a section of keys, got a list: write with: {KEY: VALUE}`}},
		{"section for matrix", good + "matrix: {seed: [1, 2]}\n", []string{`p.yaml:10: matrix: want a list, got a section of keys: begin each line with - key: KEY`}},
		{"number for values", good + "matrix: [{key: seed, values: 3}]\n", []string{`p.yaml:10: matrix[0].values: want a list, got 3: write values: [VALUE, VALUE]`}},
		{"hyphen in a key", good + "      max-steps: 5\n", []string{`p.yaml:10: stages.b.with.max-steps: want a key of lower-case letters, digits and underscores (such as "max_steps")`}},
		{"fraction", good + "      crop: [8, 8, 0.75]\n", []string{`p.yaml:10: stages.b.with.crop[2]: want a whole number, got 0.75`}},
		{"huge", good + "seed: 99999999999999999999\n", []string{`p.yaml:10: seed: want a whole number, got 1e+20`}},
		{"octal", good + "seed: 0123\n", []string{`p.yaml:10: seed: want a number without leading zeros, got 0123`}},
		{"text for number", good + "      rate: ten\n", []string{`p.yaml:10: stages.b.with.rate: want a number, got the text "ten"`}},
		{"quoted number", good + "seed: \"7\"\n", []string{`p.yaml:10: seed: want a whole number, got the text "7"`}},
		{"truth for number", good + "      rate: true\n", []string{`p.yaml:10: stages.b.with.rate: want a number, got true`}},
		{"number for truth", good + "      fast: 1\n", []string{`p.yaml:10: stages.b.with.fast: want true or false, got 1`}},
		{"number for text", good + "      preset: 8\n", []string{`p.yaml:10: stages.b.with.preset: want text, got 8`}},
		{"number for list", good + "      crop: 8\n", []string{`p.yaml:10: stages.b.with.crop: want a list of 3 values, got 8`}},
		{"number for free list", good + "      levels: 8\n", []string{`p.yaml:10: stages.b.with.levels: want a list, got 8`}},
		{"short list", good + "      crop: [8, 8]\n", []string{`p.yaml:10: stages.b.with.crop: want 3 values, got 2`}},
		{"long list", good + "      crop: [8, 8, 8, 8]\n", []string{`p.yaml:10: stages.b.with.crop: want 3 values, got 4`}},
		{"not a number", good + "      rate: .nan\n", []string{`p.yaml:10: stages.b.with.rate: want a finite number, got NaN`}},
		{"infinite", good + "      levels: [.inf]\n", []string{`p.yaml:10: stages.b.with.levels[0]: want a finite number, got +Inf`}},
		{"section for number", good + "      rate: {a: 1}\n", []string{`p.yaml:10: stages.b.with.rate: want a number, got a section of keys`}},
		{"number for section", good + "      split: 5\n", []string{`p.yaml:10: stages.b.with.split: want a section of keys, got 5`}},
		{"no value", good + "      rate:\n", []string{`p.yaml:10: stages.b.with.rate: has no value: give one, or remove the key to use the default`}},
		{"out of range", good + "      rate: 1.5\n", []string{`p.yaml:10: stages.b.with.rate: 1.5: want more than 0 and less than 1`}},
		{"two out of range", good + "      rate: 1.5\n      split: {test: 0.9}\n", []string{
			`p.yaml:10: stages.b.with.rate: 1.5: want more than 0 and less than 1`,
			`p.yaml:11: stages.b.with.split.train: and split.test: want a sum of at most 1`}},
		{"section out of range", good + "      split: {test: -1}\n", []string{`p.yaml:10: stages.b.with.split: want no negative shares`}},
		{"rule without a key", good[:len(good)-len("steps: 20\n")] + "steps: -20\n", []string{`p.yaml:8: stages.b.with: neither steps nor sense`}},
		{"given twice", good + "      steps: 30\n", []string{`p.yaml:10: stages.b.with.steps: given twice, first on line 9`}},
		{"second document", good + "---\nname: q\n", []string{`p.yaml:10: a second document: want one pipeline a file`}},
		{"alias", strings.Replace(good, "steps: 20", "steps: &n 20\n      rate: *n", 1), []string{`p.yaml:10: stages.b.with.rate: aliases are not used in pipeline files: write the value out`}},
		{"not YAML", "name: [\n", []string{`p.yaml:1: not YAML: did not find expected node content`}},
		{"not keys", "- name\n", []string{`p.yaml:1: want keys with values, such as name: quickstart`}},
		{"empty", "", []string{`p.yaml: name: is missing: give the run a name`}},
		{"no stages", "name: p\n", []string{`p.yaml: stages: want at least one stage`}},
		{"stages are keys", "name: p\nstages: {a: 1}\n", []string{`p.yaml:2: stages: want a list, got a section of keys: begin each stage with - name: NAME`}},
		{"a stage is text", "name: p\nstages: [a]\n", []string{`p.yaml:2: stages[0]: want a section of keys, got the text "a": write - {name: NAME, run: KIND}`}},
		{"bad names", "name: P\nstages: [{name: ../x, run: make}]\n", []string{
			`p.yaml:1: name: want lower-case letters, digits, - and _, beginning with a letter`,
			`p.yaml:2: stages[0].name: want lower-case letters, digits, - and _, beginning with a letter`}},
		{"no name, no run", "name: p\nstages:\n  - {run: make}\n  - {name: x}\n", []string{
			`p.yaml:3: stages[0]: name is missing`,
			`p.yaml:4: stages.x: run is missing: say what kind of stage it is (known: make, learn, import)`}},
		{"unknown kind", strings.Replace(good, "run: learn", "run: lern", 1), []string{`p.yaml:6: stages.b.run: no kind of stage is called "lern" (did you mean "learn"?)`}},
		{"names twice", good + "  - {name: a, run: make}\n", []string{`p.yaml:10: stages[2].name: a stage before it is named "a" too`}},
		{"unknown stage", strings.Replace(good, "data: a", "data: aa", 1), []string{`p.yaml:7: stages.b.needs.data: no stage is named "aa" (did you mean "a"?)`}},
		{"unknown role", strings.Replace(good, "{data: a}", "{data: a, dada: a}", 1), []string{`p.yaml:7: stages.b.needs.dada: learn has no such role (did you mean "data"?)`}},
		{"missing role", strings.Replace(good, "    needs: {data: a}\n", "", 1), []string{`p.yaml:5: stages.b: needs lacks the role data: write needs: {data: NAME OF A STAGE}`}},
		{"wrong kind in a role", good + "  - {name: c, run: learn, needs: {data: b}}\n", []string{`p.yaml:10: stages.c.needs.data: "b" is a stage of kind learn, which cannot fill this role (did you mean "a"?)`}},
		{"role is a list", strings.Replace(good, "{data: a}", "{data: [a]}", 1), []string{`p.yaml:7: stages.b.needs.data: want text, got a list`}},
		{"cycle", good + "  - {name: c, run: learn, needs: {data: a, model: d}}\n  - {name: d, run: learn, needs: {data: a, model: c}}\n",
			[]string{`p.yaml:10: stages.c: waits for itself: c → d → c`}},
		{"nothing to read", good + "  - {name: c, run: import}\n", []string{`p.yaml:10: stages.c: has nothing to read: write needs: {archives: NAME OF A STAGE} or with: {sources: [PATH]}`}},
		{"all at once", good + "      stepz: 5\n      rate: ten\nsead: 1\n", []string{
			`p.yaml:10: stages.b.with.stepz: unknown key (did you mean "steps"?)`,
			`p.yaml:11: stages.b.with.rate: want a number, got the text "ten"`,
			`p.yaml:12: sead: unknown key (did you mean "seed"?)`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(testKinds(), "p.yaml", []byte(tt.text), nil, noEnv)
			if !errors.Is(err, stage.ErrConfig) {
				t.Fatalf("error %v, want one that is ErrConfig", err)
			}
			if d := cmp.Diff(strings.Join(tt.want, "\n"), err.Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	env := []string{"ONCOVOX_SEED=5", "ONCOVOX_STAGES_B_WITH_STEPS=7", "ONCOVOX_STAGES_B_WITH_SPLIT_TRAIN=0.25"}
	var settings []Setting
	for _, arg := range []string{"stages.b.with.steps=9", "stages.b.with.crop=[4, 5, 6]", "stages.a.with.items=3", "name=q"} {
		s, err := ParseSetting(arg)
		if err != nil {
			t.Fatal(err)
		}
		settings = append(settings, s)
	}
	settings = append(settings, Setting{Key: "stages.a.with.sources", Value: []string{"x, y", "[z]"}, From: "arguments"})
	p, err := parse(testKinds(), "p.yaml", []byte(good), settings, env)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "q" || p.Seed != 5 {
		t.Errorf("name %q, seed %d; want q, 5", p.Name, p.Seed)
	}
	if d := cmp.Diff(makeConfig{3, []string{"x, y", "[z]"}}, p.Stages[0].Config); d != "" {
		t.Error(d)
	}
	b := p.Stages[1].Config.(learnConfig)
	if b.Steps != 9 || b.Crop != [3]int{4, 5, 6} || b.Split.Train != 0.25 {
		t.Errorf("got %+v", b)
	}
}

func TestSettingsRefuse(t *testing.T) {
	for arg, want := range map[string]string{
		"stages.b.with.stepz=9":  `--set: stages.b.with.stepz: unknown key (did you mean "steps"?)`,
		"stages.b.with.steps=.5": `--set: stages.b.with.steps: want a whole number, got 0.5`,
		"stages.b.with.steps=":   `--set: stages.b.with.steps: want a whole number, got the text ""`,
		"stages.bb.with.steps=9": `--set: stages.bb.with.steps: no stage is named "bb" (did you mean "b"?)`,
		"stages.b.with.rate=2":   `--set: stages.b.with.rate: 2: want more than 0 and less than 1`,
		"seed.x.y=9":             `--set: seed: want a whole number, got a section of keys`,
		"name.x=9":               `--set: name.x: no such key: want one such as stages.mae.with.steps`,
		"Seed=9":                 `--set: Seed: no such key: want one such as stages.mae.with.steps`,
		"stages.b.with.split=~":  `--set: stages.b.with.split: has no value`,
	} {
		s, err := ParseSetting(arg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = parse(testKinds(), "p.yaml", []byte(good), []Setting{s}, noEnv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", arg, err, want)
		}
	}
	for _, arg := range []string{"seed", "=4", "seed=[", "seed=a: b: c"} {
		if _, err := ParseSetting(arg); !errors.Is(err, stage.ErrConfig) {
			t.Errorf("%s: error %v, want ErrConfig", arg, err)
		}
	}
}

// Whatever the bytes, reading ends with a pipeline or with faults.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("name: p\nstages: [{name: a, run: learn, needs: {data: a}}]\n"))
	f.Add([]byte("? [x]\n: 1\n<<: {a: 1}\n"))
	f.Add([]byte(good + "matrix: [{key: seed, values: [1, 2]}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte("extends")) {
			t.Skip("reads files")
		}
		p, err := parse(testKinds(), "p.yaml", text, nil, noEnv)
		if err != nil && !errors.Is(err, stage.ErrConfig) {
			t.Errorf("error %v is not ErrConfig", err)
		}
		if err == nil && len(p.Instances) > 0 {
			p = p.Instances[0].Pipeline
		}
		if err == nil && (len(p.Stages) == 0 || reflect.ValueOf(p.Stages[0].Config).Kind() != reflect.Struct) {
			t.Errorf("no error and no stages: %+v", p)
		}
	})
}
