// Package volume holds a scan as a grid of voxels placed in the patient: its
// geometry, its store on disk, resampling, and NIfTI in and out.
//
// Axes are always in the order z, y, x (slice, row, column), as in memory, and
// a shape is D, H, W. Places in the patient are in millimetres in the DICOM
// patient system LPS, written x, y, z: x to the left, y to the back, z to the
// head (DICOM PS3.3 C.7.6.2.1.1).
package volume

import (
	"fmt"
	"math"
)

// An Affine leads from voxel indices to the patient: LPS mm (rows x, y, z) =
// Affine · (iz, iy, ix, 1). Its columns are the steps of one voxel along z, y
// and x, then the centre of voxel (0, 0, 0). Axes need not be at right angles:
// a tilted gantry shears them.
type Affine [3][4]float64

// A Geometry is a grid and its place in the patient.
type Geometry struct {
	Shape  [3]int // D, H, W, in voxels
	Affine Affine // voxel indices to LPS mm
}

// maxSide and maxVoxels bound what this package takes for a scan: 2^30 voxels
// are 4 GiB of float32, twice the largest clinical CT.
const (
	maxSide   = 1 << 16
	maxVoxels = 1 << 30
)

// Grid returns the geometry of shape voxels with the given spacing along z, y,
// x in mm, axes along the patient's, and voxel (0, 0, 0) at origin (LPS mm).
func Grid(shape [3]int, spacingMM, originLPS [3]float64) Geometry {
	g := Geometry{Shape: shape}
	for axis := range 3 {
		g.Affine[2-axis][axis] = spacingMM[axis]
		g.Affine[axis][3] = originLPS[axis]
	}
	return g
}

// Validate returns why g cannot be the grid of a scan, or nil: sides from 1 to
// 65536, at most 2^30 voxels, a finite affine whose axes span space.
func (g Geometry) Validate() error {
	n := 1
	for _, s := range g.Shape {
		if s < 1 || s > maxSide {
			return fmt.Errorf("shape %v: want sides from 1 to %d", g.Shape, maxSide)
		}
		n *= s // at most 2^48
	}
	if n > maxVoxels {
		return fmt.Errorf("shape %v: more than %d voxels", g.Shape, maxVoxels)
	}
	product := 1.0
	for _, row := range g.Affine {
		for _, v := range row {
			if math.IsNaN(v) || math.Abs(v) > 1e9 {
				return fmt.Errorf("affine holds %v: want finite millimetres", v)
			}
		}
	}
	for _, s := range g.SpacingMM() {
		product *= s
	}
	// Axes closer than about 0.06 degrees to one plane cannot be told apart.
	if !(math.Abs(g.Affine.det()) > 1e-3*product) || product < 1e-27 {
		return fmt.Errorf("affine %v: its axes do not span space", g.Affine)
	}
	return nil
}

// Voxels returns the number of voxels.
func (g Geometry) Voxels() int { return g.Shape[0] * g.Shape[1] * g.Shape[2] }

// SpacingMM returns the distance between neighbouring voxel centres along the
// axes z, y, x.
func (g Geometry) SpacingMM() [3]float64 {
	var s [3]float64
	for c := range 3 {
		a := g.Affine
		s[c] = math.Sqrt(a[0][c]*a[0][c] + a[1][c]*a[1][c] + a[2][c]*a[2][c])
	}
	return s
}

// LPS returns the place of voxel zyx, which may lie between voxel centres, as
// x, y, z in mm.
func (g Geometry) LPS(zyx [3]float64) [3]float64 {
	var p [3]float64
	for r, row := range g.Affine {
		p[r] = row[0]*zyx[0] + row[1]*zyx[1] + row[2]*zyx[2] + row[3]
	}
	return p
}

// Index returns the voxel coordinates z, y, x of a place in the patient. It is
// the inverse of LPS; the result may lie between voxels or outside the grid.
func (g Geometry) Index(lps [3]float64) [3]float64 {
	a := g.Affine
	d := [3]float64{lps[0] - a[0][3], lps[1] - a[1][3], lps[2] - a[2][3]}
	return a.solve(d)
}

// Contains reports whether the place lies in the grid, its outermost voxels
// counted up to their borders.
func (g Geometry) Contains(lps [3]float64) bool {
	for axis, i := range g.Index(lps) {
		if !(i >= -0.5 && i <= float64(g.Shape[axis])-0.5) {
			return false
		}
	}
	return true
}

// det returns the determinant of the 3×3 part.
func (a Affine) det() float64 {
	return a[0][0]*(a[1][1]*a[2][2]-a[1][2]*a[2][1]) -
		a[0][1]*(a[1][0]*a[2][2]-a[1][2]*a[2][0]) +
		a[0][2]*(a[1][0]*a[2][1]-a[1][1]*a[2][0])
}

// solve returns v with A·v = d for the 3×3 part A, by Cramer's rule.
func (a Affine) solve(d [3]float64) [3]float64 {
	det := a.det()
	var v [3]float64
	for c := range 3 {
		b := a
		for r := range 3 {
			b[r][c] = d[r]
		}
		v[c] = b.det() / det
	}
	return v
}
