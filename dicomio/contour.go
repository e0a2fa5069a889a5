package dicomio

import (
	"math"
	"slices"
)

// A bitmap holds one slice of a mask: voxel (y, x) is at y*cols+x.
type bitmap struct {
	rows, cols int
	set        []bool
}

func newBitmap(rows, cols int) *bitmap {
	return &bitmap{rows, cols, make([]bool, rows*cols)}
}

// toggle flips every voxel whose centre lies inside the closed polygon with
// corners (ys[i], xs[i]), in voxels, where voxel (y, x) has its centre at
// (y, x). Flipping makes an inner contour a hole, whether it is a contour of
// its own or reached through a keyhole, and a polygon that crosses itself is
// filled by the even-odd rule.
//
// A centre on the outline belongs to the polygon on the side of lower y and x,
// and not on the other, so that polygons that share an edge share no voxel.
func (m *bitmap) toggle(ys, xs []float64) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, y := range ys {
		low, high = min(low, y), max(high, y)
	}
	first := max(0, int(math.Ceil(max(low, 0))))
	last := int(math.Floor(min(high, float64(m.rows-1))))
	var cuts []float64
	for y := first; y <= last; y++ {
		cuts = cuts[:0]
		fy := float64(y)
		j := len(ys) - 1
		for i := range ys {
			if (ys[i] <= fy) != (ys[j] <= fy) {
				t := (fy - ys[i]) / (ys[j] - ys[i])
				cuts = append(cuts, xs[i]+t*(xs[j]-xs[i]))
			}
			j = i
		}
		slices.Sort(cuts)
		for k := 0; k+1 < len(cuts); k += 2 {
			m.flip(y, cuts[k], cuts[k+1])
		}
	}
}

// flip flips the voxels of row y with low <= x < high.
func (m *bitmap) flip(y int, low, high float64) {
	from := int(math.Ceil(max(low, 0)))
	to := int(math.Ceil(min(high, float64(m.cols))))
	for x := from; x < to; x++ {
		m.set[y*m.cols+x] = !m.set[y*m.cols+x]
	}
}

// area returns the signed area of the polygon, in voxels².
func area(ys, xs []float64) float64 {
	sum := 0.0
	j := len(ys) - 1
	for i := range ys {
		sum += xs[j]*ys[i] - xs[i]*ys[j]
		j = i
	}
	return sum / 2
}
