package pipelines

import (
	"encoding/csv"
	"path"
	"path/filepath"
	"slices"

	"oncovox/eval"
	"oncovox/internal/jsonl"
	"oncovox/internal/whole"
)

// writeMatrix writes what came out of the instances so far: as JSON, and as a
// table with a row an instance, a column an axis and a column a figure, with two
// more for its interval; and as a page.
func (p *Pipeline) writeMatrix(dir string, program string, all []InstanceResult) error {
	if all == nil {
		all = []InstanceResult{}
	}
	err := jsonl.WriteValue(filepath.Join(dir, matrixName), map[string]any{"name": p.Name, "instances": all}, 0o644)
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
	if err := f.Commit(); err != nil {
		return err
	}
	page, err := p.joint(program, all).HTML()
	if err != nil {
		return err
	}
	return whole.WriteFile(filepath.Join(dir, matrixPage), []byte(page), 0o644)
}

// reportOf returns the report that the outcomes of an instance have, by the slash
// path from the folder that the instances lie in, or "".
func reportOf(instance string, outcomes []Outcome) string {
	for _, o := range slices.Backward(outcomes) {
		if exists(filepath.Join(o.Dir, reportName)) {
			return path.Join(instance, o.Stage, reportName)
		}
	}
	return ""
}

// joint returns what the page of the results says.
func (p *Pipeline) joint(program string, all []InstanceResult) eval.Joint {
	j := eval.Joint{Name: p.Name, Program: program, Wanted: len(p.Instances)}
	for _, v := range p.Instances[0].Values {
		j.Factors = append(j.Factors, shortKey(v.Key))
	}
	judges := map[string]bool{} // stages that no other can read
	for _, s := range p.Instances[0].Stages {
		j.MadeData = j.MadeData || s.Kind.Name == "phantom"
		if s.Kind.Fills == "" {
			judges[s.Name] = true
		}
	}
	nameOf := func(res Result) string {
		if len(judges) == 1 && judges[res.Stage] {
			return res.Name
		}
		return res.Stage + " " + res.Name
	}
	for _, r := range all {
		for _, res := range r.Results {
			names := &j.Others
			if judges[res.Stage] {
				names = &j.Figures
			}
			if name := nameOf(res); !slices.Contains(*names, name) {
				*names = append(*names, name)
			}
		}
	}
	for _, r := range all {
		run := eval.JointRun{Name: r.Instance, Report: r.Report, Error: r.Error}
		for _, v := range r.Values {
			run.Levels = append(run.Levels, asJSON(v.Value))
		}
		of := map[string]eval.JointFigure{}
		for _, res := range r.Results {
			of[nameOf(res)] = res.inJoint()
		}
		run.Figures, run.Others = inOrder(j.Figures, of), inOrder(j.Others, of)
		j.Runs = append(j.Runs, run)
	}
	return j
}

// inOrder returns the figures of the given names, empty where there is none.
func inOrder(names []string, of map[string]eval.JointFigure) []eval.JointFigure {
	figures := make([]eval.JointFigure, len(names))
	for i, name := range names {
		figures[i] = of[name]
	}
	return figures
}

// inJoint returns r as the page has it.
func (r Result) inJoint() eval.JointFigure {
	f := eval.JointFigure{Value: number(r.Value), Low: r.Low, High: r.High}
	if f.Value == nil {
		f.Words = r.String()
	}
	return f
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
