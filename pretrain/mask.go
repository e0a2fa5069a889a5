package pretrain

import (
	"math/rand/v2"
	"slices"
)

// Shapes of masks: which patches of a crop are hidden.
const (
	maskUniform = "uniform" // each alone, at random (He et al. 2022)
	maskBlock   = "block"   // boxes of neighbours, so that a lesion is hidden whole (after Bao et al. 2021)
	maskSlices  = "slices"  // whole layers of patches along z
	maskNext    = "next"    // the layers after the first along z: the next slices are predicted from those before
)

// maskShapes are the shapes that a config can name.
func maskShapes() []string { return []string{maskUniform, maskBlock, maskSlices, maskNext} }

// maskOrder returns the patches of a grid in the order in which they are shown,
// as nn.Mask.Set wants it: the first visible stay, and the others are hidden.
func maskOrder(shape string, grid [3]int, visible int, r *rand.Rand) []int {
	layer := grid[1] * grid[2]
	n := grid[0] * layer
	order := make([]int, n)
	switch shape {
	case maskBlock:
		return blockOrder(grid, visible, r)
	case maskSlices:
		for i, z := range r.Perm(grid[0]) {
			for j := range layer {
				order[i*layer+j] = z*layer + j
			}
		}
	case maskNext:
		for i := range order {
			order[i] = i
		}
	default:
		return r.Perm(n)
	}
	return order
}

// blockOrder hides boxes of 2 to half the grid's sides at random places until no
// more than visible patches are left, and shows some of the last box again, so that
// the number is met.
func blockOrder(grid [3]int, visible int, r *rand.Rand) []int {
	n := grid[0] * grid[1] * grid[2]
	hidden := make([]bool, n)
	order := make([]int, 0, n) // hidden ones, first hidden first
	for len(order) < n-visible {
		var from, to [3]int
		for a, side := range grid {
			length := min(side, 2+r.IntN(max(1, side/2-1)))
			from[a] = r.IntN(side - length + 1)
			to[a] = from[a] + length
		}
		for z := from[0]; z < to[0]; z++ {
			for y := from[1]; y < to[1]; y++ {
				for x := from[2]; x < to[2]; x++ {
					if t := (z*grid[1]+y)*grid[2] + x; !hidden[t] {
						hidden[t] = true
						order = append(order, t)
					}
				}
			}
		}
	}
	var shown []int
	for t, h := range hidden {
		if !h {
			shown = append(shown, t)
		}
	}
	slices.Reverse(order) // the last box's rest is shown
	return append(shown, order...)
}
