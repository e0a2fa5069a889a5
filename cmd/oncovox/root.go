package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"oncovox/internal/kernel"
	"oncovox/pipelines"
)

// An app is what the commands share.
type app struct {
	stdout    io.Writer
	ui        *ui
	threads   int
	logFormat string
	listen    string // address, or "" for none
	started   bool   // the command line was understood
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "oncovox",
		Short: "From archives of scans to a tumour detector and its report",
		Long: `Oncovox turns archives of hospital scans into a tumour detector and a report
about it, on one machine, offline.

` + exitHelp,
		Example:       "  oncovox run quickstart",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.threads < 0 {
				return usagef("--threads %d: want 0 or more", a.threads)
			}
			switch a.logFormat {
			case "text":
			case "json":
				a.ui.asJSON()
			default:
				return usagef("--log-format %s: want text or json", a.logFormat)
			}
			a.started = true
			if a.listen != "" {
				if err := a.ui.listen(a.listen); err != nil {
					return err
				}
			}
			kernel.SetThreads(a.threads)
			return nil
		},
	}
	root.PersistentFlags().IntVar(&a.threads, "threads", 0, "threads to compute with; 0 means one a CPU. Results do not depend on it")
	root.PersistentFlags().StringVar(&a.logFormat, "log-format", "text", "form of the log on standard error: text, or json for one object a line, progress and errors among them")
	root.PersistentFlags().StringVar(&a.listen, "listen", "", "`address`, such as 127.0.0.1:9100, that answers /metrics for Prometheus and /debug/pprof while the command runs; none unless given")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(a.runCommand(), a.studyCommand())
	for _, kind := range pipelines.Kinds() {
		root.AddCommand(a.stageCommand(kind))
	}
	root.AddCommand(a.dicomCommand(), a.benchCommand(), a.verifyCommand(), a.reproduceCommand(), a.runsCommand(), a.cacheCommand(), a.configCommand(), a.schemaCommand(), a.versionCommand())
	return root
}

// options returns what a stage is run with.
func (a *app) options() pipelines.Options {
	return pipelines.Options{Program: version(), Log: a.ui.log, Progress: a.ui.progress}
}

// printJSON writes v to standard output.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// long returns the help of a command: what it does, and the exit codes.
func long(text string) string { return text + "\n\n" + exitHelp }

// settingsOf reads the arguments of --set.
func settingsOf(args []string) ([]pipelines.Setting, error) {
	var out []pipelines.Setting
	for _, arg := range args {
		s, err := pipelines.ParseSetting(arg)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func oneArg(name, example string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("want one %s, such as %s; got %d", name, example, len(args))
		}
		return nil
	}
}
