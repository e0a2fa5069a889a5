// Package phantom makes small DICOM archives of chest scans with known nodules.
//
// Everything in them is made: anatomy, nodules, noise and headers come from a
// seed and formulas, no patient was scanned. They serve to try the whole way of
// the data and to test it against a truth that is known to the millimetre. A
// figure measured on them says that the machinery works, and nothing about how
// it would do on patients; say so wherever such a figure is shown.
//
// A patient is an anatomy (the course of every surface and tube, in mm), nodules
// placed in it, a scene painted from both in the modality's own unit on a grid
// twice as fine along z, and an acquisition that averages, blurs, adds noise and
// stores. Coordinates inside the package are a patient's own: x to the left, y to
// the back, z to the head, in mm, from the middle of the body at the lowest
// slice. The table position adds an offset that turns them into DICOM's LPS.
package phantom

import (
	"fmt"
	"math"
	"strings"

	"oncovox/internal/stage"
)

// Version is raised when the same config and seed would give other archives.
const Version = 1

// Config is the phantom section of a pipeline file.
type Config struct {
	Patients         int        `mapstructure:"patients"`           // archives to make, 1 to 9999. Patient k is the same however many there are
	Modality         string     `mapstructure:"modality"`           // CT, PT or MR
	Shape            [3]int     `mapstructure:"shape"`              // slices, rows, columns of a usual series, 8 to 1024 each; the field of view stays, so fewer are coarser. PT has half the rows and columns
	ShareUnlabelled  float64    `mapstructure:"share_unlabelled"`   // share of patients without any RTSTRUCT, in [0, 1]
	ShareHealthy     float64    `mapstructure:"share_healthy"`      // share of patients with an RTSTRUCT but no nodule, in [0, 1]
	NodulesMax       int        `mapstructure:"nodules_max"`        // nodules of a patient who has any: 1 to this many, itself 1 to 20
	NoduleDiameterMM [2]float64 `mapstructure:"nodule_diameter_mm"` // least and greatest diameter, in mm, within 2 to 40; small ones are the more frequent
	Noise            float64    `mapstructure:"noise"`              // image noise as a multiple of the modality's usual, in [0, 10]
	Setting          string     `mapstructure:"setting"`            // "a", or "b": another scanner and another mix of nodules, for an external test
}

// Default returns the settings of the quickstart.
func Default() Config {
	return Config{
		Patients:         24,
		Modality:         "CT",
		Shape:            [3]int{64, 104, 128},
		ShareUnlabelled:  0.25,
		ShareHealthy:     0.1,
		NodulesMax:       4,
		NoduleDiameterMM: [2]float64{6, 20},
		Noise:            1,
		Setting:          "a",
	}
}

// Validate returns an error that wraps stage.ErrConfig and names every setting
// that is out of its range, or nil.
func (c Config) Validate() error {
	var bad []string
	check := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Sprintf(format, args...))
		}
	}
	check(c.Patients >= 1 && c.Patients <= 9999, "patients is %d, want 1 to 9999", c.Patients)
	_, known := scannerOf(c.Modality, "a")
	check(known, "modality is %q, want CT, PT or MR", c.Modality)
	for _, n := range c.Shape {
		check(n >= 8 && n <= 1024, "shape is %v, want 8 to 1024 each", c.Shape)
	}
	check(c.ShareUnlabelled >= 0 && c.ShareUnlabelled <= 1, "share_unlabelled is %v, want 0 to 1", c.ShareUnlabelled)
	check(c.ShareHealthy >= 0 && c.ShareHealthy <= 1, "share_healthy is %v, want 0 to 1", c.ShareHealthy)
	check(!(c.ShareUnlabelled+c.ShareHealthy > 1), "share_unlabelled and share_healthy are %v together, want at most 1", c.ShareUnlabelled+c.ShareHealthy)
	check(c.NodulesMax >= 1 && c.NodulesMax <= 20, "nodules_max is %d, want 1 to 20", c.NodulesMax)
	lo, hi := c.NoduleDiameterMM[0], c.NoduleDiameterMM[1]
	check(lo >= 2 && lo <= hi && hi <= 40, "nodule_diameter_mm is %v, want two rising numbers within 2 to 40", c.NoduleDiameterMM)
	check(c.Noise >= 0 && c.Noise <= 10 && !math.IsNaN(c.Noise), "noise is %v, want 0 to 10", c.Noise)
	check(c.Setting == "a" || c.Setting == "b", "setting is %q, want a or b", c.Setting)
	if len(bad) == 0 {
		return nil
	}
	return fmt.Errorf("%w: phantom: %s", stage.ErrConfig, strings.Join(bad, "; "))
}
