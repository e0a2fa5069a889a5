package eval

import (
	"context"
	"fmt"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/volume"
)

// addBaselines runs the baselines of the config over the scans that count.
func (s *study) addBaselines(ctx context.Context, set *dataset.Set) error {
	typical, trained := typicalSize(set.Items(dataset.Train))
	for _, name := range s.cfg.Baselines {
		m := &method{Name: name}
		var find func(dataset.Item, *volume.Mapped) []metric.Mark
		needsSize, needsSUV := true, true
		switch name {
		case centralBox:
			m.Title, m.What = "Central box", "a box of the training lesions' median size in the middle of every scan"
			find, needsSUV = centre(typical), false
		case suvThreshold:
			m.Title = fmt.Sprintf("SUV > %g", s.cfg.SUVThreshold)
			m.What = fmt.Sprintf("the box of the largest connected region above SUV %g, scored by its mean SUV", s.cfg.SUVThreshold)
			find, needsSize = hot(s.cfg.SUVThreshold), false
		case hottestVoxel:
			m.Title, m.What = "Hottest voxel", "a box of the training lesions' median size at the highest SUV, which is its score"
			find = hottest(typical)
		case windowLogistic:
			m.Title = "Window logistic"
			m.What = "a logistic regression on mean and deviation of a box of the training lesions' median size, those of the shell around it, and their squares, " +
				"fitted to all labelled training scans and moved over every scan"
			if needsSUV = false; trained {
				model, err := fitWindows(ctx, set, typical)
				if find = model.find; ctx.Err() != nil {
					return ctx.Err()
				} else if err != nil {
					m.Absent = "it cannot be fitted: " + err.Error()
				}
			}
		}
		s.methods = append(s.methods, m)
		switch {
		case m.Absent != "":
			continue
		case needsSize && !trained:
			m.Absent = "no lesion in the training part to take its size from"
			continue
		case needsSUV && slices.ContainsFunc(s.items, func(it dataset.Item) bool { return it.Unit != "SUV" }):
			m.Absent = "the scans are not in SUV"
			continue
		}
		marks := map[string][]metric.Mark{}
		for _, it := range s.items {
			if err := ctx.Err(); err != nil {
				return err
			}
			if s.failed[it.ID] != "" { // as the detector, none of them has an answer
				continue
			}
			v, err := set.Volume(it.ID)
			if err != nil {
				m.Absent, s.unread = "a scan cannot be read", append(s.unread, it.ID)
				break
			}
			marks[it.ID] = find(it, v)
		}
		if m.Absent == "" {
			var err error
			if m.pool, err = s.pool(marks, masks{truth: s.masks.truth}); err != nil {
				return err
			}
		}
	}
	return nil
}

// typicalSize returns the median extent, axis by axis, of the labelled lesions
// of items, in mm.
func typicalSize(items []dataset.Item) (size [3]float64, ok bool) {
	var sizes [3][]float64
	for _, it := range items {
		for _, l := range it.Lesions {
			if l.Ignore {
				continue
			}
			for a := range 3 {
				sizes[a] = append(sizes[a], l.SizeMM[a])
			}
		}
	}
	for a := range 3 {
		if len(sizes[a]) == 0 {
			return size, false
		}
		slices.Sort(sizes[a])
		size[a] = sizes[a][(len(sizes[a])-1)/2]
	}
	return size, true
}

// centre answers a box in the middle of the scan.
func centre(size [3]float64) func(dataset.Item, *volume.Mapped) []metric.Mark {
	return func(_ dataset.Item, v *volume.Mapped) []metric.Mark {
		var middle [3]float64
		for a, n := range v.Shape {
			middle[a] = float64(n-1) / 2
		}
		return []metric.Mark{{Centre: v.LPS(middle), Size: size, Score: 1}}
	}
}

// hottest answers a box at the highest intensity.
func hottest(size [3]float64) func(dataset.Item, *volume.Mapped) []metric.Mark {
	return func(it dataset.Item, v *volume.Mapped) []metric.Mark {
		data := voxels(v)
		best := 0
		for i, x := range data {
			if x > data[best] {
				best = i
			}
		}
		at := place(v.Shape, best)
		return []metric.Mark{{Centre: v.LPS(at), Size: size, Score: float64(data[best])*it.Scale + it.Offset}}
	}
}

// hot answers the box of the largest region above a threshold, none where
// nothing is above.
func hot(threshold float64) func(dataset.Item, *volume.Mapped) []metric.Mark {
	return func(it dataset.Item, v *volume.Mapped) []metric.Mark {
		data := voxels(v)
		above := make([]bool, len(data))
		for i, x := range data {
			above[i] = float64(x)*it.Scale+it.Offset > threshold
		}
		region := largestRegion(above, v.Shape)
		if region == nil {
			return nil
		}
		low, high, sum := place(v.Shape, region[0]), place(v.Shape, region[0]), 0.0
		for _, i := range region {
			sum += float64(data[i])*it.Scale + it.Offset
			for a, p := range place(v.Shape, i) {
				low[a], high[a] = min(low[a], p), max(high[a], p)
			}
		}
		var middle, extent [3]float64
		for a := range 3 {
			middle[a], extent[a] = (low[a]+high[a])/2, high[a]-low[a]+1
		}
		return []metric.Mark{{Centre: v.LPS(middle), Size: v.BoxMM(extent), Score: sum / float64(len(region))}}
	}
}

// voxels reads all of v.
func voxels(v *volume.Mapped) []float32 {
	data := make([]float32, v.Voxels())
	v.Crop(data, [3]int{}, v.Shape, 0)
	return data
}

// place returns the coordinates z, y, x of voxel i.
func place(shape [3]int, i int) [3]float64 {
	return [3]float64{float64(i / (shape[1] * shape[2])), float64(i / shape[2] % shape[1]), float64(i % shape[2])}
}
