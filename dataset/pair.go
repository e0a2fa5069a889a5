package dataset

import (
	"math"

	"oncovox/internal/rng"
)

// pairOverlap is the least share of a crop's side that its partner shares along
// each axis. Half of the volume is shared where each axis shares 0.79.
const pairOverlap = 0.79

// Pair fills a and b, which are (D, H, W), with two crops of one item that overlap by
// at least half of their volume, the first placed as Random does. Each is flipped and
// turned by itself. It panics if a length is another.
func (s *Sampler) Pair(a, b []float32, step, sample int) (Crop, Crop) {
	first := s.Random(a, step, sample)
	src := rng.Source(s.seed, s.pair, step, sample)
	item := 0
	for &s.items[item] != first.Item {
		item++
	}
	var origin [3]int
	for i, side := range s.size {
		reach := int(math.Floor((1 - pairOverlap) * float64(side)))
		lo, hi := s.origins(item, i)
		lo, hi = max(lo, first.Origin[i]-reach), min(hi, first.Origin[i]+reach)
		origin[i] = lo + intN(&src, hi-lo+1)
	}
	return first, s.cut(b, item, origin, &src)
}
