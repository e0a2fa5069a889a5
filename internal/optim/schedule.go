package optim

import (
	"fmt"
	"math"
	"strings"
)

// WarmupCosine returns the learning rate of step (0 is the first) of total: it
// rises in warmup equal steps to peak, then falls along half a cosine to
// floor at the last step.
func WarmupCosine(step, warmup, total int, peak, floor float64) float64 {
	if step < warmup {
		return peak * float64(step+1) / float64(warmup)
	}
	if total-1 <= warmup {
		return peak
	}
	t := math.Min(1, float64(step-warmup)/float64(total-1-warmup))
	return floor + (peak-floor)*(1+math.Cos(math.Pi*t))/2
}

// LayerDecay returns the scale of the learning rate for each weight of a
// transformer of depth blocks, d^(depth+1-l), where l is 0 for the
// stem, i+1 for block i, and depth+1 for all that follows (Clark et
// al. 2020; Bao et al. 2021).
func LayerDecay(d float64, depth int) func(name string) float64 {
	return func(name string) float64 {
		layer, block := depth+1, 0
		if strings.HasPrefix(name, "patch_embed.") || strings.HasPrefix(name, "stem.") {
			layer = 0
		} else if n, _ := fmt.Sscanf(name, "blocks.%d.", &block); n == 1 {
			layer = block + 1
		}
		return math.Pow(d, float64(depth+1-layer))
	}
}
