package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Look at the settings of a pipeline file",
		Long:    long("Config looks at the settings of a pipeline file."),
		Example: "  oncovox config show quickstart",
		RunE:    func(*cobra.Command, []string) error { return usagef("config: say show") },
	}
	var set []string
	var origin bool
	show := &cobra.Command{
		Use:   "show FILE.yaml",
		Short: "Print every setting of a pipeline file, and where it came from",
		Long: long(`Show prints a pipeline file with every setting spelt out: those of the file, of
the files that it extends, of the environment and --set, and the defaults. With
a matrix it prints one document an instance. What it prints can be run.`),
		Example: "  oncovox config show quickstart --set stages.mae.with.steps=500 --origin",
		Args:    oneArg("pipeline file", "pipelines/quickstart.yaml"),
		RunE: func(_ *cobra.Command, args []string) error {
			settings, err := settingsOf(set)
			if err != nil {
				return err
			}
			p, err := pipelines.Load(args[0], settings, os.Environ())
			if err != nil {
				return err
			}
			for _, in := range p.Instances {
				fmt.Fprintf(a.stdout, "---\n# %s\n%s", in.Instance, in.Resolved(origin))
			}
			if p.Instances == nil {
				_, err = a.stdout.Write(p.Resolved(origin))
			}
			return err
		},
	}
	show.Flags().StringArrayVar(&set, "set", nil, "value over the file's, as `path=value`; may be repeated")
	show.Flags().BoolVar(&origin, "origin", false, "say after each value where it came from: file:line, --set, a variable or default")
	cmd.AddCommand(show)
	return cmd
}
