package pipelines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"oncovox/internal/stage"
)

// A Reproduced is a stage that came out as it had before.
type Reproduced struct {
	Stage  string `json:"stage"`
	Digest string `json:"digest"`
}

// Reproduce does the work of the run in the folder run again, in the folder dir,
// from the same sources and without a cache, and compares what every stage leaves.
// It returns the stages that came out as before. The error names the first
// difference, at which it ends, and is a stage.ErrGate.
func Reproduce(ctx context.Context, run, dir string, o Options) ([]Reproduced, error) {
	path := filepath.Join(run, resolvedName)
	if !exists(path) {
		return nil, fmt.Errorf("%w: %s is not a run folder, such as runs/quickstart: it has no %s", stage.ErrConfig, run, resolvedName)
	}
	p, err := Load(path, nil, nil)
	if err != nil {
		return nil, err
	}
	return p.reproduce(ctx, run, dir, o)
}

func (p *Pipeline) reproduce(ctx context.Context, run, dir string, o Options) ([]Reproduced, error) {
	a, errA := os.Stat(run)
	if b, errB := os.Stat(dir); errA == nil && errB == nil && os.SameFile(a, b) {
		return nil, fmt.Errorf("%w: %s is the run itself: choose another folder with --out", stage.ErrConfig, dir)
	}
	was := map[string]*Record{}
	for _, s := range p.Stages {
		rec, err := readRecord(filepath.Join(run, s.Name))
		if err != nil {
			return nil, fmt.Errorf("%w: the run is not whole: stage %s: %w", stage.ErrConfig, s.Name, err)
		}
		was[s.Name] = rec
	}
	var same []Reproduced
	o.Cache = ""
	o.Check = func(rec *Record) error {
		if d := rec.difference(was[rec.Stage]); d != "" {
			return broken("stage %s was not reproduced: %s", rec.Stage, d)
		}
		same = append(same, Reproduced{rec.Stage, rec.Digest})
		return nil
	}
	_, err := p.Run(ctx, dir, o)
	return same, err
}

// difference says in what r, and then what it left, differs from the record was,
// or "".
func (r *Record) difference(was *Record) string {
	if changes := r.Work.changes(was.Work); changes != nil {
		return "its work is not the same: " + strings.Join(changes, "; ")
	}
	if r.Digest == was.Digest {
		return ""
	}
	for _, name := range unionKeys(r.Outputs, was.Outputs) {
		if now, before := r.Outputs[name], was.Outputs[name]; now != before {
			return fmt.Sprintf("%s differs%s", name, r.elsewhere(was))
		}
	}
	return "its record was changed"
}

// elsewhere says what may be the reason that r and was, of equal work, differ.
func (r *Record) elsewhere(was *Record) string {
	var why []string
	add := func(what, before, now string) {
		if before != now {
			why = append(why, fmt.Sprintf("%s %s → %s", what, before, now))
		}
	}
	add("program", was.Program, r.Program)
	add("kernel set", was.Machine.Kernel, r.Machine.Kernel)
	add("Go", was.Machine.Go, r.Machine.Go)
	if why == nil {
		return ""
	}
	return " (" + strings.Join(why, ", ") + ")"
}
