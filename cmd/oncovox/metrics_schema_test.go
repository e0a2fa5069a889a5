package main

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"oncovox/eval"
	"oncovox/internal/golden"
)

// The schemas of what evaluate, its comparison and a study leave are made from their
// structs and comments: go test ./cmd/oncovox -run TestGolden -update.
func TestGoldenMetricsSchema(t *testing.T) {
	golden.Check(t, reference+"metrics.schema.json", resultSchema(t, eval.Metrics{}, "Oncovox metrics.json"))
	golden.Check(t, reference+"compare.schema.json", resultSchema(t, eval.Comparison{}, "Oncovox compare.json"))
	golden.Check(t, reference+"study.schema.json", resultSchema(t, eval.StudyReport{}, "Oncovox study.json"))
}

// resultSchema returns the JSON Schema of files that hold v.
func resultSchema(t *testing.T, v any, title string) []byte {
	t.Helper()
	t.Chdir("../..")
	defer t.Chdir("cmd/oncovox")
	r := &jsonschema.Reflector{Anonymous: true}
	for _, pkg := range []string{"./eval", "./eval/metric"} {
		if err := r.AddGoComments("oncovox", pkg); err != nil {
			t.Fatal(err)
		}
	}
	s := r.Reflect(v)
	s.Title = title
	nullable(s.Definitions, reflect.TypeOf(v), map[reflect.Type]bool{})
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// nullable lets the properties of defs that are pointers in t, and in the
// structs that t holds, be null.
func nullable(defs jsonschema.Definitions, t reflect.Type, done map[reflect.Type]bool) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || done[t] {
		return
	}
	done[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		if p, ok := defs[t.Name()].Properties.Get(name); ok && f.Type.Kind() == reflect.Pointer && options == "" {
			about := p.Description
			p.Description = ""
			defs[t.Name()].Properties.Set(name, &jsonschema.Schema{Description: about, OneOf: []*jsonschema.Schema{p, {Type: "null"}}})
		}
		nullable(defs, f.Type, done)
	}
}
