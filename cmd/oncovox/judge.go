package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"oncovox/pipelines"
)

func (a *app) filesCommand() *cobra.Command {
	kind := pipelines.Files()
	cfg := kind.Default.(pipelines.FilesConfig)
	var out string
	var seed int64
	cmd := &cobra.Command{
		Use:   "files --truth T.csv --detections D.csv --out DIR",
		Short: "Evaluate the detections of any program",
		Long: long(`Files measures detections against lesions that any programs wrote, as CSV or as
JSON lines, and writes what evaluate writes, but for pictures and baselines. Places
are millimetres in the patient, DICOM's LPS. Name all scans with --scans, with
those in which nothing is to be found: they count.`),
		Example: `  oncovox evaluate files --truth lesions.csv --detections found.csv --scans scans.csv --out report`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.judge(cmd, kind, cfg, seed, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Truth, "truth", "", "`file` of the lesions: CSV with volume, x_lps_mm, y_lps_mm, z_lps_mm, diameter_mm or size_x_mm, size_y_mm, size_z_mm, perhaps patient, id, ignore, label; or a lesions.jsonl (required)")
	f.StringVar(&cfg.Detections, "detections", "", "`file` of the detections: CSV with volume, x_lps_mm, y_lps_mm, z_lps_mm, score, perhaps diameter_mm or sizes; or a detections.jsonl (required)")
	f.StringVar(&cfg.Scans, "scans", "", "`CSV` of the scans that count: volume, perhaps patient, modality, manufacturer, slice_thickness_mm, site, sex, age_band, failed; without it those with a lesion")
	f.StringVar(&cfg.Points, "points", "", "`JSON` of operating points and what they were chosen on, as finetune's operating_points.json")
	f.StringVar(&cfg.LesionMasks, "lesion-masks", "", "`folder` with VOLUME.nii.gz, in which each lesion has the label that --truth gives it")
	f.StringVar(&cfg.DetectionMasks, "detection-masks", "", "`folder` with VOLUME.nii.gz on the same grid, above 0 what the detector marks")
	f.StringVar(&cfg.Match, "match", cfg.Match, "what a hit is: sphere, iou, distance or mask")
	f.Float64Var(&cfg.IoU, "iou", cfg.IoU, "least overlap of a hit where --match is iou or mask")
	f.Float64Var(&cfg.DistanceMM, "distance-mm", cfg.DistanceMM, "largest distance of the centres of a hit where --match is distance")
	f.IntVar(&cfg.Bootstrap, "bootstrap", cfg.Bootstrap, "resamples of the patients behind each interval")
	f.Float64Var(&cfg.Prevalence, "prevalence", cfg.Prevalence, "share of patients with a lesion at which predictive values are stated; 0 takes that of the scans")
	f.Int64Var(&seed, "seed", 1, "seed of the resamples")
	f.StringVar(&out, "out", "", "folder for the report (required)")
	return cmd
}

func (a *app) compareCommand() *cobra.Command {
	kind := pipelines.Compare()
	cfg := kind.Default.(pipelines.CompareConfig)
	var out string
	var seed int64
	cmd := &cobra.Command{
		Use:   "compare A B --out DIR",
		Short: "Compare two evaluations of the same scans",
		Long: long(`Compare says which of two detectors is better, if any: A and B are folders left by
evaluate, of the same scans by the same rule. It writes the differences of the
figures with intervals, and tests, and prints the verdict, which goes by the CPM.`),
		Example: `  oncovox evaluate compare runs/mae/report runs/scratch/report --out mae-scratch`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usagef("evaluate compare: want two folders left by evaluate; got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.A, cfg.B = args[0], args[1]
			return a.judge(cmd, kind, cfg, seed, out)
		},
	}
	f := cmd.Flags()
	f.IntVar(&cfg.Bootstrap, "bootstrap", cfg.Bootstrap, "resamples of the patients behind each interval")
	f.IntVar(&cfg.Permutations, "permutations", cfg.Permutations, "ways to swap the detectors behind each p value")
	f.Int64Var(&seed, "seed", 1, "seed of the resamples and permutations")
	f.StringVar(&out, "out", "", "folder for the comparison (required)")
	return cmd
}

// judge runs a kind of evaluation that reads files and not stages.
func (a *app) judge(cmd *cobra.Command, kind pipelines.Kind, cfg pipelines.Config, seed int64, out string) error {
	name := "evaluate " + kind.Name
	if out == "" {
		return usagef("%s: --out is missing: name a folder for the figures", name)
	}
	if err := cfg.Validate(); err != nil {
		return usagef("%s: --%s", name, strings.Replace(err.Error(), "_mm", "-mm", 1)) // keys are named as flags
	}
	outcome, err := pipelines.RunOne(cmd.Context(), kind, cfg, seed, nil, out, a.options())
	a.ui.close()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return a.printRun(out, []pipelines.Outcome{outcome}, false)
}
