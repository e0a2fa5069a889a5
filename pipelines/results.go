package pipelines

import (
	"os"
	"path/filepath"
)

// A Result is something that came out of a run, for its last lines.
type Result struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Results returns what to look at after a run: the report, the files it leaves,
// or else the folder of its last stage.
func Results(outcomes []Outcome) []Result {
	var out []Result
	for _, o := range outcomes {
		if path := filepath.Join(o.Dir, "report.html"); exists(path) {
			out = append(out, Result{"report", path})
		}
	}
	if len(out) == 0 && len(outcomes) > 0 {
		out = append(out, Result{"folder", outcomes[len(outcomes)-1].Dir})
	}
	return out
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
