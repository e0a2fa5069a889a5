package pretrain

import (
	"fmt"
	"slices"
	"testing"

	"oncovox/internal/rng"
)

// Every shape is a permutation, drawn anew for each crop but the next one, and
// hides what its name says.
func TestMaskOrder(t *testing.T) {
	grid, visible := [3]int{4, 6, 5}, 45 // 1.5 layers
	for _, shape := range maskShapes() {
		masks := map[string]bool{}
		for i := range 20 {
			order := maskOrder(shape, grid, visible, rng.At(1, "test", i))
			if sorted := slices.Sorted(slices.Values(order)); len(sorted) != 120 || sorted[0] != 0 || len(slices.Compact(sorted)) != 120 {
				t.Fatalf("%s: not a permutation of 120 patches: %v", shape, order)
			}
			masks[fmt.Sprint(order)] = true
			layers := map[int]bool{}
			for _, p := range order[:visible] {
				layers[p/30] = true
			}
			whole := shape == maskSlices || shape == maskNext
			if whole && len(layers) != 2 || !whole && len(layers) < 3 {
				t.Errorf("%s: the visible patches lie in %d layers", shape, len(layers))
			}
			if shape == maskNext && !(layers[0] && layers[1]) {
				t.Errorf("next: layers %v are visible, want the first two", layers)
			}
			if a := hiddenNeighbours(grid, order[visible:]); shape == maskBlock && a < 3.4 || shape == maskUniform && a > 3.4 {
				t.Errorf("%s: a hidden patch has %.2f hidden neighbours", shape, a)
			}
		}
		if one := len(masks) == 1; one != (shape == maskNext) {
			t.Errorf("%s: %d masks of 20", shape, len(masks))
		}
	}
}

// hiddenNeighbours is how many of a hidden patch's up to six neighbours are hidden
// too, in the mean: of uniform masks the share hidden times 4.8 on this grid.
func hiddenNeighbours(grid [3]int, hidden []int) float64 {
	is := map[[3]int]bool{}
	at := func(t int) [3]int { return [3]int{t / (grid[1] * grid[2]), t / grid[2] % grid[1], t % grid[2]} }
	for _, t := range hidden {
		is[at(t)] = true
	}
	sum := 0
	for c := range is {
		for a := range 3 {
			for _, d := range []int{-1, 1} {
				n := c
				n[a] += d
				if is[n] {
					sum++
				}
			}
		}
	}
	return float64(sum) / float64(len(hidden))
}
