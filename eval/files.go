package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"oncovox/dataset"
	"oncovox/internal/stage"
	"oncovox/lesion"
)

// FilesConfig names the files of an evaluation of detections by any program,
// and how they are judged.
type FilesConfig struct {
	Truth          string  // lesions: CSV or JSON lines, see lesion.ReadTable
	Detections     string  // CSV or JSON lines, see lesion.ReadDetectionTable
	Scans          string  // CSV of the scans that count; "" takes those with a lesion in Truth
	Points         string  // JSON of operating points and what they were chosen on; "" for none
	LesionMasks    string  // folder with VOLUME.nii.gz, in which each lesion has its label; "" for none
	DetectionMasks string  // folder with VOLUME.nii.gz on the same grid, above 0 what the detector marks; "" for none
	Match          string  // as in Config
	IoU            float64 // as in Config
	DistanceMM     float64 // as in Config
	Bootstrap      int     // as in Config
	Prevalence     float64 // as in Config
}

// givenFiles is the part of which files are reported.
const givenFiles = "given files"

// config returns the settings of the figures.
func (c FilesConfig) config() Config {
	d := Default()
	d.Match, d.IoU, d.DistanceMM, d.Bootstrap, d.Prevalence, d.Baselines = c.Match, c.IoU, c.DistanceMM, c.Bootstrap, c.Prevalence, nil
	return d
}

// Validate returns every setting that nothing can be judged with, or nil.
func (c FilesConfig) Validate() error { return c.config().Validate() }

// RunFiles judges detections against lesions that any programs wrote, and writes
// the same files as Run, but for what needs voxels: baselines, masks and
// pictures. Of env it uses Seed, Out, Version, Log and Progress.
func RunFiles(ctx context.Context, cfg FilesConfig, env stage.Env) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	s, err := readStudy(cfg)
	if err != nil {
		return err
	}
	b := &background{}
	if cfg.Points != "" {
		if err := b.readPoints(cfg.Points); err != nil {
			return err
		}
	}
	for _, f := range [][2]string{{"truth", cfg.Truth}, {"detections", cfg.Detections}, {"scans", cfg.Scans}, {"operating points", cfg.Points}} {
		if f[1] != "" {
			sum, err := fileDigest(f[1])
			if err != nil {
				return err
			}
			b.digests = append(b.digests, digest{f[0], filepath.Base(f[1]), sum})
		}
	}
	gate, err := s.gateThresholds(b)
	if err != nil {
		return err
	}
	a, err := s.assess(ctx, b, env)
	if err != nil {
		return err
	}
	a.gates = []Gate{gateLeakage(b), gate}
	return a.finish(env)
}

// readStudy reads the files.
func readStudy(cfg FilesConfig) (*study, error) {
	truth, err := lesion.ReadTable(cfg.Truth)
	if err != nil {
		return nil, err
	}
	found, err := lesion.ReadDetectionTable(cfg.Detections)
	if err != nil {
		return nil, err
	}
	s := &study{cfg: cfg.config(), attributes: map[string]Attributes{}, failed: map[string]string{}}
	s.cfg.Part = givenFiles
	if cfg.Scans != "" {
		err = s.readScans(cfg.Scans)
	} else {
		s.scansOfTruth(truth)
	}
	if err != nil {
		return nil, err
	}
	if len(s.items) == 0 {
		return nil, fmt.Errorf("%s: no scan: without a lesion in it, name the scans in a file of their own", cmp.Or(cfg.Scans, cfg.Truth))
	}
	if err := s.addTruth(truth, cfg); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, it := range s.items {
		known[it.ID] = true
	}
	where := "is not among the scans of " + cfg.Scans
	if cfg.Scans == "" {
		where = "has no lesion in " + cfg.Truth + ": name all scans, those without a lesion too, in a file of their own"
	}
	marks, err := marksOf(cfg.Detections, found, known, where)
	if err != nil {
		return nil, err
	}
	for id := range s.failed {
		if len(marks[id]) > 0 {
			return nil, fmt.Errorf("%s: volume %.40q has detections, although %s says that it failed", cfg.Detections, id, cfg.Scans)
		}
	}
	if s.cfg.Match == matchIoU && slices.ContainsFunc(found, func(d lesion.Detection) bool { return d.SizeMM == [3]float64{} }) {
		return nil, fmt.Errorf("%w: %s has detections without sizes, which cannot be matched by their overlap: match by sphere or distance", stage.ErrConfig, cfg.Detections)
	}
	if cfg.LesionMasks != "" {
		if s.masks.truth, err = masksIn(cfg.LesionMasks); err != nil {
			return nil, err
		}
	}
	if cfg.DetectionMasks != "" {
		if s.masks.found, err = masksIn(cfg.DetectionMasks); err != nil {
			return nil, err
		}
	}
	return s, s.judge("the detections of the given file", marks)
}

// scansOfTruth takes the scans that have a lesion.
func (s *study) scansOfTruth(truth []lesion.Lesion) {
	for _, l := range truth {
		s.items = append(s.items, dataset.Item{ID: l.Volume, Patient: cmp.Or(l.Patient, l.Volume), Labelled: true})
	}
	slices.SortFunc(s.items, func(a, b dataset.Item) int { return cmp.Compare(a.ID, b.ID) })
	s.items = slices.CompactFunc(s.items, func(a, b dataset.Item) bool { return a.ID == b.ID })
}

// scanColumns are those of the file of scans beside volume.
var scanColumns = []string{"patient", "modality", "manufacturer", "slice_thickness_mm", "site", "sex", "age_band", "failed"}

var ageBand = regexp.MustCompile(`^(\d{1,3}-\d{1,3}|\d{1,3}\+)$`)

// readScans reads the scans that count.
func (s *study) readScans(path string) error {
	seen := map[string]bool{}
	err := lesion.ReadCSV(path, []string{"volume"}, scanColumns, func(_ int, cells map[string]string) error {
		id := cells["volume"]
		switch band := cells["age_band"]; {
		case id == "":
			return fmt.Errorf("no volume")
		case seen[id]:
			return fmt.Errorf("volume %.40q comes twice", id)
		case band != "" && !ageBand.MatchString(band):
			return fmt.Errorf("age_band: want a band such as 40-59 or 80+, and no age")
		}
		seen[id] = true
		if text := cells["failed"]; text != "" {
			failed, err := strconv.ParseBool(text)
			if err != nil {
				return fmt.Errorf("failed %.20q: want true or false", text)
			}
			if failed {
				s.failed[id] = "given"
			}
		}
		it := dataset.Item{ID: id, Patient: cmp.Or(cells["patient"], id), Labelled: true, Modality: cells["modality"], Manufacturer: cells["manufacturer"]}
		if text := cells["slice_thickness_mm"]; text != "" {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || !(v > 0) || math.IsInf(v, 0) {
				return fmt.Errorf("slice_thickness_mm %.20q: want a number above 0", text)
			}
			it.SliceThicknessMM = v
		}
		s.items = append(s.items, it)
		s.attributes[id] = Attributes{Site: cells["site"], Sex: cells["sex"], AgeBand: cells["age_band"]}
		return nil
	})
	slices.SortFunc(s.items, func(a, b dataset.Item) int { return cmp.Compare(a.ID, b.ID) })
	return err
}

// addTruth puts the lesions into their scans.
func (s *study) addTruth(truth []lesion.Lesion, cfg FilesConfig) error {
	type ball struct {
		volume       string
		centre, size [3]float64
		diameter     float64
	}
	seen := map[ball]bool{}
	for i, l := range truth {
		at, ok := slices.BinarySearchFunc(s.items, l.Volume, func(it dataset.Item, id string) int { return cmp.Compare(it.ID, id) })
		if !ok {
			return fmt.Errorf("%s: row %d: volume %.40q is not among the scans of %s", cfg.Truth, i+1, l.Volume, cfg.Scans)
		}
		it := &s.items[at]
		if l.Patient != "" && l.Patient != it.Patient {
			return fmt.Errorf("%s: row %d: volume %.40q belongs to another patient elsewhere", cfg.Truth, i+1, l.Volume)
		}
		b := ball{l.Volume, l.CentreLPSMM, l.SizeMM, l.DiameterMM}
		if seen[b] {
			return fmt.Errorf("%s: row %d: the same lesion comes twice", cfg.Truth, i+1)
		}
		seen[b] = true
		it.Lesions = append(it.Lesions, l)
	}
	return nil
}
