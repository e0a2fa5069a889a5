package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify RUN_DIR",
		Short: "Hash every artifact of a run again, against the chain",
		Long: long(`Verify reads every artifact of a run, of a folder of single stages or of that of
one stage, and compares its digest with the stage's record, and each record with
those of the stages it was made from. It names the first link that is broken. The
private files of ingest may be taken out of a run that is handed on. An input that
lay elsewhere, of which the digest alone is known, is noted.`),
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
				if len(r.Elsewhere) > 0 {
					note += "; from elsewhere: " + strings.Join(r.Elsewhere, ", ")
				}
				fmt.Fprintf(a.stdout, "%s  %s (%s), %d files%s\n", r.Digest, r.Stage, r.Kind, len(r.Outputs)-r.TakenOut, note)
			}
			return nil
		},
	}
}
