package pipelines

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"oncovox/internal/stage"
)

// A RunInfo is what a run folder says of its run.
type RunInfo struct {
	Dir     string      `json:"dir"`
	Name    string      `json:"name"` // of the pipeline
	Stages  []StageInfo `json:"stages"`
	Results []Result    `json:"results"`
}

// A StageInfo is how far a stage of a run is. What only a finished one has is
// empty before.
type StageInfo struct {
	Stage   string    `json:"stage"`
	Kind    string    `json:"kind"`
	State   string    `json:"state"` // done, interrupted (or running), or not run
	Digest  string    `json:"digest,omitempty"`
	Files   int       `json:"files,omitempty"`
	Bytes   int64     `json:"bytes,omitempty"`
	Seconds float64   `json:"seconds,omitempty"`
	End     time.Time `json:"end,omitzero"`
	rec     *Record
}

// Done returns how many stages of the run are done.
func (r RunInfo) Done() int {
	n := 0
	for _, s := range r.Stages {
		if s.State == "done" {
			n++
		}
	}
	return n
}

// End returns when the last stage ended that is done, or the zero time.
func (r RunInfo) End() time.Time {
	var last time.Time
	for _, s := range r.Stages {
		if s.End.After(last) {
			last = s.End
		}
	}
	return last
}

// Headline returns the results of the last stage that has any.
func (r RunInfo) Headline() []Result {
	for i, res := range r.Results {
		if res.Stage == r.Results[len(r.Results)-1].Stage {
			return r.Results[i:]
		}
	}
	return nil
}

// ReadRun reads what the run folder dir says. It needs no more than the folder: the
// run may be of another version, unfinished or running.
func ReadRun(dir string) (RunInfo, error) {
	text, err := os.ReadFile(filepath.Join(dir, resolvedName))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %s is not a run folder, such as runs/quickstart: it has no %s", stage.ErrConfig, dir, resolvedName)
		}
		return RunInfo{}, err
	}
	var file struct {
		Name   string
		Stages []struct{ Name, Run string }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return RunInfo{}, fmt.Errorf("%s: not YAML", filepath.Join(dir, resolvedName))
	}
	r := RunInfo{Dir: dir, Name: file.Name, Results: []Result{}}
	for _, s := range file.Stages {
		info := StageInfo{Stage: s.Name, Kind: s.Run, State: "not run"}
		path := filepath.Join(dir, s.Name)
		if rec, err := readRecord(path); err == nil {
			info.rec, info.State, info.Digest = rec, "done", rec.Digest
			info.Files, info.End, info.Seconds = len(rec.Outputs), rec.End, rec.End.Sub(rec.Start).Seconds()
			for _, f := range rec.Outputs {
				info.Bytes += f.Size
			}
			kind, _ := kindNamed(Kinds(), rec.Kind)
			r.Results = append(r.Results, Outcome{Step: Step{Stage: s.Name}, Dir: path, kind: kind}.shown()...)
		} else if exists(path + ".part") {
			info.State = "interrupted"
		}
		r.Stages = append(r.Stages, info)
	}
	return r, nil
}

// FindRuns returns the runs in the folder dir and in those in it, in the order of
// their folders. A run folder is not searched for more, nor is one whose name
// begins with a dot.
func FindRuns(dir string) ([]RunInfo, error) {
	var all []RunInfo
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && path == dir:
			return fmt.Errorf("%w: %w", stage.ErrConfig, err)
		case err != nil || !e.IsDir():
			return nil
		case path != dir && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case !exists(filepath.Join(path, resolvedName)):
			return nil
		}
		r, err := ReadRun(path)
		if err != nil {
			return err
		}
		all = append(all, r)
		return fs.SkipDir
	})
	return all, err
}

// A Difference is something in which two runs differ: a setting, a digest or a
// result, "" in one that does not have it.
type Difference struct {
	Stage string `json:"stage"`
	What  string `json:"what"` // a dotted key such as with.steps, or the name of a result
	A     string `json:"a"`
	B     string `json:"b"`
}

// CompareRuns returns in what the work of the runs a and b differs, and then in what
// they came out differently, stage by stage.
func CompareRuns(a, b RunInfo) (work, results []Difference) {
	facts := map[string][2]map[string]string{} // by stage
	figures := map[string][2]map[string]string{}
	var order []string
	for i, r := range []RunInfo{a, b} {
		for _, s := range r.Stages {
			if _, ok := facts[s.Stage]; !ok {
				order = append(order, s.Stage)
				facts[s.Stage] = [2]map[string]string{{}, {}}
				figures[s.Stage] = [2]map[string]string{{}, {}}
			}
			s.facts(facts[s.Stage][i])
			if s.rec != nil {
				figures[s.Stage][i]["digest"] = s.Digest[:min(12, len(s.Digest))]
			}
		}
		for _, res := range r.Results {
			figures[res.Stage][i][res.Name] = res.String()
		}
	}
	for _, name := range order {
		work = append(work, differences(name, facts[name])...)
		results = append(results, differences(name, figures[name])...)
	}
	return work, results
}

func differences(stage string, of [2]map[string]string) []Difference {
	var out []Difference
	for _, key := range unionKeys(of[0], of[1]) {
		if of[0][key] != of[1][key] {
			out = append(out, Difference{stage, key, of[0][key], of[1][key]})
		}
	}
	return out
}

// facts notes what decides what the stage leaves, but for the stages before it.
func (s StageInfo) facts(to map[string]string) {
	to["state"], to["run"] = s.State, s.Kind
	if s.rec == nil {
		return
	}
	to["seed"], to["version"] = fmt.Sprint(s.rec.Seed), fmt.Sprint(s.rec.Version)
	to["program"], to["kernel"] = s.rec.Program, s.rec.Machine.Kernel
	if s.rec.Sources != "" {
		to["sources"] = s.rec.Sources[:min(12, len(s.rec.Sources))]
	}
	for role, from := range s.rec.From {
		to["needs."+role] = from
	}
	flatten("with", s.rec.Config, to)
}

// flatten notes the values of config by dotted key.
func flatten(path string, config map[string]any, to map[string]string) {
	for key, v := range config {
		if inner, ok := v.(map[string]any); ok {
			flatten(join(path, key), inner, to)
			continue
		}
		to[join(path, key)] = asJSON(v)
	}
}
