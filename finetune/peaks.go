package finetune

import (
	"cmp"
	"math"
	"slices"

	"oncovox/lesion"
	"oncovox/volume"
)

// maxLogExtent bounds the predicted log extent of a lesion, in cells, so that
// no weights can make a size overflow.
const maxLogExtent = 6

// peaks returns the detections of a map: cells that no neighbour exceeds, with a
// heat of at least minScore, the surest first, without those whose centre lies
// in a surer one, and at most limit of them.
func (m *heatMap) peaks(id string, g volume.Geometry, minScore float64, limit int) []lesion.Detection {
	type found struct {
		lesion.Detection
		cell int
	}
	var all []found
	for z := range m.cells[0] {
		for y := range m.cells[1] {
			for x := range m.cells[2] {
				i := (z*m.cells[1]+y)*m.cells[2] + x
				if float64(m.data[i*outCols]) < minScore || !m.isPeak(z, y, x) {
					continue
				}
				d := m.detection(i, [3]int{z, y, x}, g)
				d.Volume = id
				if inGrid(g, d.CentreLPSMM) {
					all = append(all, found{d, i})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.cell, b.cell))
	})
	var kept []lesion.Detection
	for _, f := range all {
		if len(kept) == limit {
			break
		}
		if !slices.ContainsFunc(kept, func(k lesion.Detection) bool { return overlaps(k, f.Detection) }) {
			kept = append(kept, f.Detection)
		}
	}
	return kept
}

// isPeak reports whether no neighbour is hotter; of equals, the first in memory
// is the peak.
func (m *heatMap) isPeak(z, y, x int) bool {
	at := (z*m.cells[1]+y)*m.cells[2] + x
	heat := m.data[at*outCols]
	for dz := max(z-1, 0); dz <= min(z+1, m.cells[0]-1); dz++ {
		for dy := max(y-1, 0); dy <= min(y+1, m.cells[1]-1); dy++ {
			for dx := max(x-1, 0); dx <= min(x+1, m.cells[2]-1); dx++ {
				i := (dz*m.cells[1]+dy)*m.cells[2] + dx
				if h := m.data[i*outCols]; h > heat || (h == heat && i < at) {
					return false
				}
			}
		}
	}
	return true
}

// detection reads the cell at i off as a place and a size in the patient.
func (m *heatMap) detection(i int, cell [3]int, g volume.Geometry) lesion.Detection {
	row := m.data[i*outCols : (i+1)*outCols]
	var centre, extent [3]float64
	for a := range 3 {
		centre[a] = float64(cell[a]) + float64(row[colOffset+a])
		log := math.Max(-maxLogExtent, math.Min(maxLogExtent, float64(row[colSize+a])))
		extent[a] = math.Exp(log) * mapStride
	}
	return lesion.Detection{
		CentreLPSMM: g.LPS(toVoxels(centre)),
		SizeMM:      g.BoxMM(extent),
		Score:       float64(row[colHeat]),
	}
}

// inGrid reports whether a place lies in the scan or within a cell of it: what
// lies farther out is padding.
func inGrid(g volume.Geometry, lps [3]float64) bool {
	for a, v := range g.Index(lps) {
		if v < -mapStride || v > float64(g.Shape[a]-1+mapStride) {
			return false
		}
	}
	return true
}

// overlaps reports whether the centre of one detection lies in the ball of the
// other.
func overlaps(a, b lesion.Detection) bool {
	return distance(a.CentreLPSMM, b.CentreLPSMM) < math.Max(radius(a.SizeMM), radius(b.SizeMM))
}

// radius returns that of a ball as long as a box is on geometric average.
func radius(size [3]float64) float64 { return math.Cbrt(size[0]*size[1]*size[2]) / 2 }

func distance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}
