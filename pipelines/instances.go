package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// The files of a folder that holds the instances of a matrix, each a run folder.
const (
	matrixName  = "matrix.json"
	tableName   = "matrix.csv"
	matrixPage  = "matrix.html"
	matrixCache = ".cache"
)

// An InstanceResult is what came out of an instance of a matrix, as matrix.json
// has it.
type InstanceResult struct {
	Instance string        `json:"instance"` // its folder too
	Values   []MatrixValue `json:"values"`
	Results  []Result      `json:"results"`
	Report   string        `json:"report,omitempty"` // its report.html, by the slash path from the matrix's folder
	Error    string        `json:"error,omitempty"`  // why it is not whole
}

// claimMatrix makes the folder dir, or makes sure that it is one of this matrix, and
// takes it for this process. It returns the options for the instances.
func (p *Pipeline) claimMatrix(dir string, o Options) (_ Options, unlock func(), err error) {
	if err := makeFolder(dir); err != nil {
		return o, nil, fmt.Errorf("run folder: %w", err)
	}
	var was struct {
		Name      string           `json:"name"`
		Instances []InstanceResult `json:"instances"`
	}
	err = jsonl.ReadValue(filepath.Join(dir, matrixName), &was)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		entries, err := os.ReadDir(dir)
		if err != nil {
			return o, nil, err
		}
		for _, e := range entries {
			if e.Name() != lockName {
				return o, nil, fmt.Errorf("%w: %s is not empty and does not hold a matrix: choose another with --out", stage.ErrConfig, dir)
			}
		}
	case err != nil:
		return o, nil, err
	case was.Name != p.Name:
		return o, nil, fmt.Errorf("%w: %s holds a matrix of the pipeline %q, not of %q: choose another with --out", stage.ErrConfig, dir, was.Name, p.Name)
	}
	if unlock, err = lock(filepath.Join(dir, lockName)); err != nil {
		return o, nil, fmt.Errorf("run folder %s: %w", dir, err)
	}
	if err := p.writeMatrix(dir, o.Program, was.Instances); err != nil {
		unlock()
		return o, nil, err
	}
	return p.shared(dir, o), unlock, nil
}

// shared returns o with what the instances in dir share.
func (p *Pipeline) shared(dir string, o Options) Options {
	if o.Cache == "" {
		o.Cache = Cache(filepath.Join(dir, matrixCache))
	}
	o.digests = newDigester(filepath.Join(dir, memoryName))
	return o
}

// An InstancePlan says what is to be done with the stages of an instance.
type InstancePlan struct {
	Instance string `json:"instance"`
	Steps    []Step `json:"steps"`
}

// PlanMatrix returns what RunMatrix would do in dir. A stage whose work an
// instance before it will have done is reused.
func (p *Pipeline) PlanMatrix(ctx context.Context, dir string, o Options) ([]InstancePlan, error) {
	o = p.shared(dir, o)
	by := map[string]string{} // the instance that does the work, by key
	var all []InstancePlan
	for _, in := range p.Instances {
		steps, err := in.Plan(ctx, filepath.Join(dir, in.Instance), o)
		if err != nil {
			return nil, err
		}
		keys := map[string]string{} // of work that is done or not, by stage
		for i, s := range in.Stages {
			w := newWork(s.Kind, s.Config, s.Seed)
			if s.Kind.Sources != nil {
				if w.Sources, err = o.digests.sources(ctx, s.Kind.Sources(s.Config)); err != nil {
					return nil, err
				}
			}
			for role, name := range s.Needs {
				w.Inputs[role] = keys[name]
			}
			keys[s.Name] = w.Key()
			if other, ok := by[w.Key()]; ok && steps[i].Action == Run {
				steps[i].Action, steps[i].Reasons = Reuse, []string{"as in " + other}
			} else if !ok {
				by[w.Key()] = in.Instance
			}
		}
		all = append(all, InstancePlan{in.Instance, steps})
	}
	return all, nil
}

// figures returns the figures that the stages show, without paths.
func figures(outcomes []Outcome) []Result {
	all := []Result{}
	for _, o := range outcomes {
		all = append(all, o.shown()...)
	}
	return all
}
