package main

import (
	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) luna16Command() *cobra.Command {
	var cfg pipelines.LUNA16Config
	var out string
	var seed int64
	cmd := &cobra.Command{
		Use:   "luna16 --annotations A.csv --series S.csv --submission D.csv --out DIR",
		Short: "Evaluate a submission to LUNA16 by its official rules",
		Long: long(`Luna16 reads the CSV files of the LUNA16 challenge and writes the figures of its
official script, with intervals, curves and a small report.`),
		Example: `  oncovox evaluate luna16 --annotations annotations.csv --excluded annotations_excluded.csv \
      --series seriesuids.csv --submission submission.csv --out luna16`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.judge(cmd, pipelines.LUNA16(), cfg, seed, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Annotations, "annotations", "", "`CSV` of the nodules: seriesuid, coordX, coordY, coordZ, diameter_mm (required)")
	f.StringVar(&cfg.Excluded, "excluded", "", "`CSV` of the findings that are not judged, with the same columns")
	f.StringVar(&cfg.Series, "series", "", "`CSV` of the series that count, one a line (required)")
	f.StringVar(&cfg.Submission, "submission", "", "`CSV` of the marks: seriesuid, coordX, coordY, coordZ, probability (required)")
	f.IntVar(&cfg.Bootstrap, "bootstrap", pipelines.LUNA16().Default.(pipelines.LUNA16Config).Bootstrap, "resamples of the series behind each interval")
	f.Int64Var(&seed, "seed", 1, "seed of the resamples")
	f.StringVar(&out, "out", "", "folder for the figures (required)")
	return cmd
}
