package pretrain

import (
	"math"
	"math/rand/v2"

	"oncovox/dataset"
	"oncovox/internal/rng"
)

// drawPairs fills the crops of a step's batch for SimCLR: the second half holds the
// partners of the first.
func (s *source) drawPairs(crops []float32, batch, step int) {
	n := len(crops) / batch
	for b := range batch / 2 {
		first, second := crops[b*n:(b+1)*n], crops[(b+batch/2)*n:(b+batch/2+1)*n]
		c, d := s.sampler.Pair(first, second, step, b)
		r := rng.At(s.seed, s.purpose+" view", step, b)
		disturb(first, c.Item, r)
		disturb(second, d.Item, r)
	}
}

// disturb makes a view of a crop of it: contrast and brightness of another scanner,
// and noise. Within its window a value becomes a power of itself, of 0.7 to 1.4, times
// 0.8 to 1.25; the noise has a standard deviation of 0 to 0.1.
func disturb(crop []float32, it *dataset.Item, r *rand.Rand) {
	low := float64(it.Pad())
	span := (it.WindowHigh - it.WindowLow) / it.Scale
	gamma := 0.7 * math.Pow(2, r.Float64())
	gain := 0.8 * math.Pow(1.25/0.8, r.Float64())
	noise := 0.1 * r.Float64()
	for i, v := range crop {
		x := math.Pow(min(max((float64(v)-low)/span, 0), 1), gamma)
		crop[i] = float32(low + gain*span*x + noise*r.NormFloat64())
	}
}
