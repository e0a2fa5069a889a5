// Package dataset makes volumes ready for a model, splits them by patient,
// proves that the parts share nothing, and draws crops from them.
//
// Prepare (Run) leaves a folder that Open reads. A prepared volume has axes as
// near to the patient's as its affine allows (z to the head, y to the back, x
// to the left), the spacing of the config, and float32 intensities that were
// clamped to a window and brought to mean 0 and deviation 1 over the training
// part.
package dataset

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"oncovox/lesion"
	"oncovox/volume"
)

// The parts of a split.
const (
	Train = "train"
	Val   = "val"
	Test  = "test"
)

// parts in the order in which they are reported.
var parts = [3]string{Train, Val, Test}

// An Item is one prepared volume, its place in the split and its truth.
type Item struct {
	ID, Patient      string          // keyed hashes
	Part             string          // Train, Val or Test
	Labelled         bool            // someone looked for lesions here, and the labels may be used; Lesions may still be empty
	Modality, Unit   string          // of the source: "CT" and "HU", "PT" and "SUV", "MR" and ""
	Manufacturer     string          // vendor of the scanner, "" if unknown
	SliceThicknessMM float64         // of the source, 0 if unknown
	Geometry         volume.Geometry // of the prepared volume
	Scale, Offset    float64         // source intensity = value·Scale + Offset, inside the window
	WindowLow        float64         // source intensities below were clamped to it
	WindowHigh       float64         // source intensities above were clamped to it
	Lesions          []lesion.Lesion // sorted by id; nil unless Labelled
}

// Pad returns the value that stands for what lies outside the volume: the low
// end of the window, normalised.
func (it *Item) Pad() float32 { return float32((it.WindowLow - it.Offset) / it.Scale) }

// A Set is a prepared dataset on disk. It may be used from several goroutines.
type Set struct {
	dir   string // with volumes/ and masks/
	items []Item // sorted by ID

	mu   sync.Mutex
	open map[string]*volume.Mapped
}

// Open reads the dataset that a prepare stage left in the folder dir. Parts that
// share a patient, a study, a series, a frame of reference or a scan are an error of
// class stage.ErrGate, whoever made them so.
func Open(dir string) (*Set, error) {
	s := &Set{dir: filepath.Join(dir, "dataset"), open: map[string]*volume.Mapped{}}
	rows, err := readRows(filepath.Join(s.dir, "volumes.jsonl"))
	if err != nil {
		return nil, err
	}
	if err := apart(rows); err != nil {
		return nil, fmt.Errorf("%s: %w", s.dir, err)
	}
	lesions, err := lesion.Read(filepath.Join(s.dir, "lesions.jsonl"))
	if err != nil {
		return nil, err
	}
	of := map[string][]lesion.Lesion{}
	for _, l := range lesions {
		of[l.Volume] = append(of[l.Volume], l)
	}
	for _, r := range rows {
		it := r.item()
		it.Lesions = of[r.ID]
		slices.SortFunc(it.Lesions, lesion.Lesion.Compare)
		if len(it.Lesions) > 0 && !it.Labelled {
			return nil, fmt.Errorf("%s: volume %s has lesions but is not labelled", s.dir, r.ID)
		}
		delete(of, r.ID)
		s.items = append(s.items, it)
	}
	for id := range of {
		return nil, fmt.Errorf("%s: lesions of volume %.40q, which is not in the dataset", s.dir, id)
	}
	return s, nil
}

// Items returns the items of a part, sorted by ID; all of them for "".
func (s *Set) Items(part string) []Item {
	var items []Item
	for _, it := range s.items {
		if part == "" || it.Part == part {
			items = append(items, it)
		}
	}
	return items
}

// Volume returns the voxels of an item, mapped from disk. They belong to the
// set: do not close them, Close the set.
func (s *Set) Volume(id string) (*volume.Mapped, error) {
	it, err := s.item(id)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.open[id]; m != nil {
		return m, nil
	}
	m, err := volume.Open(filepath.Join(s.dir, "volumes", id))
	if err != nil {
		return nil, err
	}
	if m.Geometry != it.Geometry {
		m.Close()
		return nil, fmt.Errorf("%s: volume %s lies on another grid than volumes.jsonl says: prepare again", s.dir, id)
	}
	s.open[id] = m
	return m, nil
}

// Mask returns the lesion mask of an item, on the grid of its volume. The
// error is fs.ErrNotExist where it has none.
func (s *Set) Mask(id string) (*volume.Mask, error) {
	it, err := s.item(id)
	if err != nil {
		return nil, err
	}
	m, err := volume.ReadMask(filepath.Join(s.dir, "masks", id))
	if err != nil {
		return nil, err
	}
	if m.Geometry != it.Geometry {
		return nil, fmt.Errorf("%s: the mask of volume %s lies on another grid: prepare again", s.dir, id)
	}
	return m, nil
}

// Close ends the mappings of all volumes.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, m := range s.open {
		errs = append(errs, m.Close())
	}
	clear(s.open)
	return errors.Join(errs...)
}

func (s *Set) item(id string) (*Item, error) {
	i, ok := slices.BinarySearchFunc(s.items, id, func(it Item, id string) int { return cmp.Compare(it.ID, id) })
	if ok {
		return &s.items[i], nil
	}
	return nil, fmt.Errorf("%s: no volume %.40q: %w", s.dir, id, fs.ErrNotExist)
}
