package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/internal/stage"
	"oncovox/lesion"
)

// A study is the scans that count, their truth, and what the methods made of
// them.
type study struct {
	cfg        Config
	items      []dataset.Item        // labelled, of the part, sorted by id
	other      int                   // scans of the part without labels
	outside    int                   // detections in scans that do not count
	attributes map[string]Attributes // by id, what is known beside
	methods    []*method             // the detector first
	masks      masks                 // of lesions and of the detector
	failed     map[string]string     // by id, why a scan that counts got no answer from the detector
	unread     []string              // ids of scans that a picture or a baseline wanted and that cannot be read
}

// A method is a way of finding lesions.
type method struct {
	Name   string // in files
	Title  string // for readers
	What   string // one sentence
	Absent string // why it gives no answer, "" if it does
	pool   *metric.Pool
}

// newStudy reads the detections of the stage in dir and matches them.
func newStudy(cfg Config, set *dataset.Set, dir string) (*study, error) {
	s := &study{cfg: cfg, masks: masks{truth: set.Mask}, failed: map[string]string{}}
	var err error
	if s.masks.found, err = masksIn(filepath.Join(dir, "masks")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	known := map[string]bool{}
	for _, it := range set.Items("") {
		known[it.ID] = true
	}
	for _, it := range set.Items(cfg.Part) {
		if it.Labelled {
			s.items = append(s.items, it)
		} else {
			s.other++
		}
	}
	if len(s.items) == 0 {
		return nil, fmt.Errorf("%w: the part %q has no labelled scan: choose another part or another split", stage.ErrConfig, cfg.Part)
	}
	path := filepath.Join(dir, "detections.jsonl")
	found, err := lesion.ReadDetections(path)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	marks, err := marksOf(path, found, known, "is not in the dataset: evaluate with the dataset that was predicted on")
	if err != nil {
		return nil, err
	}
	if err := s.readFailed(dir, known, marks); err != nil {
		return nil, err
	}
	return s, s.judge("the detections that were evaluated", marks)
}

// marksOf returns the detections of the file at path by their scans. Each must
// be in a known one and come once; where says of one that is not why.
func marksOf(path string, found []lesion.Detection, known map[string]bool, where string) (map[string][]metric.Mark, error) {
	marks := map[string][]metric.Mark{}
	seen := map[lesion.Detection]bool{}
	for i, d := range found {
		if !known[d.Volume] {
			return nil, fmt.Errorf("%s: row %d: volume %.40q %s", path, i+1, d.Volume, where)
		}
		if seen[d] {
			return nil, fmt.Errorf("%s: row %d: the same detection comes twice", path, i+1)
		}
		seen[d] = true
		marks[d.Volume] = append(marks[d.Volume], metric.Mark{Centre: d.CentreLPSMM, Size: d.SizeMM, Score: d.Score})
	}
	return marks, nil
}

// judge makes the method of the given marks the detector.
func (s *study) judge(what string, marks map[string][]metric.Mark) error {
	all, counted := 0, 0
	for _, m := range marks {
		all += len(m)
	}
	for _, it := range s.items {
		counted += len(marks[it.ID])
	}
	s.outside = all - counted
	pool, err := s.pool(marks, s.masks)
	s.methods = []*method{{Name: "detector", Title: "Detector", What: what, pool: pool}}
	return err
}

// pool matches the marks of each scan with its lesions.
func (s *study) pool(marks map[string][]metric.Mark, m masks) (*metric.Pool, error) {
	scans := make([]metric.Scan, len(s.items))
	for i, it := range s.items {
		scans[i] = metric.Scan{ID: it.ID, Patient: it.Patient, Marks: marks[it.ID]}
		for _, l := range it.Lesions {
			scans[i].Truths = append(scans[i].Truths, metric.Truth{
				Centre: l.CentreLPSMM, Size: l.SizeMM, Diameter: l.DiameterMM, Ignore: l.Ignore,
			})
		}
		if s.cfg.Match == matchMask {
			var err error
			if scans[i].Overlap, err = m.overlap(it, marks[it.ID]); err != nil {
				return nil, err
			}
		}
	}
	return metric.NewPool(scans, s.cfg.rule()), nil
}

// detector returns the method that is judged.
func (s *study) detector() *method { return s.methods[0] }

// patients counts the patients of the scans that count.
func (s *study) patients() int {
	n := map[string]bool{}
	for _, it := range s.items {
		n[it.Patient] = true
	}
	return len(n)
}
