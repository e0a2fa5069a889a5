package eval

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/internal/rng"
	"oncovox/volume"
)

// Of each training scan, so many places away from lesions are shown to the
// logistic model, beside the centres of its lesions.
const windowsPerScan = 100

// A windowModel is a logistic regression on the mean and the standard deviation
// of a window the size of a lesion and of the shell around it, which reaches twice
// as far, with their squares: what a linear reader of intensities could do.
type windowModel struct {
	half   [3]int // of the window: it has 2·half+1 voxels along each axis
	size   [3]float64
	mean   []float64 // of the features in training
	std    []float64
	weight []float64 // of the standardised features, the intercept last
}

// windowFeatures is how many numbers describe a window.
const windowFeatures = 8

// fitWindows fits the model to the labelled training scans of set, windows having
// the given size.
func fitWindows(ctx context.Context, set *dataset.Set, size [3]float64) (*windowModel, error) {
	m := &windowModel{size: size}
	var x [][]float64
	var y []bool
	for k, it := range set.Items(dataset.Train) {
		if err := ctx.Err(); err != nil {
			return m, err
		}
		if !it.Labelled {
			continue
		}
		v, err := set.Volume(it.ID)
		if err != nil {
			return m, fmt.Errorf("a training scan cannot be read")
		}
		if m.half == [3]int{} {
			m.half = halfOf(v.Geometry, size)
		}
		s := newSums(v)
		for _, l := range it.Lesions {
			x, y = append(x, s.features(nearest(v.Geometry, l.CentreLPSMM), m.half)), append(y, true)
		}
		r := rng.At(1, "window-logistic", k)
		for range windowsPerScan {
			at := [3]int{r.IntN(v.Shape[0]), r.IntN(v.Shape[1]), r.IntN(v.Shape[2])}
			if awayFrom(it, v.LPS([3]float64{float64(at[0]), float64(at[1]), float64(at[2])})) {
				x, y = append(x, s.features(at, m.half)), append(y, false)
			}
		}
	}
	return m, m.fit(x, y)
}

// awayFrom reports whether a place is at least a diameter away from the centres of
// all lesions of it.
func awayFrom(it dataset.Item, lps [3]float64) bool {
	for _, l := range it.Lesions {
		if floats.Distance(l.CentreLPSMM[:], lps[:], 2) < l.DiameterMM {
			return false
		}
	}
	return true
}

// fit fits the weights by maximum likelihood with a Gaussian prior of variance 1 on
// the standardised weights (scikit-learn's LogisticRegression with C = 1).
func (m *windowModel) fit(x [][]float64, y []bool) error {
	m.mean, m.std = make([]float64, windowFeatures), make([]float64, windowFeatures)
	column := make([]float64, len(x))
	for f := range windowFeatures {
		for i := range x {
			column[i] = x[i][f]
		}
		m.mean[f], m.std[f] = stat.MeanStdDev(column, nil)
		if !(m.std[f] > 1e-9) {
			m.std[f] = 1
		}
		for i := range x {
			x[i][f] = (x[i][f] - m.mean[f]) / m.std[f]
		}
	}
	residual := func(w, row []float64, positive bool) (p, loss float64) {
		z := floats.Dot(w[:windowFeatures], row) + w[windowFeatures]
		if positive {
			return sigmoid(z) - 1, math.Log1p(math.Exp(-math.Abs(z))) + max(-z, 0)
		}
		return sigmoid(z), math.Log1p(math.Exp(-math.Abs(z))) + max(z, 0)
	}
	problem := optimize.Problem{
		Func: func(w []float64) float64 {
			sum := floats.Dot(w[:windowFeatures], w[:windowFeatures]) / 2
			for i, row := range x {
				_, loss := residual(w, row, y[i])
				sum += loss
			}
			return sum
		},
		Grad: func(grad, w []float64) {
			copy(grad, w)
			grad[windowFeatures] = 0
			for i, row := range x {
				p, _ := residual(w, row, y[i])
				floats.AddScaled(grad[:windowFeatures], p, row)
				grad[windowFeatures] += p
			}
		},
	}
	found, err := optimize.Minimize(problem, make([]float64, windowFeatures+1), &optimize.Settings{GradientThreshold: 1e-6, MajorIterations: 500}, &optimize.LBFGS{})
	if found == nil {
		return fmt.Errorf("the logistic model of windows does not fit: %w", err)
	}
	m.weight = found.X
	return nil
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// find answers the windows that score higher than all their neighbours, a quarter
// of a window away, the best first.
func (m *windowModel) find(_ dataset.Item, v *volume.Mapped) []metric.Mark {
	s := newSums(v)
	var n, step [3]int
	for a := range 3 {
		step[a] = max(1, (2*m.half[a]+1)/4)
		n[a] = (v.Shape[a] + step[a] - 1) / step[a]
	}
	score := make([]float64, n[0]*n[1]*n[2])
	at := func(i int) [3]int {
		return [3]int{i / (n[1] * n[2]) * step[0], i / n[2] % n[1] * step[1], i % n[2] * step[2]}
	}
	for i := range score {
		z := m.weight[windowFeatures]
		for f, x := range s.features(at(i), m.half) {
			z += m.weight[f] * (x - m.mean[f]) / m.std[f]
		}
		score[i] = sigmoid(z)
	}
	var marks []metric.Mark
	for i := range score {
		if peak(score, n, i) {
			p := at(i)
			marks = append(marks, metric.Mark{Centre: v.LPS([3]float64{float64(p[0]), float64(p[1]), float64(p[2])}), Size: m.size, Score: score[i]})
		}
	}
	slices.SortStableFunc(marks, func(a, b metric.Mark) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return marks[:min(len(marks), metric.MaxMarks)]
}

// peak reports whether the score at i is above those of its neighbours that come
// after it, and not below those before.
func peak(score []float64, n [3]int, i int) bool {
	z, y, x := i/(n[1]*n[2]), i/n[2]%n[1], i%n[2]
	for c := max(z-1, 0); c <= min(z+1, n[0]-1); c++ {
		for b := max(y-1, 0); b <= min(y+1, n[1]-1); b++ {
			for a := max(x-1, 0); a <= min(x+1, n[2]-1); a++ {
				j := (c*n[1]+b)*n[2] + a
				if j < i && score[j] > score[i] || j > i && score[j] >= score[i] {
					return false
				}
			}
		}
	}
	return true
}

// halfOf returns the half sides, in voxels, of a window nearest to the size in mm.
func halfOf(g volume.Geometry, size [3]float64) (half [3]int) {
	for a, side := range g.BoxVoxels(size) {
		half[a] = max(0, int(math.Round((side-1)/2)))
	}
	return half
}

// nearest returns the voxel nearest to a place, within the grid.
func nearest(g volume.Geometry, lps [3]float64) (at [3]int) {
	for a, p := range g.Index(lps) {
		at[a] = min(max(int(math.Round(p)), 0), g.Shape[a]-1)
	}
	return at
}

// sums are the sums of a volume's voxels and of their squares over the boxes from
// its corner, (D+1, H+1, W+1): a box anywhere takes eight of them.
type sums struct {
	shape       [3]int
	one, square []float64
}

func newSums(v *volume.Mapped) *sums {
	data := voxels(v)
	s := &sums{shape: v.Shape}
	rows, row := v.Shape[1]+1, v.Shape[2]+1
	s.one, s.square = make([]float64, (v.Shape[0]+1)*rows*row), make([]float64, (v.Shape[0]+1)*rows*row)
	for z := range v.Shape[0] {
		for y := range v.Shape[1] {
			var one, square float64 // of this line
			for x := range v.Shape[2] {
				u := float64(data[(z*v.Shape[1]+y)*v.Shape[2]+x])
				one, square = one+u, square+u*u
				to := ((z+1)*rows+y+1)*row + x + 1
				up, left, both := to-rows*row, to-row, to-rows*row-row
				s.one[to] = one + s.one[up] + s.one[left] - s.one[both]
				s.square[to] = square + s.square[up] + s.square[left] - s.square[both]
			}
		}
	}
	return s
}

// box returns the number of voxels within half of at, their sum and that of their
// squares; what lies outside the volume is left out.
func (s *sums) box(at, half [3]int) (n, one, square float64) {
	var lo, hi [3]int
	n = 1
	for a := range 3 {
		lo[a], hi[a] = max(at[a]-half[a], 0), min(at[a]+half[a]+1, s.shape[a])
		n *= float64(hi[a] - lo[a])
	}
	rows, row := s.shape[1]+1, s.shape[2]+1
	for corner := range 8 {
		p, sign := hi, 1.0
		for a := range 3 {
			if corner>>a&1 == 1 {
				p[a], sign = lo[a], -sign
			}
		}
		i := (p[0]*rows+p[1])*row + p[2]
		one, square = one+sign*s.one[i], square+sign*s.square[i]
	}
	return n, one, square
}

// features describes the window around at: mean and deviation inside and in the
// shell around it, and their squares.
func (s *sums) features(at, half [3]int) []float64 {
	outer := half
	for a := range outer {
		outer[a] = 2*half[a] + 1
	}
	n, one, square := s.box(at, half)
	all, allOne, allSquare := s.box(at, outer)
	x := make([]float64, 0, windowFeatures)
	for _, of := range [2][3]float64{{n, one, square}, {max(all-n, 1), allOne - one, allSquare - square}} {
		mean := of[1] / of[0]
		x = append(x, mean, math.Sqrt(max(of[2]/of[0]-mean*mean, 0)))
	}
	for _, v := range x {
		x = append(x, v*v)
	}
	return x
}
