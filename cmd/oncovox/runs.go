package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) runsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "runs",
		Short:   "See what runs there are, what came out, and how two differ",
		Long:    long("Runs reads run folders. It changes nothing in them."),
		Example: "  oncovox runs list",
		RunE:    func(*cobra.Command, []string) error { return usagef("runs: say list, show or compare") },
	}
	asJSON := false
	list := &cobra.Command{
		Use:   "list [DIR]",
		Short: "List the runs in a folder",
		Long: long(`List prints the runs in DIR, by default runs, and in the folders in it: the folder,
the pipeline, how many stages are done, when the last ended, and the figures of
the last stage that has any.`),
		Example: "  oncovox runs list",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			all, err := pipelines.FindRuns(append(args, "runs")[0])
			if err != nil {
				return err
			}
			return a.printRuns(all, asJSON)
		},
	}
	show := &cobra.Command{
		Use:     "show RUN_DIR",
		Short:   "Show the stages of a run and what came out",
		Long:    long("Show prints how far every stage of a run is, what it left and how long it took,\nand the figures of all stages."),
		Example: "  oncovox runs show runs/quickstart",
		Args:    oneArg("run folder", "runs/quickstart"),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := pipelines.ReadRun(args[0])
			if err != nil {
				return err
			}
			return a.printOneRun(r, asJSON)
		},
	}
	compare := &cobra.Command{
		Use:   "compare RUN_DIR RUN_DIR",
		Short: "Show in what two runs differ",
		Long: long(`Compare prints the settings in which two runs differ, stage by stage, and then the
digests and figures that came out differently. Nothing is printed for equal runs.`),
		Example: "  oncovox runs compare runs/quickstart runs/quickstart-scratch",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("want two run folders, such as runs/quickstart runs/quickstart-scratch; got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			x, err := pipelines.ReadRun(args[0])
			if err != nil {
				return err
			}
			y, err := pipelines.ReadRun(args[1])
			if err != nil {
				return err
			}
			return a.printDifferences(x, y, asJSON)
		},
	}
	for _, sub := range []*cobra.Command{list, show, compare} {
		sub.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	}
	cmd.AddCommand(list, show, compare)
	return cmd
}

func (a *app) printRuns(all []pipelines.RunInfo, asJSON bool) error {
	if asJSON {
		return a.printJSON(append([]pipelines.RunInfo{}, all...))
	}
	var rows [][]string
	for _, r := range all {
		var figures []string
		for _, res := range r.Headline() {
			figures = append(figures, res.Name+" "+res.String())
		}
		rows = append(rows, []string{r.Dir, r.Name, fmt.Sprintf("%d/%d", r.Done(), len(r.Stages)), date(r.End()), strings.Join(figures, ", ")})
	}
	return a.printTable(rows)
}

func (a *app) printOneRun(r pipelines.RunInfo, asJSON bool) error {
	if asJSON {
		return a.printJSON(r)
	}
	var rows [][]string
	for _, s := range r.Stages {
		row := []string{s.Stage, s.Kind, s.State}
		if s.State == "done" {
			row = append(row, s.Digest[:min(12, len(s.Digest))], fmt.Sprintf("%d files", s.Files), pipelines.Bytes(s.Bytes), fmt.Sprintf("%.1f s", s.Seconds), date(s.End))
		}
		rows = append(rows, row)
	}
	if err := a.printTable(rows); err != nil {
		return err
	}
	rows = [][]string{nil}
	for _, res := range r.Results {
		rows = append(rows, []string{res.Stage, res.Name, res.String()})
	}
	return a.printTable(rows)
}

func (a *app) printDifferences(x, y pipelines.RunInfo, asJSON bool) error {
	work, results := pipelines.CompareRuns(x, y)
	if asJSON {
		return a.printJSON(map[string][]pipelines.Difference{
			"work": append([]pipelines.Difference{}, work...), "results": append([]pipelines.Difference{}, results...)})
	}
	if len(work)+len(results) == 0 {
		return nil
	}
	rows := [][]string{{"", "", x.Dir, y.Dir}}
	for _, d := range append(work, results...) {
		rows = append(rows, []string{d.Stage, d.What, d.A, d.B})
	}
	return a.printTable(rows)
}

// date returns t as the clock on the wall has it, or "" for the zero time.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
