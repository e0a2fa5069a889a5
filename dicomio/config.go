package dicomio

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"oncovox/internal/stage"
)

// Config is the ingest section of a pipeline file.
type Config struct {
	Sources       []string `mapstructure:"sources"`            // archives, files and folders to read, besides those in the role "archives"
	Labels        []string `mapstructure:"labels"`             // files, folders and archives that hold labels only; those among the sources are found without it
	Modalities    []string `mapstructure:"modalities"`         // modalities that become volumes, such as CT; none means all
	ImageModality string   `mapstructure:"modality_of_images"` // modality of MetaImage and NIfTI volumes, which do not say it; CT is taken to be in HU
	MinSlices     int      `mapstructure:"min_slices"`         // series of fewer slices are refused; at least 2

	SpacingTolerance float64 `mapstructure:"spacing_tolerance"` // how far a slice may lie off its plane, as a share of the spacing, in (0, 0.25]
	Tilt             string  `mapstructure:"tilt"`              // a tilted gantry: refuse, resample (onto right angles) or keep (the affine leans)
	Gaps             string  `mapstructure:"gaps"`              // missing slices: refuse, or fill (interpolated, at most one in ten)
	SUV              string  `mapstructure:"suv"`               // PET: require (else refused), or if_possible (else in Bq/ml)

	ROI             []string `mapstructure:"roi"`              // patterns of names of ROIs, segments and types of segments that are lesions, as in a shell, any case; one that begins with ! takes names out
	SplitComponents bool     `mapstructure:"split_components"` // every connected piece of an ROI is a lesion of its own

	MaxRefused stage.Share `mapstructure:"max_refused"` // share of series that may be refused before the stage fails, from 0 to 1, or such as 1%; overviews, colour images and series of fewer slices than min_slices count neither way
	Workers    int         `mapstructure:"workers"`     // files and volumes worked on at once; 0 means one a CPU. It changes no result
	KeyFile    string      `mapstructure:"key_file"`    // 32 bytes that ids are made with; none means a key from the seed, which hides nothing from who knows the seed
}

// What may be done about a flaw in a series.
const (
	refuseIt   = "refuse"
	resampleIt = "resample"
	keepIt     = "keep"
	fillIt     = "fill"
	require    = "require"
	ifPossible = "if_possible"
)

// Default returns the settings of a cautious ingest: nothing is corrected that
// would change a voxel.
func Default() Config {
	return Config{
		Modalities:       []string{"CT", "MR", "PT"},
		ImageModality:    "CT",
		MinSlices:        3,
		SpacingTolerance: 0.05,
		Tilt:             refuseIt,
		Gaps:             refuseIt,
		SUV:              require,
		ROI:              []string{"gtv*", "*tumor*", "*tumour*", "*lesion*", "*nodule*", "*mass*", "*neoplasm*", "*cancer*", "!*edema*", "!*oedema*"},
		MaxRefused:       0.05,
	}
}

// Validate returns what is wrong with the settings, all of it, or nil.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			bad("%s %q: want %s", key, value, strings.Join(allowed, " or "))
		}
	}
	for _, m := range c.Modalities {
		if codeString(m) != m {
			bad("modalities %q: want codes as in a header, such as CT", m)
		}
	}
	if codeString(c.ImageModality) != c.ImageModality {
		bad("modality_of_images %q: want a code as in a header, such as CT", c.ImageModality)
	}
	if c.MinSlices < 2 {
		bad("min_slices %d: want at least 2", c.MinSlices)
	}
	if !(c.SpacingTolerance > 0 && c.SpacingTolerance <= 0.25) {
		bad("spacing_tolerance %v: want more than 0 and at most 0.25", c.SpacingTolerance)
	}
	oneOf("tilt", c.Tilt, refuseIt, resampleIt, keepIt)
	oneOf("gaps", c.Gaps, refuseIt, fillIt)
	oneOf("suv", c.SUV, require, ifPossible)
	for _, p := range c.ROI {
		if _, err := path.Match(strings.TrimPrefix(p, "!"), ""); err != nil {
			bad("roi %q: not a pattern", p)
		}
	}
	if !(c.MaxRefused >= 0 && c.MaxRefused <= 1) {
		bad("max_refused %v: want 0 to 1", c.MaxRefused)
	}
	if c.Workers < 0 {
		bad("workers %d: want 0 or more", c.Workers)
	}
	return errors.Join(errs...)
}

// isLesion reports whether an ROI that goes by these names is a lesion. One name
// is enough to take it in, and one to take it out.
func (c Config) isLesion(names ...string) bool {
	match := func(p string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			name = strings.ReplaceAll(strings.ToLower(name), "/", " ") // a slash would stop a star
			ok, _ := path.Match(strings.ToLower(p), name)
			return ok
		})
	}
	wanted := false
	for _, p := range c.ROI {
		if out, not := strings.CutPrefix(p, "!"); not {
			if match(out) {
				return false
			}
		} else {
			wanted = wanted || match(p)
		}
	}
	return wanted
}
