package eval

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/lesion"
	"oncovox/volume"
)

// segmentation compares the masks of the detector with those of the lesions, by
// scan and by lesion.
func (s *study) segmentation(ctx context.Context, seed int64) (*Segmentation, error) {
	out := &Segmentation{Figures: segmentationFigures(), ByScan: []Segmented{}, ByLesion: []Segmented{}}
	var scans, lesions []int // the patient of each
	for i, unit := range s.detector().pool.Patients() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := s.contours(s.items[i])
		if err != nil {
			return nil, err
		}
		if c == nil {
			out.Without++
			continue
		}
		scans = append(scans, unit)
		out.ByScan = append(out.ByScan, segmented(i, c.truth, c.found))
		for _, l := range c.lesions {
			truth, found := c.ofLesion(l)
			lesions = append(lesions, unit)
			m := segmented(i, truth, found)
			m.DiameterMM, m.lesion = number(l.DiameterMM), l
			out.ByLesion = append(out.ByLesion, m)
			if !slices.Contains(found.In, true) {
				out.Untouched++
			}
		}
		out.False += c.wrong
	}
	if len(scans) == 0 {
		return noMasks("the detections are boxes: there are no masks of theirs to compare with those of the lesions"), nil
	}
	for k := range 3 {
		s.meanOver(&out.Figures[k], scans, out.ByScan, k, "scans", seed)
		s.meanOver(&out.Figures[3+k], lesions, out.ByLesion, k, "lesions", seed)
	}
	return out, nil
}

// noMasks returns the figures of masks without values.
func noMasks(why string) *Segmentation {
	s := &Segmentation{Figures: segmentationFigures(), Undefined: why, ByScan: []Segmented{}, ByLesion: []Segmented{}}
	for i := range s.Figures {
		s.Figures[i].Undefined = why
	}
	return s
}

func segmentationFigures() []Figure {
	distances := "surface voxels are those with a face neighbour outside the mask, and distances have the spacing of each axis"
	part := "the parts of the detector's mask that touch the lesion, parts being voxels that touch by faces, edges or corners"
	return []Figure{
		{Key: "dice", Title: "Dice per scan", Definition: "Mean over scans of twice the voxels in both masks over the sum of the voxels in either; all lesions of a scan are one mask. " +
			"A scan without a lesion has no value where nothing is marked, and 0 where something is."},
		{Key: "hd95", Title: "HD95 per scan", Unit: "mm", Definition: "Mean over scans of the larger of the two directed 95th percentiles of the distances between the surfaces of the masks: " + distances +
			". A scan in which one of the masks is empty has no value."},
		{Key: "assd", Title: "ASSD per scan", Unit: "mm", Definition: "Mean over scans of the mean distance from the voxels of each surface to the other. " +
			"A scan in which one of the masks is empty has no value."},
		{Key: "lesion_dice", Title: "Dice per lesion", Definition: "Mean over lesions of the Dice of the lesion and of " + part + ". A lesion that none touches has 0."},
		{Key: "lesion_hd95", Title: "HD95 per lesion", Unit: "mm", Definition: "Mean over lesions of the HD95 of the same two masks. A lesion that no part touches has no value, which flatters this mean: read it beside the Dice."},
		{Key: "lesion_assd", Title: "ASSD per lesion", Unit: "mm", Definition: "Mean over lesions of the ASSD of the same two masks. A lesion that no part touches has no value."},
	}
}

// segmented measures the masks of scan number i, or of one lesion of it.
func segmented(i int, truth, found metric.Grid) Segmented {
	d := metric.SurfaceDistances(truth, found)
	return Segmented{Scan: i + 1, Dice: number(metric.Dice(truth, found)), HD95: number(d.HD95), ASSD: number(d.ASSD)}
}

// value returns Dice, HD95 or ASSD, by number.
func (m Segmented) value(k int) *float64 { return [3]*float64{m.Dice, m.HD95, m.ASSD}[k] }

// meanOver fills f with the mean of value k over the rows that have it, the
// patients of the rows resampled.
func (s *study) meanOver(f *Figure, patients []int, rows []Segmented, k int, what string, seed int64) {
	var units []int
	var x []float64
	for i, row := range rows {
		if v := row.value(k); v != nil {
			units, x = append(units, patients[i]), append(x, *v)
		}
	}
	if len(x) == 0 {
		f.Undefined = fmt.Sprintf("none of the %d %s has a value", len(rows), what)
		return
	}
	v := newVector(f.Key)
	v.run(compact(units), s.cfg.Bootstrap, seed, func() metric.Statistic {
		return func(w []int, out []float64) {
			sum, n := 0.0, 0
			for i, x := range x {
				sum, n = sum+float64(w[i])*x, n+w[i]
			}
			out[0] = sum / float64(n)
		}
	})
	v.put(f, 0, "")
	f.Interval += fmt.Sprintf("; %d of %d %s have a value", len(x), len(rows), what)
}

// contours are the masks of a scan as they are compared: without what is not
// judged.
type contours struct {
	truth, found metric.Grid
	labels       []uint8
	lesions      []lesion.Lesion // judged
	parts        [][]int         // of found
	wrong        int             // parts that touch no lesion
}

// contours returns nil for a scan whose masks are not all there.
func (s *study) contours(it dataset.Item) (*contours, error) {
	if s.masks.found == nil {
		return nil, nil
	}
	truth, found, err := s.masks.read(it)
	if err != nil || found == nil {
		return nil, err
	}
	if truth == nil {
		truth = volume.NewMask(found.Geometry)
	}
	var judged, ignored [256]bool
	c := &contours{labels: truth.Labels}
	for _, l := range it.Lesions {
		switch {
		case l.Ignore:
			ignored[l.Label] = l.Label > 0
		case !slices.Contains(truth.Labels, uint8(l.Label)) || l.Label == 0:
			return nil, nil
		default:
			judged[l.Label], c.lesions = true, append(c.lesions, l)
		}
	}
	slices.SortFunc(c.lesions, func(a, b lesion.Lesion) int { return cmp.Compare(a.Label, b.Label) })
	n := len(truth.Labels)
	c.truth = metric.Grid{Shape: truth.Shape, SpacingMM: truth.SpacingMM(), In: make([]bool, n)}
	c.found = metric.Grid{Shape: truth.Shape, SpacingMM: truth.SpacingMM(), In: make([]bool, n)}
	for i, label := range truth.Labels {
		c.truth.In[i] = judged[label]
	}
	for _, part := range components(above(found), found.Shape) {
		onLesion := slices.ContainsFunc(part, func(i int) bool { return judged[truth.Labels[i]] })
		onIgnored := slices.ContainsFunc(part, func(i int) bool { return ignored[truth.Labels[i]] })
		if !onLesion && onIgnored {
			continue
		}
		part = slices.DeleteFunc(part, func(i int) bool { return ignored[truth.Labels[i]] })
		for _, i := range part {
			c.found.In[i] = true
		}
		c.parts = append(c.parts, part)
		if !onLesion {
			c.wrong++
		}
	}
	return c, nil
}

// ofLesion returns the mask of a lesion, and the parts of the detector's that
// touch it.
func (c *contours) ofLesion(l lesion.Lesion) (truth, found metric.Grid) {
	truth, found = c.truth, c.found
	truth.In, found.In = make([]bool, len(c.labels)), make([]bool, len(c.labels))
	for i, label := range c.labels {
		truth.In[i] = int(label) == l.Label
	}
	for _, part := range c.parts {
		if slices.ContainsFunc(part, func(i int) bool { return truth.In[i] }) {
			for _, i := range part {
				found.In[i] = true
			}
		}
	}
	return truth, found
}
