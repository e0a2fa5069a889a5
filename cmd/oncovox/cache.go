package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"oncovox/internal/stage"
	"oncovox/pipelines"
)

// cacheVariable names the cache that runs use where --cache does not.
const cacheVariable = "ONCOVOX_CACHE"

func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "See and clear what runs keep for one another",
		Long: long(`Cache sees to a folder that oncovox run was given with --cache: it keeps the
finished stages of runs, for other runs that have the same to do. Its files are
hard links to those of the runs where the file system allows it. They include the
private files of ingest. DIR is $` + cacheVariable + ` where it is left out.`),
		Example: "  oncovox cache list /scratch/oncovox-cache",
		RunE:    func(*cobra.Command, []string) error { return usagef("cache: say list or gc") },
	}
	asJSON := false
	list := &cobra.Command{
		Use:     "list [DIR]",
		Short:   "List the stages that a cache keeps",
		Long:    long("List prints the stages that a cache keeps, that used last first."),
		Example: "  oncovox cache list /scratch/oncovox-cache",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			cache, err := cacheOf(args)
			if err != nil {
				return err
			}
			all, err := cache.Entries()
			if err != nil {
				return err
			}
			return a.printEntries(all, asJSON)
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	days, dry := 0, false
	gc := &cobra.Command{
		Use:   "gc [DIR]",
		Short: "Remove from a cache what has not been used for long",
		Long: long(`Gc removes the stages that no run has used or kept for a number of days, and
prints them. Runs keep their files.`),
		Example: "  oncovox cache gc /scratch/oncovox-cache --days 30 --dry-run",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if days < 0 {
				return usagef("--days %d: want 0 or more", days)
			}
			cache, err := cacheOf(args)
			if err != nil {
				return err
			}
			gone, err := cache.Sweep(time.Now().Add(-time.Duration(days)*24*time.Hour), dry)
			if err != nil {
				return err
			}
			return a.printEntries(gone, asJSON)
		},
	}
	gc.Flags().IntVar(&days, "days", 30, "remove what has not been used for so many days")
	gc.Flags().BoolVar(&dry, "dry-run", false, "print what would be removed; remove nothing")
	gc.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	cmd.AddCommand(list, gc)
	return cmd
}

// cacheOf returns the cache that the arguments name, or else the environment.
func cacheOf(args []string) (pipelines.Cache, error) {
	dir := os.Getenv(cacheVariable)
	if len(args) > 0 {
		dir = args[0]
	}
	if dir == "" {
		return "", usagef("cache: name its folder, or set %s", cacheVariable)
	}
	if _, err := os.Stat(dir); err != nil {
		return "", classed{err, stage.ErrConfig}
	}
	return pipelines.Cache(dir), nil
}

func (a *app) printEntries(all []pipelines.Entry, asJSON bool) error {
	if asJSON {
		return a.printJSON(append([]pipelines.Entry{}, all...))
	}
	rows := [][]string{}
	var sum int64
	for _, e := range all {
		kind := e.Kind
		if kind == "" {
			kind = "(not whole)"
		}
		rows = append(rows, []string{e.Key[:12], kind, pipelines.Bytes(e.Bytes), e.Used.Format(time.DateTime)})
		sum += e.Bytes
	}
	return a.printTable(append(rows, []string{fmt.Sprintf("%d stages", len(all)), "", pipelines.Bytes(sum)}))
}
