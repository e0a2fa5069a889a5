package dicomio

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"oncovox/lesion"
	"oncovox/volume"
)

// A region is one lesion in a volume: its voxels, or else its place and size.
type region struct {
	kind   labelKind
	set    string        // SOP Instance UID of the label object; private
	number int           // of the ROI
	piece  int           // of the region, from 0
	ignore bool          // neither right nor wrong to find; it is not painted
	voxels []int         // flat indices, ascending; nil if only body is known
	body   lesion.Lesion // centre, size and diameter
	also   []string      // sources of the same lesion in other label objects; private
}

// source names r in the crosswalk.
func (r *region) source() string { return fmt.Sprintf("%s/%d/%d", r.set, r.number, r.piece) }

// measure returns where the voxels of a region lie on grid g: their centroid,
// the extent of their box along the axes of the patient, outer faces of the
// voxels included, and the diameter of the sphere of their volume, all in mm.
func measure(g volume.Geometry, voxels []int) (l lesion.Lesion) {
	low, high := [3]float64{}, [3]float64{}
	var sum [3]float64
	for axis := range 3 {
		low[axis], high[axis] = math.Inf(1), math.Inf(-1)
	}
	for _, v := range voxels {
		lps := g.LPS(zyx(g, v))
		for axis := range 3 {
			sum[axis] += lps[axis]
			low[axis], high[axis] = min(low[axis], lps[axis]), max(high[axis], lps[axis])
		}
	}
	for axis := range 3 {
		row := g.Affine[axis]
		l.CentreLPSMM[axis] = sum[axis] / float64(len(voxels))
		l.SizeMM[axis] = high[axis] - low[axis] + math.Abs(row[0]) + math.Abs(row[1]) + math.Abs(row[2])
	}
	l.DiameterMM = math.Cbrt(6 / math.Pi * float64(len(voxels)) * voxelMM3(g))
	return l
}

func zyx(g volume.Geometry, flat int) [3]float64 {
	x := flat % g.Shape[2]
	y := flat / g.Shape[2] % g.Shape[1]
	return [3]float64{float64(flat / g.Shape[2] / g.Shape[1]), float64(y), float64(x)}
}

// voxelMM3 returns the volume of one voxel.
func voxelMM3(g volume.Geometry) float64 {
	var c [3][3]float64
	for axis := range 3 {
		for r := range 3 {
			c[axis][r] = g.Affine[r][axis]
		}
	}
	return math.Abs(dot(c[0], cross(c[1], c[2])))
}

// components cuts voxels of grid g into pieces that touch by a face, an edge or
// a corner, in the order of their first voxels.
func components(g volume.Geometry, voxels []int) [][]int {
	left := make(map[int]bool, len(voxels))
	for _, v := range voxels {
		left[v] = true
	}
	var pieces [][]int
	for _, first := range voxels {
		if !left[first] {
			continue
		}
		delete(left, first)
		piece := []int{first}
		for i := 0; i < len(piece); i++ {
			piece = appendNeighbours(piece, g, piece[i], left)
		}
		slices.Sort(piece)
		pieces = append(pieces, piece)
	}
	return pieces
}

// appendNeighbours moves the neighbours of voxel v that are in left to piece.
func appendNeighbours(piece []int, g volume.Geometry, v int, left map[int]bool) []int {
	x, y := v%g.Shape[2], v/g.Shape[2]%g.Shape[1]
	for dz := -1; dz <= 1; dz++ {
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				if y+dy < 0 || y+dy >= g.Shape[1] || x+dx < 0 || x+dx >= g.Shape[2] {
					continue
				}
				n := v + (dz*g.Shape[1]+dy)*g.Shape[2] + dx
				if left[n] {
					delete(left, n)
					piece = append(piece, n)
				}
			}
		}
	}
	return piece
}

// labels returns the value of each region in the mask: from 1 in their order, 0
// for those without voxels, those to ignore, and those beyond 255.
func labels(regions []region) []int {
	all := make([]int, len(regions))
	next := 1
	for i, r := range regions {
		if len(r.voxels) > 0 && !r.ignore && next <= 255 {
			all[i] = next
			next++
		}
	}
	return all
}

// paint fills regions into a mask of grid g, each with its label. Where regions
// overlap, the voxel goes to the smaller one.
func paint(g volume.Geometry, regions []region, labels []int) *volume.Mask {
	m := volume.NewMask(g)
	var order []int
	for i, label := range labels {
		if label > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(len(regions[b].voxels), len(regions[a].voxels))
	})
	for _, i := range order {
		for _, v := range regions[i].voxels {
			m.Labels[v] = uint8(labels[i])
		}
	}
	return m
}
