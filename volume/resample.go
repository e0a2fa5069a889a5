package volume

import (
	"fmt"
	"math"
)

// WithSpacing returns the grid along the same axes with exactly the given
// spacing (z, y, x in mm), as many voxels as fill g's extent best, at least
// one an axis, and g's centre.
func (g Geometry) WithSpacing(spacingMM [3]float64) Geometry {
	to := g
	var zero [3]float64 // the new voxel (0, 0, 0) in voxels of g
	for a, old := range g.SpacingMM() {
		if !(spacingMM[a] > 0) {
			panic(fmt.Sprintf("volume: WithSpacing: spacing %v mm", spacingMM))
		}
		ratio := spacingMM[a] / old
		n := math.Max(1, math.Round(float64(g.Shape[a])/ratio))
		to.Shape[a] = int(n)
		zero[a] = (float64(g.Shape[a]-1) - ratio*(n-1)) / 2
		for r := range 3 {
			to.Affine[r][a] *= ratio
		}
	}
	for r, v := range g.LPS(zero) {
		to.Affine[r][3] = v
	}
	return to
}

// ResampleSpacing returns v with the given spacing along its axes z, y, x: the
// average over the new voxel's extent along axes where voxels grow, linear
// interpolation along others. It panics unless the spacing is above 0 and the
// new grid is valid.
func (v *Volume) ResampleSpacing(spacingMM [3]float64) *Volume {
	to, err := v.Resample(v.WithSpacing(spacingMM))
	if err != nil {
		panic("volume: ResampleSpacing: " + err.Error())
	}
	return to
}

// Resample returns v on the grid to, as ResampleSpacing does; beyond its
// borders v goes on as it ends there. It fails unless the axes of the two
// grids are parallel; they may come in any order and direction.
func (v *Volume) Resample(to Geometry) (*Volume, error) {
	n := v.Shape[1] * v.Shape[2]
	data, err := ResamplePlanes(v.Geometry, to, func(z int, dst []float32) { copy(dst, v.Data[z*n:]) })
	return &Volume{Geometry: to, Data: data, Modality: v.Modality, Unit: v.Unit}, err
}

// ResamplePlanes is Resample for voxels that are not in memory: plane fills
// dst, which is (H, W), with the plane z of the grid from. Planes are asked for
// once each, in order, and those that to does not touch are not.
func ResamplePlanes(from, to Geometry, plane func(z int, dst []float32)) ([]float32, error) {
	p, err := newPlan(from, to)
	if err != nil {
		return nil, err
	}
	h, w := p.mid.Shape[1], p.mid.Shape[2]
	out := make([]float32, to.Voxels())
	src := make([]float32, from.Shape[1]*from.Shape[2])
	tmp := make([]float32, h*from.Shape[2])
	dst := make([]float32, h*w)
	for z, uses := range usesOf(p.taps[0], from.Shape[0]) {
		if len(uses) == 0 {
			continue
		}
		plane(z, src)
		resampleRows(tmp, src, p.taps[1], from.Shape[2])
		resampleColumns(dst, tmp, p.taps[2], from.Shape[2])
		for _, u := range uses {
			addScaled(out[u.sample*h*w:][:h*w], dst, u.weight)
		}
	}
	return inOrder(p, out), nil
}

// A use is the share that one output sample takes of an input sample.
type use struct {
	sample int
	weight float32
}

// usesOf turns taps around: who uses each of the side input samples.
func usesOf(taps []tap, side int) [][]use {
	uses := make([][]use, side)
	for j, t := range taps {
		for i, w := range t.weights {
			uses[t.first+i] = append(uses[t.first+i], use{j, w})
		}
	}
	return uses
}

// resampleRows makes the rows of dst, of width w, as sums of rows of src.
func resampleRows(dst, src []float32, taps []tap, w int) {
	for y, t := range taps {
		row := dst[y*w:][:w]
		clear(row)
		for i, weight := range t.weights {
			addScaled(row, src[(t.first+i)*w:][:w], weight)
		}
	}
}

// resampleColumns makes the rows of dst, of width len(taps), from those of
// src, of width w.
func resampleColumns(dst, src []float32, taps []tap, w int) {
	for y := range len(src) / w {
		row, out := src[y*w:][:w], dst[y*len(taps):][:len(taps)]
		for x, t := range taps {
			var sum float32
			for i, weight := range t.weights {
				sum += weight * row[t.first+i]
			}
			out[x] = sum
		}
	}
}

// addScaled adds weight·x to y.
func addScaled(y, x []float32, weight float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += weight * v
	}
}
