package kernel

import (
	"math"
	"testing"
)

// same fails unless got is within tol·(1 + |want|) of want, element by element.
func same(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	for i, w := range want {
		if diff := math.Abs(float64(got[i]) - w); !(diff <= tol*(1+math.Abs(w))) {
			t.Fatalf("%s[%d] = %v, want %v (difference %.2g)", what, i, got[i], w, diff)
		}
	}
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// gradient returns the numeric gradient of Σ f(x)·g with respect to x, by central
// differences in float64.
func gradient(f func(x []float64) []float64, x, g []float32) []float64 {
	const h = 1e-5
	at, d := wide(x), make([]float64, len(x))
	for i := range x {
		v := at[i]
		at[i] = v + h
		up := dot(f(at), g)
		at[i] = v - h
		d[i] = (up - dot(f(at), g)) / (2 * h)
		at[i] = v
	}
	return d
}

func dot(y []float64, g []float32) float64 {
	var s float64
	for i, v := range y {
		s += v * float64(g[i])
	}
	return s
}
