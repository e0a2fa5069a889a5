package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify RUN_DIR",
		Short: "Hash every artifact of a run again, against the chain",
		Long: long(`Verify reads every artifact of a run, of all the runs in a folder, of a folder of
single stages or of that of one stage, and compares its digest with the stage's
record, and each record with those of the stages it was made from. It names the
first link that is broken. The private files of ingest may be taken out of a run
that is handed on. An input that lay elsewhere, of which the digest alone is known,
is noted.`),
		Example: "  oncovox verify runs/quickstart",
		Args:    oneArg("run folder", "runs/quickstart"),
		RunE: func(cmd *cobra.Command, args []string) error {
			runs, err := pipelines.FindRuns(args[0])
			if err != nil {
				return err
			}
			if len(runs) == 0 { // stages side by side, or one
				return a.verify(cmd, args[0], "")
			}
			for _, r := range runs {
				if err := a.verify(cmd, r.Dir, strings.TrimPrefix(r.Dir+"/", filepath.Clean(args[0])+"/")); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// verify verifies the run in dir, and prints its stages, each after the path.
func (a *app) verify(cmd *cobra.Command, dir, path string) error {
	records, err := pipelines.Verify(cmd.Context(), dir)
	if err != nil {
		return err
	}
	for _, r := range records {
		note := ""
		if r.TakenOut > 0 {
			note = ", " + pipelines.TakenOut(r.TakenOut)
		}
		if len(r.Elsewhere) > 0 {
			note += "; from elsewhere: " + strings.Join(r.Elsewhere, ", ")
		}
		fmt.Fprintf(a.stdout, "%s  %s%s (%s), %d files%s\n", r.Digest, path, r.Stage, r.Kind, len(r.Outputs)-r.TakenOut, note)
	}
	return nil
}
