package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify RUN_DIR",
		Short: "Hash every artifact of a run again, against the chain",
		Long: long(`Verify reads every artifact of a run, or of the folder of a single stage, and
compares its digest with the stage's record, and each record with those of the
stages it was made from. It names the first link that is broken. The private
files of ingest may be taken out of a run that is handed on.`),
		Example: "  oncovox verify runs/quickstart",
		Args:    oneArg("run folder", "runs/quickstart"),
		RunE: func(cmd *cobra.Command, args []string) error {
			records, err := pipelines.Verify(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, r := range records {
				note := ""
				if r.TakenOut > 0 {
					note = ", " + pipelines.TakenOut(r.TakenOut)
				}
				fmt.Fprintf(a.stdout, "%s  %s (%s), %d files%s\n", r.Digest, r.Stage, r.Kind, len(r.Outputs)-r.TakenOut, note)
			}
			return nil
		},
	}
}
