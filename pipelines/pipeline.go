package pipelines

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"oncovox/internal/stage"
)

// A Config is the settings of one stage: a struct of its package.
type Config interface{ Validate() error }

// A Kind is a sort of stage: what it is called in a pipeline file, what it reads
// and what it fills.
type Kind struct {
	Name    string   // the word after run:
	Fills   string   // the role that its folder can fill for other stages; "" for none
	Needs   []string // the roles that must be filled for it
	Takes   []string // the roles that may be filled for it
	Version int      // raised when equal work would give other artifacts
	Resumes bool     // whether it continues from what an interrupted run left
	Summary string   // the JSON file of its figures
	Shows   []Shown  // what the end of a run shows of Summary
	Free    []string // the settings that change no artifact, such as a number of workers
	Private []string // the files in its folder that may be kept back when a run is handed on; no stage reads them
	Default Config
	Run     func(ctx context.Context, cfg Config, env stage.Env) error
	// Memory returns how many bytes the stage holds; nil where it does not say, and
	// holds no more than others do.
	Memory func(cfg Config) (int64, error)
	// Sources returns the settings that name files or folders outside the run;
	// nil when there are none.
	Sources func(cfg Config) []string
}

// A Shown is a figure of a stage: what it is called, and its dotted path in the
// stage's summary.
type Shown struct{ Name, Path string }

// A Stage is one step of a pipeline.
type Stage struct {
	Name   string // its folder in the run
	Kind   Kind
	Needs  map[string]string // role to the name of the stage that fills it
	Seed   int64             // its own, or the pipeline's
	Config Config
	from   *document // where its settings were set
	key    string    // its dotted key there
}

// A Pipeline is a pipeline file that can be run.
type Pipeline struct {
	Name      string
	Seed      int64
	Stages    []Stage    // each after the stages that it needs; none with a matrix
	Instances []Instance // those of the matrix; none without one
	Study     *Study     // nil without one
	from      *document
}

// A Setting is a value that stands in place of what a file says.
type Setting struct {
	Key   string // dotted, such as stages.mae.with.steps
	Value any
	From  string // where it came from, for messages
}

// ParseSetting reads the argument of --set: key=value, with the value as it
// would stand in a pipeline file.
func ParseSetting(arg string) (Setting, error) {
	key, text, ok := strings.Cut(arg, "=")
	if !ok || key == "" {
		return Setting{}, fmt.Errorf("%w: --set %s: want key=value, such as stages.mae.with.steps=500", stage.ErrConfig, arg)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return Setting{}, fmt.Errorf("%w: --set %s: %v", stage.ErrConfig, arg, err)
	}
	value := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str"} // for key=
	if len(doc.Content) > 0 {
		value = doc.Content[0]
	}
	return Setting{Key: key, Value: value, From: "--set"}, nil
}

// Load reads the pipeline file at path, or the built-in recipe of that name if
// there is no such file, over the file that it extends. Over it stand the
// variables ONCOVOX_SEED and ONCOVOX_STAGES_<STAGE>_WITH_<KEY> of environ, which
// is as of [os.Environ], and over both the settings. The error is a [Faults]
// with everything that is wrong.
func Load(path string, settings []Setting, environ []string) (*Pipeline, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	return parse(Kinds(), path, text, settings, environ)
}

// readFile returns the text of the file at path, or of the built-in recipe of
// that name if there is no such file.
func readFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		return text, err
	}
	if text, ok := recipe(path); ok {
		return text, nil
	}
	return nil, fmt.Errorf("%s: no such file, and no recipe of that name (there are: %s)", path, strings.Join(Recipes(), ", "))
}

// file is the form of a pipeline file.
type file struct {
	Extends string      `mapstructure:"extends"`
	Name    string      `mapstructure:"name"`
	Seed    int         `mapstructure:"seed"`
	Matrix  []axis      `mapstructure:"matrix"`
	Study   StudyConfig `mapstructure:"study"`
	Stages  []section   `mapstructure:"stages"`
}

type section struct {
	Name  string            `mapstructure:"name"`
	Run   string            `mapstructure:"run"`
	Seed  int               `mapstructure:"seed"`
	Needs map[string]string `mapstructure:"needs"`
	With  map[string]any    `mapstructure:"with"`
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)

func parse(kinds []Kind, name string, text []byte, settings []Setting, environ []string) (*Pipeline, error) {
	d := readDocument(name, text)
	if !d.extend() {
		return nil, d.faults.orNil()
	}
	d.environment(kinds, environ)
	for _, s := range settings {
		d.put(s)
	}
	p, f := d.pipeline(kinds)
	switch {
	case len(d.faults) > 0:
	case d.has("study") && len(f.Matrix) > 0:
		d.fault(d.place("study"), "study", "cannot stand beside a matrix: leave out one of the two")
	case d.has("study"):
		d.study(kinds, p, f.Study)
	case len(f.Matrix) > 0:
		p = d.matrix(kinds, f.Matrix)
	}
	return p, d.faults.orNil()
}

// pipeline returns the pipeline that the document describes, without its matrix.
func (d *document) pipeline(kinds []Kind) (*Pipeline, file) {
	f, faults := decode(d.tree(), file{Seed: 1, Study: StudyConfig{Bootstrap: 2000}})
	keys := d.stageKeys(len(f.Stages))
	malformed := map[int]bool{}
	for _, kf := range faults {
		i, key := spell(kf.key, keys)
		d.fault(d.place(key), key, kf.problem+form(key, kf.problem))
		malformed[i] = true
	}
	if f.Extends != "" { // extend took those of files out
		d.fault(d.place("extends"), "extends", "can be written in a file only")
	}
	if f.Name == "" {
		d.fault(d.place("name"), "name", "is missing: give the run a name")
	} else if !nameForm.MatchString(f.Name) {
		d.fault(d.place("name"), "name", nameRule)
	}
	p := &Pipeline{Name: f.Name, Seed: int64(f.Seed), from: d}
	for i, s := range f.Stages {
		st := Stage{Name: s.Name, key: keys[i]}
		if !malformed[i] {
			st = d.stage(kinds, keys[i], s)
		}
		if st.Seed = p.Seed; d.has(keys[i] + ".seed") {
			st.Seed = int64(s.Seed)
		}
		p.Stages = append(p.Stages, st)
	}
	if len(p.Stages) == 0 && len(d.faults) == 0 {
		d.fault(d.place("stages"), "stages", "want at least one stage")
	}
	p.checkGraph(d)
	return p, f
}

const nameRule = "want lower-case letters, digits, - and _, beginning with a letter"

// put applies s to the document.
func (d *document) put(s Setting) {
	node, ok := s.Value.(*yaml.Node)
	if !ok {
		node = &yaml.Node{}
		if err := node.Encode(s.Value); err != nil {
			d.fault(Place{Name: s.From}, s.Key, err.Error())
			return
		}
	}
	d.set(s.Key, node, Place{Name: s.From})
}

// stageKeys returns the dotted key of each of the n stages.
func (d *document) stageKeys(n int) []string {
	keys := make([]string, n)
	list := get(d.root, "stages")
	for i := range keys {
		keys[i] = itemKey("stages", list, i)
	}
	return keys
}

// spell writes a key as mapstructure names it, stages[2].with, in the words of
// the file, stages.mae.with. It returns the index of the stage too, or -1.
func spell(key string, stageKeys []string) (int, string) {
	for i, k := range stageKeys {
		if rest, ok := strings.CutPrefix(key, fmt.Sprintf("stages[%d]", i)); ok {
			// A role is an entry of a map: needs[data].
			return i, k + strings.NewReplacer("[", ".", "]", "").Replace(rest)
		}
	}
	return -1, key
}

// stage makes the stage that the section s, at the dotted key, describes.
func (d *document) stage(kinds []Kind, key string, s section) Stage {
	st := Stage{Name: s.Name, Needs: s.Needs, from: d, key: key}
	if s.Name == "" {
		d.fault(d.place(key), key, "name is missing")
	} else if !nameForm.MatchString(s.Name) {
		d.fault(d.place(key+".name"), key+".name", nameRule+lowered(s.Name, "-"))
	}
	kind, ok := kindNamed(kinds, s.Run)
	switch {
	case s.Run == "":
		d.fault(d.place(key), key, "run is missing: say what kind of stage it is"+near("", kindNames(kinds)))
		return st
	case !ok:
		d.fault(d.place(key+".run"), key+".run", fmt.Sprintf("no kind of stage is called %q%s", s.Run, near(s.Run, kindNames(kinds))))
		return st
	}
	st.Kind = kind
	st.Config = d.config(kind, join(key, "with"), s.With)
	return st
}

// config decodes tree, the section at the dotted key, over the defaults of kind.
func (d *document) config(kind Kind, key string, tree map[string]any) Config {
	cfg, faults := decode(tree, kind.Default)
	for _, kf := range faults {
		k := strings.Trim(join(key, kf.key), ".")
		d.fault(d.place(k), k, kf.problem)
	}
	if len(faults) > 0 {
		return cfg
	}
	for _, err := range each(cfg.Validate()) {
		// Messages of Validate begin with the key that they are about.
		word, rest, _ := strings.Cut(err.Error(), " ")
		word = strings.TrimSuffix(word, ":")
		if k := strings.Trim(join(key, word), "."); isKey(cfg, word) {
			d.fault(d.place(k), k, rest)
		} else {
			d.fault(d.place(key), key, err.Error())
		}
	}
	return cfg
}

// isKey reports whether c has a setting or a section of that dotted key.
func isKey(c Config, key string) bool {
	return slices.ContainsFunc(configKeys(c), func(k string) bool { return k == key || strings.HasPrefix(k, key+".") })
}

// each returns the errors that err joins.
func each(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
