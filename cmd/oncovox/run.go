package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

type runOptions struct {
	out  string
	set  []string
	plan bool
	json bool
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

The environment may set values too: ONCOVOX_SEED, ONCOVOX_STAGES_MAE_WITH_STEPS.`),
		Example: `  oncovox run pipelines/quickstart.yaml
  oncovox run quickstart --set stages.mae.with.steps=500 --plan`,
		Args: oneArg("pipeline file", "pipelines/quickstart.yaml"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runPipeline(cmd, args[0], o) },
	}
	cmd.Flags().StringVar(&o.out, "out", "", "run folder (default runs/NAME, with the name in the file)")
	cmd.Flags().StringArrayVar(&o.set, "set", nil, "value over the file's, as `path=value`; may be repeated")
	cmd.Flags().BoolVar(&o.plan, "plan", false, "print what would be done with each stage, and why; do nothing")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the result as JSON")
	return cmd
}

func (a *app) runPipeline(cmd *cobra.Command, file string, o runOptions) error {
	settings, err := settingsOf(o.set)
	if err != nil {
		return err
	}
	p, err := pipelines.Load(file, settings, os.Environ())
	if err != nil {
		return err
	}
	dir := o.out
	if dir == "" {
		dir = filepath.Join("runs", p.Name)
	}
	if o.plan {
		steps, err := p.Plan(cmd.Context(), dir)
		if err != nil {
			return err
		}
		return a.printPlan(steps, o.json)
	}
	outcomes, err := p.Run(cmd.Context(), dir, a.options())
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
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, s := range steps {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Action, s.Stage, strings.Join(s.Reasons, "; "))
	}
	return w.Flush()
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
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, o := range outcomes {
		fmt.Fprintf(w, "%s\t%s\t%.1f s\n", o.Stage, o.Action, o.Seconds)
	}
	fmt.Fprintln(w)
	for _, r := range results {
		fmt.Fprintf(w, "%s\t%s\t%s\n", r.Stage, r.Name, r)
	}
	return w.Flush()
}
