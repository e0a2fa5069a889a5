package main

import (
	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of pipeline files",
		Long: long(`Schema prints the JSON Schema of pipeline files. An editor that knows it, from the
first line of a recipe, completes keys and shows what they mean.`),
		Example: "  oncovox schema > pipeline.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(pipelines.Schema())
			return err
		},
	}
}
