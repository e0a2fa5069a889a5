package kernel

import "math"

// blockLen is the length of one piece of an elementwise pass.
const blockLen = 8192

// A sweep applies a function to every element of its operands. The function gets
// a multiple of 16 elements at a time; the rest of the operands goes through a
// copy of 16 elements, so that every element is computed by the same code.
type sweep struct {
	p        *path
	n        int
	operands operands
	outputs  int // the first so many operands are written
	params   [9 * 16]float32
	f        func(p *path, n int, x operands, params []float32)
}

type operands [5][]float32

var sweeps stash[sweep]

// over runs f over n elements.
func over(n, outputs int, x operands, f func(p *path, n int, x operands, params []float32), params ...float32) {
	j := sweeps.get()
	j.p, j.n, j.operands, j.outputs, j.f = current, n, x, outputs, f
	for i, v := range params {
		for l := range 16 {
			j.params[16*i+l] = v
		}
	}
	parallel(ceil(n, blockLen), j)
	j.operands = operands{}
	sweeps.put(j)
}

func (j *sweep) run(i int, s *scratch) {
	lo, hi := i*blockLen, min(j.n, (i+1)*blockLen)
	mid := lo + (hi-lo)&^15
	if mid > lo {
		j.f(j.p, mid-lo, j.operands.from(lo), j.params[:])
	}
	if hi == mid {
		return
	}
	var x operands
	for k, v := range j.operands {
		if v != nil {
			x[k] = s.lanes[k][:16]
			copy(x[k], v[mid:hi])
		}
	}
	j.f(j.p, 16, x, j.params[:])
	for k := range j.outputs {
		copy(j.operands[k][mid:hi], x[k])
	}
}

func (x operands) from(at int) operands {
	for i, v := range x {
		if v != nil {
			x[i] = v[at:]
		}
	}
	return x
}

// GELU writes y = x·Φ(x), Φ the normal distribution function (the exact form
// with erf, Hendrycks and Gimpel 2016). y may be x.
func GELU(y, x []float32) {
	need("GELU", "y", y, len(x))
	over(len(x), 1, operands{y, x}, func(p *path, n int, x operands, _ []float32) { p.gelu(n, x[0], x[1]) })
}

// GELUBackward writes dx = dy·(Φ(x) + x·φ(x)), the gradient of [GELU]. dx may
// be dy or x.
func GELUBackward(dx, dy, x []float32) {
	need("GELUBackward", "dx", dx, len(x))
	need("GELUBackward", "dy", dy, len(x))
	over(len(x), 1, operands{dx, dy, x}, func(p *path, n int, x operands, _ []float32) { p.geluGrad(n, x[0], x[1], x[2]) })
}

// Add writes y = a + b. y may be a or b.
func Add(y, a, b []float32) {
	need("Add", "y", y, len(a))
	need("Add", "b", b, len(a))
	over(len(a), 1, operands{y, a, b}, func(p *path, n int, x operands, _ []float32) { p.add(n, x[0], x[1], x[2]) })
}

// AddTo adds x to y.
func AddTo(y, x []float32) {
	need("AddTo", "y", y, len(x))
	Add(y, x, y)
}

// Scale multiplies x by f in place.
func Scale(x []float32, f float32) {
	over(len(x), 1, operands{x}, func(p *path, n int, x operands, f []float32) { p.scale(n, x[0], f[0]) }, f)
}

// AdamW updates the weights w and the moments m and v in one pass from the
// gradient g·gradScale at the given step (1 is the first): decoupled decay and
// bias-corrected moments, Loshchilov and Hutter 2019, algorithm 2, with the
// decay scaled by the learning rate as in PyTorch:
//
//	w = w·(1 - lr·decay) - lr·m̂/(√v̂ + eps)
func AdamW(w, m, v, g []float32, lr, beta1, beta2, eps, decay, gradScale float32, step int) {
	need("AdamW", "m", m, len(w))
	need("AdamW", "v", v, len(w))
	need("AdamW", "g", g, len(w))
	c1 := 1 - math.Pow(float64(beta1), float64(step))
	c2 := 1 - math.Pow(float64(beta2), float64(step))
	over(len(w), 3, operands{w, m, v, g}, func(p *path, n int, x operands, f []float32) { p.adamW(n, x[0], x[1], x[2], x[3], f) },
		beta1, 1-beta1, beta2, 1-beta2, gradScale, float32(float64(lr)/c1), float32(1/math.Sqrt(c2)), eps, 1-lr*decay)
}

// A squareSum adds the squares of x, a piece at a time.
type squareSum struct {
	p     *path
	x     []float32
	parts []float64
}

var squareSums stash[squareSum]

// SumSquares returns the sum of x[i]² in float64, added in an order that
// depends on len(x) and the path alone.
func SumSquares(x []float32) float64 {
	j := squareSums.get()
	n := ceil(len(x), blockLen)
	if len(j.parts) < n {
		j.parts = make([]float64, n)
	}
	j.p, j.x = current, x
	parallel(n, j)
	var s float64
	for _, v := range j.parts[:n] {
		s += v
	}
	j.x = nil
	squareSums.put(j)
	return s
}

func (j *squareSum) run(i int, s *scratch) {
	x := j.x[i*blockLen : min(len(j.x), (i+1)*blockLen)]
	full := len(x) &^ 15
	var sum float64
	if full > 0 {
		sum = j.p.sumSquares(full, x)
	}
	if full < len(x) {
		rest := s.lanes[0][:16]
		clear(rest[copy(rest, x[full:]):])
		sum += j.p.sumSquares(16, rest)
	}
	j.parts[i] = sum
}
