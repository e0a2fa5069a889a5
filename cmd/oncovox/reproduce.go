package main

import (
	"cmp"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) reproduceCommand() *cobra.Command {
	out, asJSON := "", false
	cmd := &cobra.Command{
		Use:   "reproduce RUN_DIR",
		Short: "Do a run again elsewhere, and compare what comes out",
		Long: long(`Reproduce does all the work of a run again, in another folder, from the run's
resolved pipeline file, and compares the digests stage by stage. It ends with the
first difference, and names it. The same command goes on after an interruption.
The sources must be where they were. Another set of kernels may give other bytes:
ONCOVOX_KERNEL=go makes every machine use the portable one.`),
		Example: "  oncovox reproduce runs/quickstart --out runs/quickstart-again",
		Args:    oneArg("run folder", "runs/quickstart"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := cmp.Or(out, strings.TrimRight(args[0], "/")+"-again")
			same, err := pipelines.Reproduce(cmd.Context(), args[0], dir, a.options())
			a.ui.close()
			if asJSON {
				return errors.Join(a.printJSON(append([]pipelines.Reproduced{}, same...)), err)
			}
			var rows [][]string
			for _, s := range same {
				rows = append(rows, []string{"same", s.Digest, s.Stage})
			}
			return errors.Join(a.printTable(rows), err)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder for the second run (default RUN_DIR-again)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the stages that came out the same as JSON")
	return cmd
}
