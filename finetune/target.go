package finetune

import (
	"math"

	"oncovox/dataset"
	"oncovox/lesion"
)

const (
	// minSigma is the least width of a lesion's bump in the heat-map, in cells.
	minSigma = 0.6
	// regressAbove is the heat from which a cell also learns offset and size.
	regressAbove = 0.4
)

// Targets are what the map of a batch of crops should be. The slices belong to
// the graph that compares with them and are filled anew for each step.
type Targets struct {
	Cells  [3]int    // sides of a sample's map
	Heat   []float32 // (B·cells): 1 in a lesion's central cell, falling off around it; -1 where nothing is asked
	Box    []float32 // (B·cells, 6): offset z, y, x and log extent z, y, x, in cells
	Weight []float32 // (B·cells): weight of Box, 0 where there is none
	Sample []float32 // (B): weight of a crop in the loss
	Count  float64   // lesions with their centre in a crop of the batch, each with that weight

	whole *Targets // of the batch that this is a part of; nil for itself
}

// NewTargets returns the targets of a batch of crops of the given sides.
func NewTargets(batch int, crop [3]int) *Targets {
	t := &Targets{}
	n := batch
	for a, s := range crop {
		t.Cells[a] = s / mapStride
		n *= t.Cells[a]
	}
	t.Heat, t.Box, t.Weight, t.Sample = make([]float32, n), make([]float32, 6*n), make([]float32, n), make([]float32, batch)
	return t
}

// Clear empties the targets before a batch.
func (t *Targets) Clear() {
	clear(t.Heat)
	clear(t.Box)
	clear(t.Weight)
	clear(t.Sample)
	t.Count = 0
}

// takePart fills t with the targets of a part of the batch of all.
func (t *Targets) takePart(all *Targets, part int) {
	n := len(t.Heat)
	copy(t.Heat, all.Heat[part*n:])
	copy(t.Box, all.Box[6*part*n:])
	copy(t.Weight, all.Weight[part*n:])
	copy(t.Sample, all.Sample[part*len(t.Sample):])
	t.whole = all
}

// Draw writes the lesions of a crop, which has the given weight in the loss, into
// sample b. A lesion whose centre lies
// outside the crop still warms the cells near it, so that they are not taught
// to be cold.
func (t *Targets) Draw(b int, c dataset.Crop, weight float32) {
	t.Sample[b] = weight
	for _, l := range c.Item.Lesions {
		t.drawLesion(b, c, l)
	}
}

func (t *Targets) drawLesion(b int, c dataset.Crop, l lesion.Lesion) {
	centre := toCells(c.ToCrop(c.Item.Geometry.Index(l.CentreLPSMM)))
	extent := c.TurnSize(c.Item.Geometry.BoxVoxels(l.SizeMM))
	var core [3]int
	inside := true
	var sigma, logExtent [3]float64
	for a := range 3 {
		core[a] = int(math.Round(centre[a]))
		inside = inside && core[a] >= 0 && core[a] < t.Cells[a]
		extent[a] = math.Max(extent[a]/mapStride, 0.5)
		sigma[a] = math.Max(extent[a]/6, minSigma)
		logExtent[a] = math.Log(extent[a])
	}
	if inside && !l.Ignore {
		t.Count += float64(t.Sample[b])
	}
	t.each(b, centre, extent, func(i int, cell [3]int) {
		if l.Ignore {
			if t.Weight[i] == 0 {
				t.Heat[i] = -1
			}
			return
		}
		d := 0.0
		for a := range 3 {
			x := (float64(cell[a]) - centre[a]) / sigma[a]
			d += x * x
		}
		heat := float32(math.Exp(-d / 2))
		if cell == core {
			heat = 1
		}
		if heat <= t.Heat[i] {
			return
		}
		t.Heat[i] = heat
		if heat >= regressAbove {
			t.Weight[i] = heat
			for a := range 3 {
				t.Box[6*i+a] = float32(centre[a] - float64(cell[a]))
				t.Box[6*i+3+a] = float32(logExtent[a])
			}
		}
	})
}

// each calls f for the cells of sample b in reach of a lesion: its box, and two
// cells around its centre at the least.
func (t *Targets) each(b int, centre, extent [3]float64, f func(i int, cell [3]int)) {
	var lo, hi [3]int
	for a := range 3 {
		reach := math.Max(extent[a]/2, 2)
		lo[a] = max(int(math.Ceil(centre[a]-reach)), 0)
		hi[a] = min(int(math.Floor(centre[a]+reach)), t.Cells[a]-1)
	}
	for z := lo[0]; z <= hi[0]; z++ {
		for y := lo[1]; y <= hi[1]; y++ {
			for x := lo[2]; x <= hi[2]; x++ {
				f(((b*t.Cells[0]+z)*t.Cells[1]+y)*t.Cells[2]+x, [3]int{z, y, x})
			}
		}
	}
}

// toCells leads from voxels of a crop to cells of its map; cell 0 spans voxels
// 0 and 1, so its centre is voxel 0.5.
func toCells(voxel [3]float64) [3]float64 {
	for a := range 3 {
		voxel[a] = (voxel[a]+0.5)/mapStride - 0.5
	}
	return voxel
}

// toVoxels is the inverse of toCells.
func toVoxels(cell [3]float64) [3]float64 {
	for a := range 3 {
		cell[a] = (cell[a]+0.5)*mapStride - 0.5
	}
	return cell
}
