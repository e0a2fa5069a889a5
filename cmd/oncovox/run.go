package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

type runOptions struct {
	out   string
	cache string
	set   []string
	jobs  int
	gb    float64
	plan  bool
	json  bool
}

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run FILE.yaml",
		Short: "Run the stages of a pipeline file",
		Long: long(`Run does every stage of a pipeline file whose work has not been done, in the run
folder. The same command goes on with a run that failed or was interrupted, and
does again only what a changed file, setting or input calls for. FILE may be the
name of a built-in recipe: ` + strings.Join(pipelines.Recipes(), ", ") + `.

The environment may set values too: ONCOVOX_SEED, ONCOVOX_STAGES_MAE_WITH_STEPS.

A file with a matrix is run once for each choice of its values, each in a folder
of its own under the run folder, some at the same time. What came out of them is in
matrix.html, matrix.csv and matrix.json there.`),
		Example: `  oncovox run pipelines/quickstart.yaml
  oncovox run quickstart --set stages.mae.with.steps=500 --plan`,
		Args: oneArg("pipeline file", "pipelines/quickstart.yaml"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPipeline(cmd, args[0], o) },
	}
	o.flags(cmd)
	return cmd
}

// flags gives cmd the flags of a command that runs a pipeline file.
func (o *runOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.out, "out", "", "run folder (default runs/NAME, with the name in the file)")
	cmd.Flags().StringArrayVar(&o.set, "set", nil, "value over the file's, as `path=value`; may be repeated")
	cmd.Flags().StringVar(&o.cache, "cache", "", "`folder` that keeps finished stages for other runs (default $"+cacheVariable+"; none if that is not set)")
	cmd.Flags().IntVar(&o.jobs, "jobs", 0, "instances of a matrix that run at the same time at most; they share the threads. 0 means as many as threads and memory allow")
	cmd.Flags().Float64Var(&o.gb, "memory", 0, "memory in `GB` that instances at the same time may hold together; 0 means most of what is free")
	cmd.Flags().BoolVar(&o.plan, "plan", false, "print what would be done with each stage, and why; do nothing")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the result as JSON")
}

// load reads the pipeline file, and returns it with its folder and what it is run
// with.
func (a *app) load(file string, o runOptions) (p *pipelines.Pipeline, dir string, options pipelines.Options, err error) {
	options = a.options()
	switch {
	case o.jobs < 0:
		return nil, "", options, usagef("--jobs %d: want 0 or more", o.jobs)
	case !(o.gb >= 0 && o.gb < 1e6):
		return nil, "", options, usagef("--memory %v: want 0 or more, in GB", o.gb)
	}
	settings, err := settingsOf(o.set)
	if err != nil {
		return nil, "", options, err
	}
	if p, err = pipelines.Load(file, settings, os.Environ()); err != nil {
		return nil, "", options, err
	}
	options.Jobs, options.Memory = o.jobs, int64(o.gb*1e9)
	options.Cache = pipelines.Cache(cmp.Or(o.cache, os.Getenv(cacheVariable)))
	return p, cmp.Or(o.out, filepath.Join("runs", p.Name)), options, nil
}

func (a *app) runPipeline(cmd *cobra.Command, file string, o runOptions) error {
	p, dir, options, err := a.load(file, o)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	switch {
	case p.Study != nil:
		return usagef("%s holds a study: run it with oncovox study", file)
	case p.Instances != nil && o.plan:
		plans, err := p.PlanMatrix(ctx, dir, options)
		if err != nil {
			return err
		}
		return a.printMatrixPlan(plans, o.json)
	case p.Instances != nil:
		all, failed := p.RunMatrix(ctx, dir, options)
		a.ui.close()
		return errors.Join(a.printMatrix(dir, all, o.json), failed)
	case o.plan:
		steps, err := p.Plan(ctx, dir, options)
		if steps == nil {
			return err
		}
		return errors.Join(a.printPlan(steps, o.json), err)
	}
	outcomes, err := p.Run(ctx, dir, options)
	a.ui.close()
	if err != nil {
		return err
	}
	return a.printRun(dir, outcomes, o.json)
}

func (a *app) printPlan(steps []pipelines.Step, asJSON bool) error {
	if asJSON {
		return a.printJSON(steps)
	}
	var rows [][]string
	for _, s := range steps {
		rows = append(rows, []string{s.Action, s.Stage, strings.Join(s.Reasons, "; ")})
	}
	return a.printTable(rows)
}

func (a *app) printMatrixPlan(plans []pipelines.InstancePlan, asJSON bool) error {
	if asJSON {
		return a.printJSON(plans)
	}
	var rows [][]string
	for _, p := range plans {
		for _, s := range p.Steps {
			rows = append(rows, []string{p.Instance, s.Action, s.Stage, strings.Join(s.Reasons, "; ")})
		}
	}
	return a.printTable(rows)
}

func (a *app) printMatrix(dir string, all []pipelines.InstanceResult, asJSON bool) error {
	switch {
	case all == nil:
		return nil
	case asJSON:
		return a.printJSON(struct {
			Dir       string                     `json:"dir"`
			Instances []pipelines.InstanceResult `json:"instances"`
		}{dir, all})
	}
	if err := a.printTable(pipelines.Table(all, false)); err != nil {
		return err
	}
	return a.printTable([][]string{nil, {"report", filepath.Join(dir, "matrix.html")}})
}

// printRun prints what was done with each stage, and what came out of it.
func (a *app) printRun(dir string, outcomes []pipelines.Outcome, asJSON bool) error {
	results := pipelines.Results(outcomes)
	if asJSON {
		return a.printJSON(struct {
			Dir     string              `json:"dir"`
			Stages  []pipelines.Outcome `json:"stages"`
			Results []pipelines.Result  `json:"results"`
		}{dir, outcomes, results})
	}
	var rows [][]string
	for _, o := range outcomes {
		rows = append(rows, []string{o.Stage, o.Action, fmt.Sprintf("%.1f s", o.Seconds)})
	}
	rows = append(rows, nil)
	for _, r := range results {
		rows = append(rows, []string{r.Stage, r.Name, r.String()})
	}
	return a.printTable(rows)
}

// printTable prints rows of cells in columns.
func (a *app) printTable(rows [][]string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}
