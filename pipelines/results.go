package pipelines

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// reportName is the page that a stage leaves for people.
const reportName = "report.html"

// A Result is something that came out of a run, for its last lines.
type Result struct {
	Stage string   `json:"stage"`
	Name  string   `json:"name"`
	Value any      `json:"value"`         // a number, words, or the path of a file or folder
	Low   *float64 `json:"low,omitempty"` // of the interval around a number, where there is one
	High  *float64 `json:"high,omitempty"`
}

// Results returns what to look at after a run: the figures that each stage's
// kind shows, and the report, or else the folder of the last stage.
func Results(outcomes []Outcome) []Result {
	var out []Result
	var last Result
	for _, o := range outcomes {
		out = append(out, o.shown()...)
		last = Result{Stage: o.Stage, Name: "folder", Value: o.Dir}
		if path := filepath.Join(o.Dir, reportName); exists(path) {
			last = Result{Stage: o.Stage, Name: "report", Value: path}
		}
	}
	if len(outcomes) > 0 {
		out = append(out, last)
	}
	return out
}

// shown returns the figures that the kind of stage shows; a figure that is not
// there is left out.
func (o Outcome) shown() []Result {
	var tree any
	if b, err := os.ReadFile(filepath.Join(o.Dir, o.kind.Summary)); err != nil || json.Unmarshal(b, &tree) != nil {
		return nil
	}
	var out []Result
	for _, show := range o.kind.Shows {
		v := follow(tree, show.Path)
		r := Result{Stage: o.Stage, Name: show.Name, Value: v}
		if m, ok := v.(map[string]any); ok { // a figure with its interval
			r.Value, r.Low, r.High = m["value"], number(m["low"]), number(m["high"])
			if d, ok := m["difference"]; ok {
				r.Value = d
			}
		}
		if text, _ := r.Value.(string); text != "" || number(r.Value) != nil {
			out = append(out, r)
		}
	}
	return out
}

// follow returns what is at the dotted path in tree, or nil. An item of a list
// goes by its index, or by the value of its "key".
func follow(tree any, path string) any {
	for part := range strings.SplitSeq(path, ".") {
		switch t := tree.(type) {
		case map[string]any:
			tree = t[part]
		case []any:
			tree = nil
			for i, item := range t {
				if m, ok := item.(map[string]any); strconv.Itoa(i) == part || ok && m["key"] == part {
					tree = item
				}
			}
		default:
			return nil
		}
	}
	return tree
}

func number(v any) *float64 {
	if n, ok := v.(float64); ok {
		return &n
	}
	return nil
}

// String returns the value as the last lines of a run show it.
func (r Result) String() string {
	n := number(r.Value)
	switch {
	case n == nil:
		return fmt.Sprint(r.Value)
	case r.Low == nil || r.High == nil:
		return fmt.Sprintf("%.4g", *n)
	}
	return fmt.Sprintf("%.3f (%.3f to %.3f)", *n, *r.Low, *r.High)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
