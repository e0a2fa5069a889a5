package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"oncovox/internal/nn"
	"oncovox/pipelines"
)

// texts holds the help of each stage's command: one line, a paragraph and an
// example.
var texts = map[string]struct{ short, long, example string }{
	"phantom": {
		"Make DICOM archives of chest scans with known nodules",
		`Phantom makes one archive a patient, with the truth as RTSTRUCT. Everything in
them is made from the seed: figures measured on them say that the way works, not
how well it does on patients.`,
		"  oncovox phantom --out scans --patients 12 --modality CT --seed 7",
	},
	"ingest": {
		"Read archives of DICOM files into volumes and lesions",
		`Ingest reads every SOURCE: a folder, zip, tar, tar.gz, tar.zst or tar.xz, nested
as they come. Every series ends as a volume, or is refused with a reason.`,
		"  oncovox ingest scans.zip more/ --out volumes",
	},
	"prepare": {
		"Resample volumes, split them by patient and prove the split",
		`Prepare makes volumes ready for training, and splits the patients into parts for
training, validation and test. A leak between the parts is an error.`,
		"  oncovox prepare --volumes volumes --out data --set spacing_mm=[2,2,2]",
	},
	"pretrain": {
		"Pretrain a backbone as a masked autoencoder, without labels",
		`Pretrain learns to fill in hidden patches of the training volumes. Started again
after an interruption it goes on from where it was, to the same bytes.`,
		"  oncovox pretrain --data data --out mae --set steps=500",
	},
	"release": {
		"Make weights to hand on of a backbone",
		`Release writes the encoder of a pretrained backbone in float16, with a model card
and a digest. finetune starts from its folder as from that of pretrain.`,
		"  oncovox release --backbone mae --out ct --set title=CT --set data=300-scans",
	},
	"finetune": {
		"Train a detector from labelled lesions",
		`Finetune puts a detection head on the backbone, or on a fresh encoder where none
is given, and trains both. Operating points are chosen on validation only.`,
		"  oncovox finetune --data data --backbone mae --out detector",
	},
	"predict": {
		"Find lesions in whole scans",
		`Predict slides the detector over whole scans and merges what it finds into
detections with a place, a size and a score.`,
		"  oncovox predict --data data --detector detector --out detections",
	},
	"evaluate": {
		"Measure detections against the truth, and write the report",
		`Evaluate matches detections with lesions and writes the figures, the curves and
one self-contained report.html.`,
		"  oncovox evaluate --data data --detections detections --out report",
	},
}

type stageOptions struct {
	out    string
	config string
	set    []string
	seed   int64
	in     map[string]*string // by role
	extra  []pipelines.Setting
}

// stageCommand returns the command that runs one stage of the given kind.
func (a *app) stageCommand(kind pipelines.Kind) *cobra.Command {
	text := texts[kind.Name]
	o := stageOptions{in: map[string]*string{}}
	cmd := &cobra.Command{
		Use:     kind.Name + " --out DIR",
		Short:   text.short,
		Long:    long(text.long + "\n\n" + settingsHelp(kind)),
		Example: text.example,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.extra = append(o.extra, pipelines.Setting{Key: "sources", Value: args, From: "arguments"})
			}
			return a.runStage(cmd, kind, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "", "folder for what the stage leaves (required)")
	f.StringVar(&o.config, "config", "", "YAML file of settings: what a pipeline file has under with")
	f.StringArrayVar(&o.set, "set", nil, "value over the file's, as `key=value`; may be repeated")
	f.Int64Var(&o.seed, "seed", 1, "seed of every random number")
	for _, role := range slices.Concat(kind.Needs, kind.Takes) {
		filler := fillerOf(role)
		o.in[role] = f.String(role, "", fmt.Sprintf("`folder` left by %s%s", filler, map[bool]string{true: " (required)"}[slices.Contains(kind.Needs, role)]))
	}
	switch kind.Name {
	case "phantom":
		f.Func("patients", "how many patients to make", o.extraFlag("patients"))
		f.Func("modality", "CT, PT or MR", o.extraFlag("modality"))
	case "ingest":
		f.Func("max-refused", "setting max_refused, as a share such as 0.01 or in percent such as `1%`", o.extraFlag("max_refused"))
		cmd.Use = "ingest SOURCE... --out DIR"
		cmd.Args = cobra.ArbitraryArgs
	case "evaluate":
		cmd.AddCommand(a.filesCommand(), a.luna16Command(), a.compareCommand())
	}
	return cmd
}

// extraFlag returns what sets the setting key from a flag of its own.
func (o *stageOptions) extraFlag(key string) func(string) error {
	return func(value string) error {
		s, err := pipelines.ParseSetting(key + "=" + value)
		s.From = "--" + strings.ReplaceAll(key, "_", "-")
		o.extra = append(o.extra, s)
		return err
	}
}

func (a *app) runStage(cmd *cobra.Command, kind pipelines.Kind, o stageOptions) error {
	if o.out == "" {
		return usagef("%s: --out is missing: name a folder for what it leaves", kind.Name)
	}
	inputs := map[string]string{}
	for role, dir := range o.in {
		if *dir != "" {
			inputs[role] = *dir
		} else if slices.Contains(kind.Needs, role) {
			return usagef("%s: --%s is missing: name the folder left by %s", kind.Name, role, fillerOf(role))
		}
	}
	settings, err := settingsOf(o.set)
	if err != nil {
		return err
	}
	cfg, err := pipelines.LoadConfig(kind, o.config, append(settings, o.extra...))
	if err != nil {
		return err
	}
	if kind.Sources != nil && len(kind.Sources(cfg)) == 0 && len(inputs) == 0 {
		return usagef("%s: nothing to read: name a SOURCE", kind.Name)
	}
	outcome, err := pipelines.RunOne(cmd.Context(), kind, cfg, o.seed, inputs, o.out, a.options())
	a.ui.close()
	if err != nil {
		return fmt.Errorf("%s: %w", kind.Name, err)
	}
	return a.printRun(o.out, []pipelines.Outcome{outcome}, false)
}

// fillerOf returns the name of the kind of stage that fills role.
func fillerOf(role string) string {
	for _, k := range pipelines.Kinds() {
		if k.Fills == role {
			return k.Name
		}
	}
	return role
}

// presetNames returns the names of the backbones that preset names.
func presetNames() []string {
	var names []string
	for _, p := range nn.Presets() {
		names = append(names, p.Name)
	}
	return names
}

// settingsHelp lists the settings of kind with their defaults.
func settingsHelp(kind pipelines.Kind) string {
	var b strings.Builder
	b.WriteString("Settings, for --set and --config, with their defaults:\n")
	for _, s := range pipelines.Describe(kind) {
		fmt.Fprintf(&b, "  %s: %s\n", s.Key, s.Default)
		if s.Comment != "" {
			fmt.Fprintf(&b, "      %s\n", s.Comment)
		}
		if s.Key == "preset" {
			fmt.Fprintf(&b, "      one of: %s\n", strings.Join(presetNames(), ", "))
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
