package pipelines

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"oncovox/internal/stage"
)

var update = flag.Bool("update", false, "write the schema anew")

// schemaPaths are the places of the schema: for the program, and for readers.
var schemaPaths = []string{"pipeline.schema.json", "../docs/reference/pipeline.schema.json"}

func TestSchema(t *testing.T) {
	want := makeSchema(t)
	for _, path := range schemaPaths {
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the config structs say (error %v): go test ./pipelines -run TestSchema -update", path, err)
		}
	}
}

// The schema takes the built-in recipes, and refuses what the parser refuses
// for its form.
func TestSchemaTakesRecipes(t *testing.T) {
	check := compile(t)
	for _, name := range Recipes() {
		text, _ := recipe(name)
		if err := check(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		first, _, _ := bytes.Cut(text, []byte("\n"))
		if string(first) != "# yaml-language-server: $schema=../docs/reference/pipeline.schema.json" {
			t.Errorf("%s begins with %q, which names no schema", name, first)
		}
	}
	for _, text := range []string{
		"name: p\nstages: [{name: a, run: evaluat}]\n",
		"name: p\nstages: [{name: a, run: phantom, with: {patient: 3}}]\n",
		"name: p\nstages: [{name: a, run: phantom, with: {patients: 0.75}}]\n",
		"name: p\nstages: [{name: a, run: prepare}]\n",
		"name: p\nstages: [{name: a, run: prepare, needs: {data: b}}]\n",
		"name: p\nsead: 3\nstages: [{name: a, run: phantom}]\n",
		"name: p\nstages: [{name: a, with: {patients: 3}}]\n",
		"stages: [{name: a, run: phantom}]\n",
		"extends: q\nstages: [{with: {patients: 3}}]\n",
		"extends: q\nmatrix: [{key: sead, values: [1]}]\n",
		"extends: q\nmatrix: [{key: seed, values: []}]\n",
	} {
		if check([]byte(text)) == nil {
			t.Errorf("the schema takes\n%s", text)
		}
	}
}

// A file that extends another may leave out what the other has.
func TestSchemaTakesDifferences(t *testing.T) {
	check := compile(t)
	for _, text := range []string{
		"extends: quickstart\n",
		"extends: quickstart\nstages: [{name: mae, with: {steps: 3}}]\nmatrix: [{key: seed, values: [1, 2]}]\n",
		"extends: quickstart\nstages: [{name: report, run: evaluate, needs: {backbone: mae}}]\n",
	} {
		if err := check([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Every setting says what it means.
func TestDescribe(t *testing.T) {
	for _, kind := range Kinds() {
		for _, s := range Describe(kind) {
			if s.Comment == "" {
				t.Errorf("%s: %s has no comment in its config struct", kind.Name, s.Key)
			}
		}
	}
}

func compile(t *testing.T) func(text []byte) error {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource("pipeline.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("pipeline.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(text []byte) error {
		var v any
		if err := yaml.Unmarshal(text, &v); err != nil {
			return err
		}
		return s.Validate(v)
	}
}

// shareSchema is that of a stage.Share.
func shareSchema(t reflect.Type) *jsonschema.Schema {
	if t != reflect.TypeFor[stage.Share]() {
		return nil
	}
	return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "number"}, {Type: "string", Pattern: `^[0-9.]+%$`}}}
}

// makeSchema makes the schema of pipeline files from the kinds of stage.
func makeSchema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{FieldNameTag: "mapstructure", Anonymous: true, DoNotReference: true, RequiredFromJSONSchemaTags: true, Mapper: shareSchema}
	t.Chdir("..")
	for _, kind := range Kinds() {
		pkg := reflect.TypeOf(kind.Default).PkgPath()
		if err := r.AddGoComments("oncovox", "./"+strings.TrimPrefix(pkg, "oncovox/")); err != nil {
			t.Fatal(err)
		}
	}
	stage := section{}
	item := object(map[string]any{
		"name":  map[string]any{"type": "string", "pattern": nameForm.String(), "description": "name of the stage, and of its folder in the run"},
		"run":   map[string]any{"enum": kindNames(Kinds()), "description": "kind of stage"},
		"seed":  map[string]any{"type": "integer", "description": "seed of the stage's random numbers; without it the pipeline's"},
		"needs": map[string]any{"type": "object", "description": "role to the name of the stage that fills it"},
		"with":  map[string]any{"type": []string{"object", "null"}, "description": "settings that differ from the defaults"},
	}, "name")
	if n := reflect.TypeOf(stage).NumField(); n != len(item["properties"].(map[string]any)) {
		t.Errorf("a stage has %d keys, the schema %d", n, len(item["properties"].(map[string]any)))
	}
	defs := map[string]any{}
	var rules, whole []any // for every stage, and for one that extends no other
	for _, kind := range Kinds() {
		def := r.Reflect(kind.Default)
		def.Version = ""
		setDefaults(def, reflect.ValueOf(kind.Default))
		defs[kind.Name] = def
		is := map[string]any{"properties": map[string]any{"run": map[string]any{"const": kind.Name}}, "required": []string{"run"}}
		rules = append(rules, map[string]any{"if": is, "then": map[string]any{
			"properties": map[string]any{"needs": needsSchema(kind), "with": map[string]any{"$ref": "#/$defs/" + kind.Name}}}})
		if len(kind.Needs) > 0 {
			whole = append(whole, map[string]any{"if": is, "then": map[string]any{
				"properties": map[string]any{"needs": map[string]any{"required": kind.Needs}}, "required": []string{"needs"}}})
		}
	}
	item["allOf"] = rules
	line := object(map[string]any{
		"key":    map[string]any{"type": "string", "pattern": `^(seed|stages\..+)$`, "description": "the value, such as stages.mae.with.steps"},
		"values": map[string]any{"type": "array", "minItems": 1, "description": "what it is to be in turn"},
	}, "key", "values")
	top := object(map[string]any{
		"extends": map[string]any{"type": "string", "description": "pipeline file, from the folder of this one, or recipe that this file says the differences to"},
		"name":    map[string]any{"type": "string", "pattern": nameForm.String(), "description": "name of the pipeline; a run goes to runs/NAME"},
		"seed":    map[string]any{"type": "integer", "default": 1, "description": "seed of every random number"},
		"matrix":  map[string]any{"type": "array", "items": line, "description": "values that are to be tried, every one with every other; each makes an instance of the pipeline"},
		"study":   studySchema(t, r),
		"stages":  map[string]any{"type": "array", "minItems": 1, "items": item, "description": "the stages, in any order; needs says what waits for what"},
	})
	if n := reflect.TypeOf(file{}).NumField(); n != len(top["properties"].(map[string]any)) {
		t.Errorf("a file has %d keys, the schema %d", n, len(top["properties"].(map[string]any)))
	}
	top["if"] = map[string]any{"not": map[string]any{"required": []string{"extends"}}}
	top["then"] = map[string]any{
		"required":   []string{"name", "stages"},
		"properties": map[string]any{"stages": map[string]any{"items": map[string]any{"required": []string{"run"}, "allOf": whole}}},
	}
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "Oncovox pipeline file"
	top["$defs"] = defs
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(top); err != nil {
		t.Fatal(err)
	}
	t.Chdir("pipelines")
	return buf.Bytes()
}

func object(properties map[string]any, required ...string) map[string]any {
	required = append([]string{}, required...) // an empty list, not none
	return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func needsSchema(kind Kind) map[string]any {
	roles := map[string]any{}
	for _, role := range append(append([]string{}, kind.Needs...), kind.Takes...) {
		roles[role] = map[string]any{"type": "string"}
	}
	return object(roles)
}

// setDefaults gives every property of s the default that the config v holds.
func setDefaults(s *jsonschema.Schema, v reflect.Value) {
	for i := range v.NumField() {
		p, ok := s.Properties.Get(v.Type().Field(i).Tag.Get("mapstructure"))
		switch {
		case !ok:
		case v.Field(i).Kind() == reflect.Struct:
			setDefaults(p, v.Field(i))
		case v.Field(i).Kind() == reflect.Slice && v.Field(i).IsNil():
			p.Default = []any{}
		default:
			p.Default = v.Field(i).Interface()
		}
	}
}
