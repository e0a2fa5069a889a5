package volume

import "math"

// BoxVoxels returns the extents along z, y, x, in voxels, of the smallest box
// of the grid's axes that holds a box of the given extents along LPS x, y, z in
// mm. Where the axes are parallel to the patient's it is the same box.
func (g Geometry) BoxVoxels(sizeMM [3]float64) [3]float64 {
	var size [3]float64
	zero := g.Index([3]float64{})
	for a := range 3 {
		var edge [3]float64
		edge[a] = sizeMM[a]
		for axis, v := range g.Index(edge) {
			size[axis] += math.Abs(v - zero[axis])
		}
	}
	return size
}

// BoxMM returns the extents along LPS x, y, z, in mm, of the smallest box of
// the patient's axes that holds a box of the given extents along the grid's
// z, y, x in voxels.
func (g Geometry) BoxMM(size [3]float64) [3]float64 {
	var mm [3]float64
	for row := range 3 {
		for a := range 3 {
			mm[row] += math.Abs(g.Affine[row][a]) * size[a]
		}
	}
	return mm
}
