package metric

import (
	"fmt"
	"math"
	"slices"
)

// A Grid is a set of voxels: In[(z*H+y)*W+x] for shape D, H, W, and the
// distance between voxels along z, y, x in mm.
type Grid struct {
	Shape     [3]int
	SpacingMM [3]float64
	In        []bool
}

func (g Grid) check(where string, other Grid) {
	n := g.Shape[0] * g.Shape[1] * g.Shape[2]
	if g.Shape != other.Shape || g.SpacingMM != other.SpacingMM || len(g.In) != n || len(other.In) != n {
		panic(fmt.Sprintf("metric: %s: grids %v of %d and %v of %d voxels", where, g.Shape, len(g.In), other.Shape, len(other.In)))
	}
}

// Dice is twice the common voxels over the sum of both, NaN where both sets are
// empty. It panics if the grids differ.
func Dice(a, b Grid) float64 {
	a.check("Dice", b)
	both, sum := 0, 0
	for i := range a.In {
		if a.In[i] {
			sum++
		}
		if b.In[i] {
			sum++
		}
		if a.In[i] && b.In[i] {
			both++
		}
	}
	return share(2*both, sum)
}

// Distances are those between the surfaces of two sets, in mm.
type Distances struct {
	Hausdorff float64 // the largest distance from one surface to the other
	HD95      float64 // the larger of the two directed 95th percentiles
	ASSD      float64 // mean over the voxels of both surfaces
}

// SurfaceDistances compares two sets; a surface is a set less its erosion by
// the six face neighbours, voxels outside the grid counting as empty. All are
// NaN where a set is empty. It panics if the grids differ.
func SurfaceDistances(a, b Grid) Distances {
	a.check("SurfaceDistances", b)
	a, b = crop(a, b)
	sa, sb := surface(a), surface(b)
	ab, ba := distancesTo(sa, sb), distancesTo(sb, sa)
	if len(ab) == 0 || len(ba) == 0 {
		return Distances{math.NaN(), math.NaN(), math.NaN()}
	}
	sum := 0.0
	for _, d := range ab {
		sum += d
	}
	for _, d := range ba {
		sum += d
	}
	slices.Sort(ab)
	slices.Sort(ba)
	return Distances{
		Hausdorff: max(ab[len(ab)-1], ba[len(ba)-1]),
		HD95:      max(percentile(ab, 0.95), percentile(ba, 0.95)),
		ASSD:      sum / float64(len(ab)+len(ba)),
	}
}

// crop returns the part of two grids that holds all voxels of both, and those
// beside them, which changes no distance.
func crop(a, b Grid) (Grid, Grid) {
	low, high := a.Shape, [3]int{-1, -1, -1}
	for i := range a.In {
		if a.In[i] || b.In[i] {
			at := [3]int{i / (a.Shape[1] * a.Shape[2]), i / a.Shape[2] % a.Shape[1], i % a.Shape[2]}
			for k := range 3 {
				low[k], high[k] = min(low[k], at[k]), max(high[k], at[k])
			}
		}
	}
	var shape [3]int
	for k := range 3 {
		low[k] = max(low[k]-1, 0)
		shape[k] = max(min(high[k]+1, a.Shape[k]-1)-low[k]+1, 0)
	}
	cut := func(g Grid) Grid {
		out := Grid{shape, g.SpacingMM, make([]bool, 0, shape[0]*shape[1]*shape[2])}
		for z := range shape[0] {
			for y := range shape[1] {
				row := ((low[0]+z)*g.Shape[1]+low[1]+y)*g.Shape[2] + low[2]
				out.In = append(out.In, g.In[row:row+shape[2]]...)
			}
		}
		return out
	}
	return cut(a), cut(b)
}

// percentile is numpy.percentile with linear interpolation, of sorted values.
func percentile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

func surface(g Grid) Grid {
	d, h, w := g.Shape[0], g.Shape[1], g.Shape[2]
	out := Grid{g.Shape, g.SpacingMM, make([]bool, len(g.In))}
	for z := range d {
		for y := range h {
			for x := range w {
				i := (z*h+y)*w + x
				inner := z > 0 && z < d-1 && y > 0 && y < h-1 && x > 0 && x < w-1 &&
					g.In[i-1] && g.In[i+1] && g.In[i-w] && g.In[i+w] && g.In[i-h*w] && g.In[i+h*w]
				out.In[i] = g.In[i] && !inner
			}
		}
	}
	return out
}

// distancesTo returns the distance of every voxel of from to the nearest one of
// to; none where to is empty.
func distancesTo(from, to Grid) []float64 {
	if !slices.Contains(to.In, true) {
		return nil
	}
	squared := squaredDistanceMap(to)
	var out []float64
	for i, in := range from.In {
		if in {
			out = append(out, math.Sqrt(squared[i]))
		}
	}
	return out
}

// squaredDistanceMap returns the squared distance of every voxel to the nearest
// one of g, exact, axis by axis (Felzenszwalb and Huttenlocher 2012).
func squaredDistanceMap(g Grid) []float64 {
	field := make([]float64, len(g.In))
	for i, in := range g.In {
		if !in {
			field[i] = math.Inf(1)
		}
	}
	stride := [3]int{g.Shape[1] * g.Shape[2], g.Shape[2], 1}
	for axis := range 3 {
		n := g.Shape[axis]
		t := newTransform(n, g.SpacingMM[axis]*g.SpacingMM[axis])
		for start := range field {
			if start/stride[axis]%n == 0 {
				t.line(field[start:], stride[axis])
			}
		}
	}
	return field
}

// A transform lays parabolas along one line of n voxels.
type transform struct {
	squaredStep float64
	values      []float64
	apex        []int     // the voxels whose parabolas form the lower envelope
	from        []float64 // where each begins to be the lowest
}

func newTransform(n int, squaredStep float64) *transform {
	return &transform{squaredStep, make([]float64, n), make([]int, n), make([]float64, n+1)}
}

// line replaces the n values of f, stride apart, by the lower envelope of the
// parabolas that stand on them.
func (t *transform) line(f []float64, stride int) {
	n, k := len(t.values), -1
	for q := range n {
		t.values[q] = f[q*stride]
		if math.IsInf(t.values[q], 1) {
			continue
		}
		cross := math.Inf(-1)
		for k >= 0 {
			p := t.apex[k]
			cross = ((t.values[q]-t.values[p])/t.squaredStep + float64(q*q-p*p)) / float64(2*(q-p))
			if cross > t.from[k] {
				break
			}
			k--
			cross = math.Inf(-1)
		}
		k++
		t.apex[k], t.from[k] = q, cross
	}
	if k < 0 {
		return
	}
	t.from[k+1] = math.Inf(1)
	j := 0
	for q := range n {
		for t.from[j+1] < float64(q) {
			j++
		}
		d := float64(q - t.apex[j])
		f[q*stride] = d*d*t.squaredStep + t.values[t.apex[j]]
	}
}
