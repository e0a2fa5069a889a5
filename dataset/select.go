package dataset

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// selectScans returns the volumes of a modality ("" for the only one) of an
// ingest stage's folder with their lesions, sorted by id.
func selectScans(dir, modality string) ([]scan, error) {
	records, err := volume.ReadRecords(filepath.Join(dir, "volumes.jsonl"))
	if err != nil {
		return nil, err
	}
	lesions, err := lesion.Read(filepath.Join(dir, "lesions.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%s: no volumes to prepare; refused.jsonl there says why", dir)
	}
	counts := map[string]int{}
	byID := map[string]*scan{}
	for _, r := range records {
		counts[r.Modality]++
		byID[r.ID] = &scan{rec: r}
	}
	if err := checkModality(counts, modality); err != nil {
		return nil, err
	}
	for _, l := range lesions {
		s := byID[l.Volume]
		switch {
		case s == nil:
			return nil, fmt.Errorf("%s: lesion %s lies in volume %.40q, which volumes.jsonl does not have", dir, l.ID, l.Volume)
		case s.rec.Patient != l.Patient:
			return nil, fmt.Errorf("%s: lesion %s and its volume %s are of different patients", dir, l.ID, l.Volume)
		case !s.rec.Geometry().Contains(l.CentreLPSMM):
			return nil, fmt.Errorf("%s: the centre of lesion %s lies outside its volume %s", dir, l.ID, l.Volume)
		}
		s.rec.Labelled = true
		s.lesions = append(s.lesions, l)
	}
	var scans []scan
	for _, s := range byID {
		if modality == "" || s.rec.Modality == modality {
			slices.SortFunc(s.lesions, lesion.Lesion.Compare)
			scans = append(scans, *s)
		}
	}
	slices.SortFunc(scans, func(a, b scan) int { return cmp.Compare(a.rec.ID, b.rec.ID) })
	return scans, nil
}

// checkModality fails unless the volumes counted by modality hold what is
// asked for.
func checkModality(counts map[string]int, modality string) error {
	var found string
	for _, m := range slices.Sorted(maps.Keys(counts)) {
		found += fmt.Sprintf(" %d %s", counts[m], m)
	}
	if modality == "" && len(counts) > 1 {
		return fmt.Errorf("%w: modality: the volumes are of several (%s): name one", stage.ErrConfig, found[1:])
	}
	if modality != "" && counts[modality] == 0 {
		return fmt.Errorf("%w: modality %s: no such volumes, only%s", stage.ErrConfig, modality, found)
	}
	return nil
}
