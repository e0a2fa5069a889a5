package volume

import (
	"fmt"
	"math"
)

// A tap says how one output sample is made along an axis: the sum of
// weights[i] times the input sample first+i. The weights add up to 1.
type tap struct {
	first   int
	weights []float32
}

// axisTaps returns the taps of n samples at start, start+step, ... on an axis
// of side input samples. Places beyond the ends take the sample at the end.
//
// Up to one input sample per output sample this is linear interpolation. Above,
// it is the average over the length of a step, taken over input samples that
// fill their own length, and moved by linear interpolation so that its mean
// place is exactly the sample's: thus both reproduce a ramp, and they are equal
// at a step of 1.
func axisTaps(n, side int, start, step float64) []tap {
	taps := make([]tap, n)
	for j := range taps {
		at := start + step*float64(j)
		first, weights := linear(at)
		if width := math.Abs(step); width > 1+1e-9 {
			first, weights = box(at, width)
		}
		taps[j] = clamped(first, weights, side)
	}
	return taps
}

// linear returns the weights of the two samples around at.
func linear(at float64) (first int, weights []float64) {
	at = snapped(at)
	floor := math.Floor(at)
	f := at - floor
	return int(floor), []float64{1 - f, f}
}

// box returns the weights of the average over [at-width/2, at+width/2], with
// their mean place at at.
func box(at, width float64) (first int, weights []float64) {
	at = snapped(at)
	lo, hi := at-width/2, at+width/2
	first = int(math.Floor(lo + 0.5))
	mean := 0.0
	for k := first; float64(k)-0.5 < hi; k++ {
		w := (math.Min(hi, float64(k)+0.5) - math.Max(lo, float64(k)-0.5)) / width
		weights = append(weights, w)
		mean += w * float64(k)
	}
	shift := at - mean
	if math.Abs(shift) < 1e-9 {
		return first, weights
	}
	moved := make([]float64, len(weights)+2) // of the samples from first-1 on
	for i, w := range weights {
		moved[i+1] += (1 - math.Abs(shift)) * w
		if shift < 0 {
			moved[i] -= shift * w
		} else {
			moved[i+2] += shift * w
		}
	}
	return first - 1, moved
}

// snapped returns at, or the half or whole number that it misses by rounding
// alone.
func snapped(at float64) float64 {
	if near := math.Round(2*at) / 2; math.Abs(at-near) < 1e-9 {
		return near
	}
	return at
}

// clamped gives the weights of samples beyond [0, side) to the nearest end,
// and drops zeros at both ends of the rest.
func clamped(first int, weights []float64, side int) tap {
	lo := min(max(first, 0), side-1)
	hi := min(max(first+len(weights)-1, 0), side-1)
	sums := make([]float64, hi-lo+1)
	for i, w := range weights {
		sums[min(max(first+i, lo), hi)-lo] += w
	}
	for len(sums) > 1 && sums[0] == 0 {
		lo, sums = lo+1, sums[1:]
	}
	for len(sums) > 1 && sums[len(sums)-1] == 0 {
		sums = sums[:len(sums)-1]
	}
	t := tap{first: lo, weights: make([]float32, len(sums))}
	for i, w := range sums {
		t.weights[i] = float32(w)
	}
	return t
}

// A plan makes the samples of one grid from those of another whose axes are
// parallel to it, in any order and direction.
type plan struct {
	mid   Geometry // the new grid with its axes in the order of the old
	along [3]int   // axis a of the new grid is axis along[a] of mid
	taps  [3][]tap // of mid's samples from the old grid's, by axis
}

func newPlan(from, to Geometry) (p plan, err error) {
	if err := to.Validate(); err != nil {
		return p, fmt.Errorf("resampling: %v", err)
	}
	zero := from.Index(to.LPS([3]float64{}))
	var steps [3]float64
	for a := range 3 {
		var one [3]float64
		one[a] = 1
		next := from.Index(to.LPS(one))
		for axis := range 3 {
			step := next[axis] - zero[axis]
			// At most a hundredth of a voxel off the axis at the far end.
			if math.Abs(step)*float64(to.Shape[a]) <= 0.01 {
				continue
			}
			if steps[axis] != 0 {
				return p, fmt.Errorf("resampling: the axes of the grids are not parallel")
			}
			steps[axis], p.along[a] = step, axis
			p.mid.Shape[axis] = to.Shape[a]
		}
	}
	for axis := range 3 {
		if steps[axis] == 0 {
			return p, fmt.Errorf("resampling: the axes of the grids are not parallel")
		}
		p.taps[axis] = axisTaps(p.mid.Shape[axis], from.Shape[axis], zero[axis], steps[axis])
	}
	return p, nil
}

// inOrder returns data, which lies in the axis order of the plan's mid grid,
// in that of the new grid.
func inOrder[T any](p plan, data []T) []T {
	if p.along == [3]int{0, 1, 2} {
		return data
	}
	turned := make([]T, len(data))
	turn(turned, data, p.mid.Shape, [3]int{}, p.along, [3]int{1, 1, 1})
	return turned
}
