package main

import (
	"github.com/spf13/cobra"
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Measure how fast this machine computes",
		Long:    long("Bench measures how fast this machine computes. Nothing else should be running."),
		Example: "  oncovox bench kernels",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return usagef("bench: say step or kernels") },
	}
	cmd.AddCommand(a.benchStepCommand(), a.benchKernelsCommand())
	return cmd
}
