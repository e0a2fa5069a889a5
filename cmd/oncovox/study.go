package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) studyCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "study FILE.yaml",
		Short: "Compare ways to train, with few labels and with many",
		Long: long(`Study trains the detector of a pipeline file in every way that its section study
lists, such as with and without pretraining, with several shares of the labels and
several seeds, and judges all on the same scans. Every way trains with each learning
rate of a list, and is given the best on validation scans. The report, study.html,
says in a sentence whether one way is better than another; study.json and study.csv
hold its figures.

Every training is kept: the same command goes on where it was. --plan lists the
trainings, what is done, and how long the others will take.`),
		Example: `  oncovox study pipelines/study-quick.yaml
  oncovox study study-phantom --plan`,
		Args: oneArg("pipeline file with a study", "pipelines/study-quick.yaml"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runStudy(cmd, args[0], o) },
	}
	o.flags(cmd)
	return cmd
}

func (a *app) runStudy(cmd *cobra.Command, file string, o runOptions) error {
	p, dir, options, err := a.load(file, o)
	switch {
	case err != nil:
		return err
	case p.Study == nil:
		return usagef("%s has no section study: run it with oncovox run, or see the recipe study-quick", file)
	case o.plan:
		plan, err := p.Study.Plan(cmd.Context(), dir, options)
		if err != nil {
			return err
		}
		return a.printStudyPlan(plan, o.json)
	}
	report, err := p.Study.Run(cmd.Context(), dir, options)
	a.ui.close()
	if err != nil {
		return err
	}
	if o.json {
		return a.printJSON(report)
	}
	rows := [][]string{{"test", "arm", "labels", "CPM"}}
	for _, t := range report.Tests {
		for _, f := range t.Figures {
			rows = append(rows, []string{t.Name, f.Arm, fmt.Sprintf("%g", f.Labels), pipelines.Result{Value: *f.CPM, Low: f.Low, High: f.High}.String()})
		}
	}
	if err := a.printTable(append(rows, nil)); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, strings.Join(append([]string{report.Words}, report.Outside...), "\n"))
	fmt.Fprintln(a.stdout, "report", filepath.Join(dir, "study.html"))
	return nil
}

func (a *app) printStudyPlan(plan pipelines.StudyPlan, asJSON bool) error {
	if asJSON {
		return a.printJSON(plan)
	}
	left := func(seconds float64, known bool) string {
		text := time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
		if !known {
			return "unknown; " + text + " for what is known"
		}
		return text
	}
	rows := [][]string{{"cell", "learning rate", "to do", "time left"}}
	for _, c := range plan.Cells {
		row := []string{c.Cell, c.Rate, "nothing", ""}
		if len(c.To) > 0 {
			row[2], row[3] = strings.Join(c.To, ", "), left(c.Left, c.Known)
		}
		rows = append(rows, row)
	}
	return a.printTable(append(rows, []string{fmt.Sprintf("%d cells", len(plan.Cells)), "", "", left(plan.Left, plan.Known)}))
}
