package dataset

import (
	"fmt"
	"math"
)

// Version is raised when the same inputs would be prepared differently.
const Version = 2

// Config is the prepare section of a pipeline file.
type Config struct {
	SpacingMM     [3]float64 `mapstructure:"spacing_mm"`     // z, y, x between the voxels of prepared volumes, 0.05 to 100 each
	Modality      string     `mapstructure:"modality"`       // take only "CT", "PT" or "MR"; "" takes all, which must be of one modality
	WindowHU      [2]float64 `mapstructure:"window_hu"`      // CT in HU is clamped to it; the lower first
	WindowSUV     [2]float64 `mapstructure:"window_suv"`     // PET in SUV is clamped to it; the lower first
	Percentiles   [2]float64 `mapstructure:"percentiles"`    // volumes in neither unit (MR) are clamped to these percentiles of their own voxels; 0 to 100, the lower first
	Split         Split      `mapstructure:"split"`          // shares of the patients in each part; where a stage fills the role "data" all are in test, normalised as that dataset
	LabelFraction float64    `mapstructure:"label_fraction"` // share of the labelled training patients whose labels are kept, 0 to 1; smaller shares are subsets of greater ones
	NearDuplicate float64    `mapstructure:"near_duplicate"` // volumes in different parts at most this far apart are a leak, in [0, 1); 0 is for equal volumes, about 1 for those of different patients
	MaxFailed     float64    `mapstructure:"max_failed"`     // share of the volumes that may fail to be read before the stage fails, after it has tried all, 0 to 1; failed.jsonl lists them
}

// Split holds the share of the patients in each part. The shares add up to 1.
type Split struct {
	Train float64 `mapstructure:"train"` // above 0; the three shares add up to 1
	Val   float64 `mapstructure:"val"`   // for choices: when to stop, which threshold; at least 0
	Test  float64 `mapstructure:"test"`  // for the report alone; at least 0
}

// Default returns the settings that hold where a pipeline file says nothing.
func Default() Config {
	return Config{
		SpacingMM:     [3]float64{2, 2, 2},
		WindowHU:      [2]float64{-1000, 400},
		WindowSUV:     [2]float64{0, 10},
		Percentiles:   [2]float64{0.5, 99.5},
		Split:         Split{Train: 0.6, Val: 0.2, Test: 0.2},
		LabelFraction: 1,
		NearDuplicate: 0.4,
		MaxFailed:     0.05,
	}
}

// Validate returns the first setting that cannot be used, or nil.
func (c Config) Validate() error {
	for _, s := range c.SpacingMM {
		if !(s >= 0.05 && s <= 100) {
			return fmt.Errorf("spacing_mm %v: want three numbers from 0.05 to 100", c.SpacingMM)
		}
	}
	switch c.Modality {
	case "", "CT", "PT", "MR":
	default:
		return fmt.Errorf("modality %q: want CT, PT, MR or nothing", c.Modality)
	}
	if err := validWindow("window_hu", c.WindowHU); err != nil {
		return err
	}
	if err := validWindow("window_suv", c.WindowSUV); err != nil {
		return err
	}
	if p := c.Percentiles; !(p[0] >= 0 && p[0] < p[1] && p[1] <= 100) {
		return fmt.Errorf("percentiles %v: want two numbers from 0 to 100, the lower first", p)
	}
	if !(c.LabelFraction >= 0 && c.LabelFraction <= 1) {
		return fmt.Errorf("label_fraction %v: want 0 to 1", c.LabelFraction)
	}
	if !(c.NearDuplicate >= 0 && c.NearDuplicate < 1) {
		return fmt.Errorf("near_duplicate %v: want at least 0 and less than 1", c.NearDuplicate)
	}
	if !(c.MaxFailed >= 0 && c.MaxFailed <= 1) {
		return fmt.Errorf("max_failed %v: want 0 to 1", c.MaxFailed)
	}
	return c.Split.validate()
}

func validWindow(key string, w [2]float64) error {
	if !(w[0] < w[1]) || math.IsInf(w[1]-w[0], 0) {
		return fmt.Errorf("%s %v: want two finite numbers, the lower first", key, w)
	}
	return nil
}

func (s Split) validate() error {
	if !(s.Train > 0 && s.Val >= 0 && s.Test >= 0) {
		return fmt.Errorf("split %+v: want shares of at least 0, and some for train", s)
	}
	if sum := s.Train + s.Val + s.Test; !(math.Abs(sum-1) < 1e-6) {
		return fmt.Errorf("split: the shares add up to %v: want 1", sum)
	}
	return nil
}
