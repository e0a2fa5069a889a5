package pipelines

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Result is something that came out of a run, for its last lines.
type Result struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	Value any    `json:"value"` // a number, or the path of a file or folder
}

// Results returns what to look at after a run: the figures that each stage's
// kind shows, and the report, or else the folder of the last stage.
func Results(outcomes []Outcome) []Result {
	var out []Result
	var last Result
	for _, o := range outcomes {
		kind, _ := kindNamed(Kinds(), o.Kind)
		out = append(out, shown(o, kind)...)
		last = Result{o.Stage, "folder", o.Dir}
		if path := filepath.Join(o.Dir, "report.html"); exists(path) {
			last = Result{o.Stage, "report", path}
		}
	}
	if len(outcomes) > 0 {
		out = append(out, last)
	}
	return out
}

// shown returns the figures of o that its kind shows; a figure that is not there
// is left out.
func shown(o Outcome, kind Kind) []Result {
	var tree any
	if b, err := os.ReadFile(filepath.Join(o.Dir, kind.Summary)); err != nil || json.Unmarshal(b, &tree) != nil {
		return nil
	}
	var out []Result
	for _, key := range kind.Shows {
		v := tree
		for part := range strings.SplitSeq(key, ".") {
			m, _ := v.(map[string]any)
			v = m[part]
		}
		if n, ok := v.(float64); ok {
			out = append(out, Result{o.Stage, key, n})
		}
	}
	return out
}

// String returns the value as the last lines of a run show it.
func (r Result) String() string {
	if n, ok := r.Value.(float64); ok {
		return fmt.Sprintf("%.4g", n)
	}
	return fmt.Sprint(r.Value)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
