package dataset

import (
	"math"
	"slices"
)

// Fingerprint is fingerprint.json: what the dataset is, in numbers.
type Fingerprint struct {
	Modality  string            `json:"modality"`
	Counts    map[string]Counts `json:"counts"`   // by part
	Source    Grids             `json:"source"`   // of the volumes before they were prepared
	Prepared  Grids             `json:"prepared"` // and after
	Intensity Intensity         `json:"intensity"`
	Lesions   map[string]Range  `json:"lesion_diameter_mm"` // by part, of the lesions that may be used
	Vendors   map[string]int    `json:"manufacturers"`      // volumes by vendor; "" is unknown
}

// Counts says how much a part holds.
type Counts struct {
	Patients int `json:"patients"`
	Volumes  int `json:"volumes"`
	Labelled int `json:"labelled"` // volumes whose labels may be used
	Lesions  int `json:"lesions"`
}

// Grids sums up the geometry of volumes, axis by axis in the order z, y, x.
type Grids struct {
	Shape     [3]Range `json:"shape"`
	SpacingMM [3]Range `json:"spacing_mm"`
}

// Intensity says how intensities were normalised: to the share of the window,
// (v-low)/(high-low) clamped to [0, 1], then by Mean and Std.
type Intensity struct {
	Mean      float64          `json:"mean"` // over the voxels of the training part, as a share of the window
	Std       float64          `json:"std"`
	Low       Range            `json:"window_low"` // over the volumes, in the source's unit
	High      Range            `json:"window_high"`
	Below     float64          `json:"below"`       // share of the source voxels under their window
	Above     float64          `json:"above"`       // share over it
	NotFinite int              `json:"not_finite"`  // source voxels that are no number or infinite
	Units     map[string]int   `json:"units"`       // volumes by unit; "" is the scanner's own
	Parts     map[string]Range `json:"volume_mean"` // by part, means of the prepared volumes, as a share of the window
}

// A Range sums up numbers; all zeros for none.
type Range struct {
	N      int     `json:"n"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"` // the lower of the two in the middle
	Max    float64 `json:"max"`
}

func rangeOf(x []float64) Range {
	if len(x) == 0 {
		return Range{}
	}
	x = slices.Sorted(slices.Values(x))
	return Range{len(x), x[0], x[(len(x)-1)/2], x[len(x)-1]}
}

// moments returns the mean and the standard deviation over the voxels of the
// training part.
func moments(scans []scan) (mean, std float64) {
	var n, sum, squares float64
	for _, s := range scans {
		if s.part == Train {
			n += float64(s.to.Voxels())
			sum += s.sum
			squares += s.squares
		}
	}
	mean = sum / n
	return mean, math.Sqrt(max(squares/n-mean*mean, 0))
}

func fingerprint(scans []scan, mean, std float64) Fingerprint {
	f := Fingerprint{
		Modality:  scans[0].rec.Modality,
		Counts:    map[string]Counts{},
		Lesions:   map[string]Range{},
		Vendors:   map[string]int{},
		Intensity: intensity(scans, mean, std),
		Source:    gridsOf(scans, func(s *scan) ([3]int, [3]float64) { return s.rec.Shape, s.rec.SpacingMM }),
		Prepared:  gridsOf(scans, func(s *scan) ([3]int, [3]float64) { return s.to.Shape, s.to.SpacingMM() }),
	}
	for _, part := range parts {
		var c Counts
		var diameters []float64
		patients := map[string]bool{}
		for _, s := range scans {
			if s.part != part {
				continue
			}
			c.Volumes++
			patients[s.rec.Patient] = true
			if s.rec.Labelled {
				c.Labelled++
			}
			for _, l := range s.lesions {
				diameters = append(diameters, l.DiameterMM)
			}
		}
		c.Patients, c.Lesions = len(patients), len(diameters)
		f.Counts[part], f.Lesions[part] = c, rangeOf(diameters)
	}
	for _, s := range scans {
		f.Vendors[s.rec.Manufacturer]++
	}
	return f
}

func intensity(scans []scan, mean, std float64) Intensity {
	f := Intensity{Mean: mean, Std: std, Units: map[string]int{}, Parts: map[string]Range{}}
	var low, high []float64
	var all clip
	means := map[string][]float64{}
	for _, s := range scans {
		low, high = append(low, s.window.low), append(high, s.window.high)
		all.voxels += s.clip.voxels
		all.below += s.clip.below
		all.above += s.clip.above
		all.notFinite += s.clip.notFinite
		f.Units[s.rec.Unit]++
		means[s.part] = append(means[s.part], s.sum/float64(s.to.Voxels()))
	}
	f.Low, f.High = rangeOf(low), rangeOf(high)
	f.Below = float64(all.below) / float64(all.voxels)
	f.Above = float64(all.above) / float64(all.voxels)
	f.NotFinite = all.notFinite
	for _, part := range parts {
		f.Parts[part] = rangeOf(means[part])
	}
	return f
}

func gridsOf(scans []scan, of func(*scan) ([3]int, [3]float64)) Grids {
	var g Grids
	for a := range 3 {
		var sides, spacings []float64
		for i := range scans {
			shape, spacing := of(&scans[i])
			sides, spacings = append(sides, float64(shape[a])), append(spacings, spacing[a])
		}
		g.Shape[a], g.SpacingMM[a] = rangeOf(sides), rangeOf(spacings)
	}
	return g
}
