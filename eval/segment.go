package eval

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/volume"
)

// segmentation compares the masks that a method left beside its detections,
// masks/ID.nii.gz on the grid of the prepared volume, with those of the lesions.
func (s *study) segmentation(ctx context.Context, set *dataset.Set, detections string, seed int64) (*Segmentation, error) {
	out := &Segmentation{Figures: segmentationFigures()}
	var ids []string
	var values [][3]float64
	for _, it := range s.items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		v, ok, err := compareMasks(set, it.ID, filepath.Join(detections, "masks", it.ID+".nii.gz"))
		if err != nil {
			return nil, err
		}
		if ok {
			ids, values = append(ids, it.ID), append(values, v)
		}
	}
	out.Scans = len(ids)
	if len(ids) == 0 {
		return noMasks("the detections are boxes: there are no masks of theirs to compare with those of the lesions"), nil
	}
	for k := range out.Figures {
		s.meanOfScans(&out.Figures[k], ids, values, k, seed)
	}
	return out, nil
}

// noMasks returns the figures of masks without values.
func noMasks(why string) *Segmentation {
	s := &Segmentation{Figures: segmentationFigures(), Undefined: why}
	for i := range s.Figures {
		s.Figures[i].Undefined = why
	}
	return s
}

func segmentationFigures() []Figure {
	return []Figure{
		{Key: "dice", Title: "Dice", Definition: "Mean over scans of twice the voxels in both masks over the sum of the voxels in either; all lesions of a scan are one mask. " +
			"A scan without a lesion has no value where nothing is marked, and 0 where something is."},
		{Key: "hd95", Title: "HD95", Unit: "mm", Definition: "Mean over scans of the larger of the two directed 95th percentiles of the distances between the surfaces, with the " +
			"spacing of each axis. A scan in which one of the masks is empty has no value."},
		{Key: "assd", Title: "ASSD", Unit: "mm", Definition: "Mean over scans of the mean distance from the voxels of each surface to the other. " +
			"A scan in which one of the masks is empty has no value."},
	}
}

// compareMasks returns Dice, HD95 and ASSD of a scan, NaN where not defined; ok
// is false where either mask is not there.
func compareMasks(set *dataset.Set, id, path string) (v [3]float64, ok bool, err error) {
	found, err := volume.ReadMaskNIfTI(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err != nil {
		return v, false, err
	}
	truth, err := set.Mask(id)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err != nil {
		return v, false, err
	}
	if !sameGrid(found.Geometry, truth.Geometry) {
		return v, false, fmt.Errorf("%s: the mask lies on another grid than the prepared volume: resample it onto that", path)
	}
	a, b := grid(truth), grid(found)
	d := metric.SurfaceDistances(a, b)
	return [3]float64{metric.Dice(a, b), d.HD95, d.ASSD}, true, nil
}

// sameGrid reports whether grids agree as far as float32 affines of NIfTI can
// tell: corners within a hundredth of a millimetre.
func sameGrid(a, b volume.Geometry) bool {
	if a.Shape != b.Shape {
		return false
	}
	for _, far := range [][3]float64{{}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
		var at [3]float64
		for axis, n := range a.Shape {
			at[axis] = far[axis] * float64(n-1)
		}
		if !(distance(a.LPS(at), b.LPS(at)) <= 0.01) {
			return false
		}
	}
	return true
}

func grid(m *volume.Mask) metric.Grid {
	g := metric.Grid{Shape: m.Shape, SpacingMM: m.SpacingMM(), In: make([]bool, len(m.Labels))}
	for i, label := range m.Labels {
		g.In[i] = label > 0
	}
	return g
}

// meanOfScans fills f with the mean over the scans that have value k, patients
// resampled.
func (s *study) meanOfScans(f *Figure, ids []string, values [][3]float64, k int, seed int64) {
	patient := map[string]string{}
	for _, it := range s.items {
		patient[it.ID] = it.Patient
	}
	var scans []metric.Scan
	var x []float64
	for i, v := range values {
		if !math.IsNaN(v[k]) {
			scans = append(scans, metric.Scan{ID: ids[i], Patient: patient[ids[i]]})
			x = append(x, v[k])
		}
	}
	if len(x) == 0 {
		f.Undefined = "a mask is empty in every scan"
		return
	}
	v := newVector(f.Key)
	v.run(metric.NewPool(scans, metric.InSphere).Patients(), s.cfg.Bootstrap, seed, func() metric.Statistic {
		return func(w []int, out []float64) {
			sum, n := 0.0, 0
			for i, x := range x {
				sum, n = sum+float64(w[i])*x, n+w[i]
			}
			out[0] = sum / float64(n)
		}
	})
	v.put(f, 0, "")
}
