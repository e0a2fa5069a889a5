package eval

import (
	"errors"
	"fmt"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
)

// Version is raised when the same inputs would be reported differently.
const Version = 4

// Config is the evaluate section of a pipeline file.
type Config struct {
	Part          string    `mapstructure:"part"`           // the part whose labelled scans count: "train", "val" or "test"
	Match         string    `mapstructure:"match"`          // what a hit is: "sphere" (mark strictly inside the lesion's ball, as LUNA16), "iou" (overlap of boxes), "distance" (of centres) or "mask" (overlap of masks, as PI-CAI)
	IoU           float64   `mapstructure:"iou"`            // least overlap of a hit where match is iou or mask, in (0, 1]; a Dice of d is an overlap of d/(2-d)
	DistanceMM    float64   `mapstructure:"distance_mm"`    // largest distance of the centres of a hit where match is distance, in mm, above 0
	FPRates       []float64 `mapstructure:"fp_rates"`       // false positives per scan at which sensitivities are listed, rising, above 0
	Bootstrap     int       `mapstructure:"bootstrap"`      // resamples of the patients behind each interval, 40 to 1000000
	Baselines     []string  `mapstructure:"baselines"`      // methods without learning beside the detector: "central-box", "suv-threshold", "hottest-voxel"; and "window-logistic", fitted to intensities in windows of the training scans
	SUVThreshold  float64   `mapstructure:"suv_threshold"`  // of suv-threshold, in SUV, above 0
	SizeBinsMM    []float64 `mapstructure:"size_bins_mm"`   // borders between the size groups of lesions, diameters in mm, rising, above 0
	SmallestGroup int       `mapstructure:"smallest_group"` // least patients of a group of scans, by vendor, site, sex and so on; smaller ones are merged, 1 to 1000
	Prevalence    float64   `mapstructure:"prevalence"`     // share of patients with a lesion at which predictive values are stated, below 1; 0 takes that of the scans
	Gallery       int       `mapstructure:"gallery"`        // pictures each of hits, misses and false detections, 0 to 100
}

// The rules by which a detection hits a lesion.
const (
	matchSphere   = "sphere"
	matchIoU      = "iou"
	matchDistance = "distance"
	matchMask     = "mask"
)

// The methods that detections are compared with.
const (
	centralBox     = "central-box"
	suvThreshold   = "suv-threshold"
	hottestVoxel   = "hottest-voxel"
	windowLogistic = "window-logistic"
)

// Default returns the settings that a pipeline file starts from.
func Default() Config {
	return Config{
		Part: dataset.Test, Match: matchSphere, IoU: 0.1, DistanceMM: 10, FPRates: metric.CPMRates[:], Bootstrap: 1000,
		Baselines: []string{centralBox}, SUVThreshold: 2.5, SizeBinsMM: []float64{6, 8, 15, 30}, SmallestGroup: 5, Gallery: 6,
	}
}

// Validate returns every setting that nothing can be judged with, or nil.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Part == dataset.Train || c.Part == dataset.Val || c.Part == dataset.Test,
		"part %q: want train, val or test", c.Part)
	check(slices.Contains([]string{matchSphere, matchIoU, matchDistance, matchMask}, c.Match), "match %q: want sphere, iou, distance or mask", c.Match)
	check(c.IoU > 0 && c.IoU <= 1, "iou %v: want more than 0 and at most 1", c.IoU)
	check(c.DistanceMM > 0 && c.DistanceMM < 1e6, "distance_mm %v: want more than 0", c.DistanceMM)
	check(len(c.FPRates) > 0 && rising(c.FPRates), "fp_rates %v: want rising numbers above 0", c.FPRates)
	check(c.Bootstrap >= 40 && c.Bootstrap <= 1e6, "bootstrap %d: want 40 to 1000000", c.Bootstrap)
	check(c.SUVThreshold > 0 && c.SUVThreshold < 1e6, "suv_threshold %v: want more than 0", c.SUVThreshold)
	check(rising(c.SizeBinsMM), "size_bins_mm %v: want rising numbers above 0", c.SizeBinsMM)
	check(c.SmallestGroup >= 1 && c.SmallestGroup <= 1000, "smallest_group %d: want 1 to 1000", c.SmallestGroup)
	check(c.Prevalence >= 0 && c.Prevalence < 1, "prevalence %v: want 0, or more and less than 1", c.Prevalence)
	check(c.Gallery >= 0 && c.Gallery <= 100, "gallery %d: want 0 to 100", c.Gallery)
	for i, b := range c.Baselines {
		check(slices.Contains([]string{centralBox, suvThreshold, hottestVoxel, windowLogistic}, b),
			"baselines: %q: want central-box, suv-threshold, hottest-voxel or window-logistic", b)
		check(!slices.Contains(c.Baselines[:i], b), "baselines: %q comes twice", b)
	}
	return errors.Join(errs...)
}

// rising reports whether the numbers are finite, above 0 and each above the one
// before.
func rising(x []float64) bool {
	last := 0.0
	for _, v := range x {
		if !(v > last && v < 1e9) {
			return false
		}
		last = v
	}
	return true
}

// rule returns the matching that c asks for.
func (c Config) rule() func(metric.Scan) metric.Match {
	switch c.Match {
	case matchIoU:
		return metric.ByIoU(c.IoU)
	case matchDistance:
		return metric.ByDistance(c.DistanceMM)
	case matchMask:
		return metric.ByMask(c.IoU)
	}
	return metric.InSphere
}

// hit says in words what a hit is.
func (c Config) hit() string {
	switch c.Match {
	case matchIoU:
		return fmt.Sprintf("the boxes of detection and lesion overlap with an intersection over union of at least %.2g "+
			"(greedy by score, each lesion found once, further detections are false positives)", c.IoU)
	case matchDistance:
		return fmt.Sprintf("the centre of the detection lies at most %g mm from the lesion's centre "+
			"(greedy by score, the nearest lesion first, each lesion found once, further detections are false positives)", c.DistanceMM)
	case matchMask:
		return fmt.Sprintf("the masks of detection and lesion overlap with an intersection over union of at least %.2g "+
			"(assigned as in PI-CAI, each lesion found once, further detections on it count nowhere; a detection without a mask is the ellipsoid in its box)", c.IoU)
	}
	return "the centre of the detection lies nearer to the lesion's centre than half its diameter " +
		"(LUNA16: the best detection finds the lesion, further ones count nowhere)"
}
