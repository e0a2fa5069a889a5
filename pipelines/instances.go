package pipelines

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// The files of a folder that holds the instances of a matrix, each a run folder.
const (
	matrixName  = "matrix.json"
	tableName   = "matrix.csv"
	matrixCache = ".cache"
)

// An InstanceResult is what came out of an instance of a matrix, as matrix.json
// has it.
type InstanceResult struct {
	Instance string        `json:"instance"` // its folder too
	Values   []MatrixValue `json:"values"`
	Results  []Result      `json:"results"`
	Error    string        `json:"error,omitempty"` // why it is not whole
}

// RunMatrix does the instances of a pipeline with a matrix, one after the other,
// each in a run folder under dir; a stage uses every core by itself. What two
// instances have in common is done once: without a cache in o they share one in
// dir. What came out goes into matrix.json and matrix.csv as it comes. An instance
// that fails does not keep the others from theirs, unless ctx is done; the error
// is that of the first.
func (p *Pipeline) RunMatrix(ctx context.Context, dir string, o Options) ([]InstanceResult, error) {
	o, err := p.claimMatrix(dir, o)
	if err != nil {
		return nil, err
	}
	var all []InstanceResult
	var first error
	for _, in := range p.Instances {
		log := o
		log.Log = o.Log.With("instance", in.Instance)
		outcomes, err := in.Run(ctx, filepath.Join(dir, in.Instance), log)
		r := InstanceResult{Instance: in.Instance, Values: in.Values, Results: figures(outcomes)}
		if err != nil {
			err = fmt.Errorf("instance %s: %w", in.Instance, err)
			r.Error = err.Error()
			if first == nil {
				first = err
			}
			log.Log.Error("failed", "error", err)
		}
		all = append(all, r)
		if err := writeMatrix(dir, p.Name, all); err != nil {
			return all, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return all, first
}

// claimMatrix makes the folder dir, or makes sure that it is one of this matrix,
// and returns the options for its instances.
func (p *Pipeline) claimMatrix(dir string, o Options) (Options, error) {
	if err := makeFolder(dir); err != nil {
		return o, fmt.Errorf("run folder: %w", err)
	}
	var was struct {
		Name      string           `json:"name"`
		Instances []InstanceResult `json:"instances"`
	}
	err := jsonl.ReadValue(filepath.Join(dir, matrixName), &was)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			return o, errors.Join(err, fmt.Errorf("%w: %s is not empty and does not hold a matrix: choose another with --out", stage.ErrConfig, dir))
		}
	case err != nil:
		return o, err
	case was.Name != p.Name:
		return o, fmt.Errorf("%w: %s holds a matrix of the pipeline %q, not of %q: choose another with --out", stage.ErrConfig, dir, was.Name, p.Name)
	}
	return p.shared(dir, o), writeMatrix(dir, p.Name, was.Instances)
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
			w := newWork(s.Kind, s.Config, in.Seed)
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

// writeMatrix writes what came out of the instances so far: as JSON, and as a
// table with a row an instance, a column an axis and a column a figure, with two
// more for its interval.
func writeMatrix(dir, name string, all []InstanceResult) error {
	if all == nil {
		all = []InstanceResult{}
	}
	err := jsonl.WriteValue(filepath.Join(dir, matrixName), map[string]any{"name": name, "instances": all}, 0o644)
	if err != nil {
		return err
	}
	f, err := whole.Create(filepath.Join(dir, tableName), 0o644)
	if err != nil {
		return err
	}
	defer f.Abort()
	w := csv.NewWriter(f)
	if err := w.WriteAll(Table(all, true)); err != nil {
		return err
	}
	return f.Commit()
}

// Table returns the results as rows of cells, under a row of names. With
// intervals, the bounds of a figure have columns of their own; else they stand in
// its cell.
func Table(all []InstanceResult, intervals bool) [][]string {
	names := []string{"instance"}
	at := map[string]int{"instance": 0}
	column := func(name string) int {
		if _, ok := at[name]; !ok {
			at[name] = len(names)
			names = append(names, name)
		}
		return at[name]
	}
	var cells []map[int]string
	for _, r := range all {
		row := map[int]string{0: r.Instance}
		for _, v := range r.Values {
			row[column(v.Key)] = asJSON(v.Value)
		}
		for _, res := range r.Results {
			name := res.Stage + " " + res.Name
			if !intervals {
				row[column(name)] = res.String()
				continue
			}
			row[column(name)] = asJSON(res.Value)
			if res.Low != nil && res.High != nil {
				row[column(name+" low")], row[column(name+" high")] = asJSON(*res.Low), asJSON(*res.High)
			}
		}
		if r.Error != "" {
			row[column("error")] = r.Error
		}
		cells = append(cells, row)
	}
	table := [][]string{names}
	for _, row := range cells {
		line := make([]string, len(names))
		for i, text := range row {
			line[i] = text
		}
		table = append(table, line)
	}
	return table
}
