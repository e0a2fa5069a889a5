package volume

import "math"

// Canonical returns the grid with its axes permuted and flipped so that z runs
// to the head, y to the back and x to the left, as nearly as the affine
// allows. Every voxel keeps its place in the patient.
func (g Geometry) Canonical() Geometry {
	to, _, _, _ := g.canonical()
	return to
}

// Canonical returns v on the canonical grid; the voxels are copied.
func (v *Volume) Canonical() *Volume {
	g, start, along, sign := v.canonical()
	to := &Volume{Geometry: g, Data: make([]float32, len(v.Data)), Modality: v.Modality, Unit: v.Unit}
	turn(to.Data, v.Data, v.Shape, start, along, sign)
	return to
}

// Canonical returns m on the canonical grid; the labels are copied.
func (m *Mask) Canonical() *Mask {
	g, start, along, sign := m.canonical()
	to := &Mask{Geometry: g, Labels: make([]uint8, len(m.Labels))}
	turn(to.Labels, m.Labels, m.Shape, start, along, sign)
	return to
}

// canonical returns the canonical grid and how to walk g to fill it: axis a of
// the new grid runs along axis along[a] of g in the direction sign[a], from
// the voxel start.
func (g Geometry) canonical() (to Geometry, start, along, sign [3]int) {
	along = g.nearestAxes()
	for a, axis := range along {
		sign[a] = 1
		if g.Affine[2-a][axis] < 0 {
			sign[a] = -1
			start[axis] = g.Shape[axis] - 1
		}
		to.Shape[a] = g.Shape[axis]
		for r := range 3 {
			to.Affine[r][a] = float64(sign[a])*g.Affine[r][axis] + 0 // never -0
		}
	}
	corner := g.LPS([3]float64{float64(start[0]), float64(start[1]), float64(start[2])})
	for r := range 3 {
		to.Affine[r][3] = corner[r]
	}
	return to, start, along, sign
}

// nearestAxes returns the permutation of g's axes that lies nearest to the
// patient's z, y, x: the one with the greatest sum of direction cosines.
func (g Geometry) nearestAxes() [3]int {
	spacing := g.SpacingMM()
	best, bestSum := [3]int{}, -1.0
	for _, along := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		sum := 0.0
		for a, axis := range along {
			sum += math.Abs(g.Affine[2-a][axis]) / spacing[axis]
		}
		if sum > bestSum+1e-9 { // the earlier one wins a tie
			best, bestSum = along, sum
		}
	}
	return best
}

// turn fills dst with src, a grid of the given shape, as walked from start.
func turn[T any](dst, src []T, shape, start, along, sign [3]int) {
	strides := [3]int{shape[1] * shape[2], shape[2], 1}
	var step, size [3]int
	first := 0
	for a, axis := range along {
		step[a] = sign[a] * strides[axis]
		size[a] = shape[axis]
		first += start[axis] * strides[axis]
	}
	i := 0
	for z := range size[0] {
		for y := range size[1] {
			at := first + z*step[0] + y*step[1]
			for range size[2] {
				dst[i] = src[at]
				i++
				at += step[2]
			}
		}
	}
}
