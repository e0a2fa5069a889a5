package kernel

import "math"

const block = 4096 // elements of one piece of an elementwise pass

// blocks calls f(lo, hi) for pieces of 0..n.
func blocks(n int, f func(lo, hi int)) {
	each((n+block-1)/block, func(i int) { f(i*block, min(n, i*block+block)) })
}

// GELU writes y = x·Φ(x), Φ the normal distribution function (the exact form
// with erf, Hendrycks and Gimpel 2016). y may be x; their lengths are equal.
func GELU(y, x []float32) {
	need("GELU", "y", y, len(x))
	blocks(len(x), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v := float64(x[i])
			y[i] = float32(0.5 * v * (1 + math.Erf(v*math.Sqrt2/2)))
		}
	})
}

// GELUBackward writes dx = dy·(Φ(x) + x·φ(x)), the gradient of [GELU]. dx may
// be dy or x.
func GELUBackward(dx, dy, x []float32) {
	need("GELUBackward", "dx", dx, len(x))
	need("GELUBackward", "dy", dy, len(x))
	blocks(len(x), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			v := float64(x[i])
			d := 0.5*(1+math.Erf(v*math.Sqrt2/2)) + v*math.Exp(-0.5*v*v)/math.Sqrt(2*math.Pi)
			dx[i] = float32(float64(dy[i]) * d)
		}
	})
}

// Add writes y = a + b. y may be a or b.
func Add(y, a, b []float32) {
	need("Add", "y", y, len(a))
	need("Add", "b", b, len(a))
	blocks(len(a), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			y[i] = a[i] + b[i]
		}
	})
}

// AddTo adds x to y.
func AddTo(y, x []float32) { Add(y[:len(x)], y[:len(x)], x) }

// Scale multiplies x by s in place.
func Scale(x []float32, s float32) {
	blocks(len(x), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x[i] *= s
		}
	})
}

// SumSquares returns the sum of x[i]² in float64, added in an order that
// depends on len(x) alone.
func SumSquares(x []float32) float64 {
	part := make([]float64, (len(x)+block-1)/block)
	blocks(len(x), func(lo, hi int) {
		var s float64
		for _, v := range x[lo:hi] {
			s += float64(v) * float64(v)
		}
		part[lo/block] = s
	})
	var s float64
	for _, v := range part {
		s += v
	}
	return s
}

// AdamW updates the weights w and the moments m and v in one pass from the
// gradient g·gradScale at the given step (1 is the first): decoupled decay,
// bias-corrected moments, as in Loshchilov and Hutter 2019, algorithm 2, with
// eps added after the root:
//
//	w = w·(1 - lr·decay) - lr·m̂/(√v̂ + eps)
func AdamW(w, m, v, g []float32, lr, beta1, beta2, eps, decay, gradScale float32, step int) {
	need("AdamW", "m", m, len(w))
	need("AdamW", "v", v, len(w))
	need("AdamW", "g", g, len(w))
	c1 := 1 - math.Pow(float64(beta1), float64(step))
	c2 := 1 - math.Pow(float64(beta2), float64(step))
	rate, root, keep := float32(float64(lr)/c1), float32(1/math.Sqrt(c2)), 1-lr*decay
	blocks(len(w), func(lo, hi int) {
		for i := lo; i < hi; i++ {
			e := g[i] * gradScale
			m[i] = beta1*m[i] + (1-beta1)*e
			v[i] = beta2*v[i] + (1-beta2)*e*e
			w[i] = w[i]*keep - rate*m[i]/(float32(math.Sqrt(float64(v[i])))*root+eps)
		}
	})
}
