package dataset

import (
	"math"

	"oncovox/volume"
)

// A window is the range of source intensities that is kept, low < high.
type window struct{ low, high float64 }

// windowOf returns the window of a volume: the config's for HU and SUV, else
// percentiles of its own voxels, since its scale means nothing.
func windowOf(m *volume.Mapped, cfg Config) window {
	switch m.Unit {
	case "HU":
		return window{cfg.WindowHU[0], cfg.WindowHU[1]}
	case "SUV":
		return window{cfg.WindowSUV[0], cfg.WindowSUV[1]}
	}
	low, high := percentiles(m, cfg.Percentiles)
	if !(low < high) {
		high = low + 1 // one value nearly everywhere; any width will do
	}
	return window{low, high}
}

// percentiles returns two percentiles (0 to 100, nearest rank) of the finite
// voxels, exactly, in two passes and 512 KiB: voxels are counted by the upper
// half of their bits, then those of the two halves in question by the lower.
// It returns zeros if no voxel is finite.
func percentiles(m *volume.Mapped, want [2]float64) (low, high float64) {
	upper := make([]int, 1<<16)
	n := 0
	eachPlane(m, func(plane []float32) {
		for _, v := range plane {
			if finite(v) {
				upper[sortKey(v)>>16]++
				n++
			}
		}
	})
	if n == 0 {
		return 0, 0
	}
	var value [2]float64
	for i, p := range want {
		rank := int(p/100*float64(n-1) + 0.5)
		half, before := bucket(upper, rank)
		lower := make([]int, 1<<16)
		eachPlane(m, func(plane []float32) {
			for _, v := range plane {
				if k := sortKey(v); finite(v) && k>>16 == uint32(half) {
					lower[k&0xffff]++
				}
			}
		})
		rest, _ := bucket(lower, rank-before)
		value[i] = float64(fromSortKey(uint32(half)<<16 | uint32(rest)))
	}
	return value[0], value[1]
}

// bucket returns which count holds the item of the given rank, and the sum of
// the counts before it.
func bucket(counts []int, rank int) (i, before int) {
	for i, c := range counts {
		if before+c > rank {
			return i, before
		}
		before += c
	}
	panic("dataset: bucket: rank beyond the counts")
}

// sortKey returns bits that are in the order of the numbers.
func sortKey(v float32) uint32 {
	b := math.Float32bits(v)
	if b>>31 == 1 {
		return ^b
	}
	return b | 1<<31
}

func fromSortKey(k uint32) float32 {
	if k>>31 == 1 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

func finite(v float32) bool { return !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0) }

func eachPlane(m *volume.Mapped, f func(plane []float32)) {
	plane := make([]float32, m.Shape[1]*m.Shape[2])
	for z := range m.Shape[0] {
		m.Crop(plane, [3]int{z, 0, 0}, [3]int{1, m.Shape[1], m.Shape[2]}, 0)
		f(plane)
	}
}

// A clip counts what clamping to a window does to a volume's voxels.
type clip struct{ voxels, below, above, notFinite int }

// apply clamps plane to the window and brings it to 0 at its low end and 1 at
// its high end. What is not a number becomes 0.
func (c *clip) apply(plane []float32, w window) {
	scale := 1 / (w.high - w.low)
	c.voxels += len(plane)
	for i, v := range plane {
		if !finite(v) {
			c.notFinite++
		}
		switch u := (float64(v) - w.low) * scale; {
		case u < 0:
			c.below++
			plane[i] = 0
		case u > 1:
			c.above++
			plane[i] = 1
		case u >= 0:
			plane[i] = float32(u)
		default:
			plane[i] = 0
		}
	}
}
