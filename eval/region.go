package eval

import (
	"math"
	"slices"

	"oncovox/volume"
)

// components returns the sets of true voxels that touch by faces, edges or
// corners, in the order of their first voxels. It clears in.
func components(in []bool, shape [3]int) [][]int {
	var out [][]int
	for i := range in {
		if !in[i] {
			continue
		}
		in[i] = false
		region := []int{i}
		for k := 0; k < len(region); k++ {
			z, y, x := region[k]/(shape[1]*shape[2]), region[k]/shape[2]%shape[1], region[k]%shape[2]
			for nz := max(z-1, 0); nz <= min(z+1, shape[0]-1); nz++ {
				for ny := max(y-1, 0); ny <= min(y+1, shape[1]-1); ny++ {
					for nx := max(x-1, 0); nx <= min(x+1, shape[2]-1); nx++ {
						if j := (nz*shape[1]+ny)*shape[2] + nx; in[j] {
							in[j] = false
							region = append(region, j)
						}
					}
				}
			}
		}
		out = append(out, region)
	}
	return out
}

// largestRegion returns the largest of the components of in, the first of equal
// ones; nil if there are none. It clears in.
func largestRegion(in []bool, shape [3]int) []int {
	var largest []int
	for _, region := range components(in, shape) {
		if len(region) > len(largest) {
			largest = region
		}
	}
	return largest
}

// ellipsoid returns the voxels of the grid whose centres lie in the ellipsoid
// with the given centre and extents along LPS x, y, z in mm, and the voxel
// nearest to its centre, if that lies in the grid.
func ellipsoid(g volume.Geometry, centre, size [3]float64) []int {
	at, half := g.Index(centre), g.BoxVoxels(size)
	var low, high, middle [3]int
	for a, n := range g.Shape {
		low[a] = max(int(math.Ceil(at[a]-half[a]/2)), 0)
		high[a] = min(int(math.Floor(at[a]+half[a]/2)), n-1)
		middle[a] = int(math.Round(at[a]))
	}
	var region []int
	for z := low[0]; z <= high[0]; z++ {
		for y := low[1]; y <= high[1]; y++ {
			for x := low[2]; x <= high[2]; x++ {
				sum := 0.0
				for a, v := range g.LPS([3]float64{float64(z), float64(y), float64(x)}) {
					d := (v - centre[a]) / (size[a] / 2)
					sum += d * d
				}
				if sum <= 1 {
					region = append(region, (z*g.Shape[1]+y)*g.Shape[2]+x)
				}
			}
		}
	}
	i := (middle[0]*g.Shape[1]+middle[1])*g.Shape[2] + middle[2]
	if g.Contains(centre) && !slices.Contains(region, i) {
		region = append(region, i)
	}
	return region
}

// touched returns the component that holds the most voxels of region, the first
// of equal ones; nil where none holds any. number is by voxel that of its
// component, from 1, 0 outside all.
func touched(components [][]int, number []int32, region []int) []int {
	held := make([]int, len(components)+1)
	for _, i := range region {
		held[number[i]]++
	}
	held[0] = 0
	best := 0
	for k, n := range held {
		if n > held[best] {
			best = k
		}
	}
	if best == 0 {
		return nil
	}
	return components[best-1]
}
