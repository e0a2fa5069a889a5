package eval

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas compiles the published schemas once.
var schemas = sync.OnceValues(func() (map[string]*validator.Schema, error) {
	out := map[string]*validator.Schema{}
	for _, name := range []string{"metrics", "compare", "study"} {
		text, err := os.ReadFile("../docs/reference/" + name + ".schema.json")
		if err != nil {
			return nil, err
		}
		doc, err := validator.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		c := validator.NewCompiler()
		if err := c.AddResource(name, doc); err != nil {
			return nil, err
		}
		if out[name+".json"], err = c.Compile(name); err != nil {
			return nil, err
		}
	}
	return out, nil
})

// checkSchema fails where the text of metrics.json or compare.json at path is not
// what its schema says. The evaluation of LUNA16 has metrics of its own.
func checkSchema(t *testing.T, path string, text []byte) {
	t.Helper()
	all, err := schemas()
	must(t, err)
	s := all[filepath.Base(path)]
	if s == nil || bytes.Contains(text, []byte(`"rules"`)) {
		return
	}
	v, err := validator.UnmarshalJSON(bytes.NewReader(text))
	must(t, err)
	if err := s.Validate(v); err != nil {
		t.Errorf("%s: %v", path, err)
	}
}
