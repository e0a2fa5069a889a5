package kernel

import (
	"math"
	"testing"
)

// specials are values at which a kernel may go wrong.
func specials() []float32 {
	inf := float32(math.Inf(1))
	x := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 0x1p-126, -0x1p-126, 0x1p-130, 1, -1, 88.72, 88.73, -87.3, -87.4, -103.9, -104}
	for e := -149; e < 128; e++ {
		for _, m := range []float64{1, 1.3, 1.9} {
			v := float32(math.Ldexp(m, e))
			x = append(x, v, -v)
		}
	}
	for v := float32(-20); v < 20; v += 0.0173 {
		x = append(x, v)
	}
	return x
}

// near fails unless got is within rel·|want| + abs of want, or both are NaN or
// the same infinity.
func near(t *testing.T, what string, at, got float32, want, rel, abs float64) {
	t.Helper()
	g := float64(got)
	if g != want && !(math.IsNaN(g) && math.IsNaN(want)) && !(math.Abs(g-want) <= rel*math.Abs(want)+abs) {
		t.Fatalf("%s(%v) = %v, want %v (difference %.2g)", what, at, got, want, g-want)
	}
}

// gaussTail returns Φ(-|x|), exact to float64.
func gaussTail(x float64) float64 { return 0.5 * math.Erfc(math.Abs(x)/math.Sqrt2) }

// Oracle: math.Erfc in float64; at infinity, the limits. Tolerances: one rounding,
// and the absolute error of the tables: they are cut off where Φ(-a) is 1e-9 and
// the slope differs from 0 or 1 by 2e-8.
func TestGELU(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		x := specials()
		dy := make([]float32, len(x))
		for i := range dy {
			dy[i] = 1
		}
		y, d := make([]float32, len(x)), make([]float32, len(x))
		GELU(y, x)
		GELUBackward(d, dy, x)
		for i, e := range x {
			v := float64(e)
			lim := min(math.Abs(v), 40)
			want := max(v, 0) - lim*gaussTail(v)
			slope := gaussTail(v)
			if v >= 0 {
				slope = 1 - slope
			}
			slope += math.Copysign(lim, v) * math.Exp(-lim*lim/2) / math.Sqrt(2*math.Pi)
			if v != v {
				want, slope = v, v
			}
			near(t, "GELU", e, y[i], want, 1.2e-7, 2e-8)
			near(t, "GELU'", e, d[i], slope, 1.2e-7, 1e-7)
		}
	})
}

// The exponential of attention's scores. Oracle: math.Exp2; 1.3e-7 is a little
// over one ulp.
func TestExp(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		p := current
		x := specials()
		n := p.columns
		shift, sum, s := make([]float32, n), make([]float32, n), make([]float32, n)
		for _, v := range x {
			for i := range s {
				s[i], sum[i] = v, 0
			}
			p.columnExp(1, s, 1, shift, sum)
			want := float64(float32(math.Exp2(float64(v))))
			near(t, "exp", v, s[0], want, 1.3e-7, math.SmallestNonzeroFloat32)
			near(t, "sum", v, sum[n-1], want, 1.3e-7, math.SmallestNonzeroFloat32)
		}
	})
}

func TestAddScaleSquares(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 15, 16, 17, 31, 33, 8191, 8192, 8193, 50001} {
			r := seeded(n)
			a, b := random(r, n), random(r, n)
			if n > 20 {
				a[n-1], b[n-2] = float32(math.Inf(1)), 0x1p-140
			}
			y := make([]float32, n+1)
			y[n] = 7
			Add(y, a, b)
			var sum float64
			for i := range n {
				near(t, "Add", a[i], y[i], float64(a[i]+b[i]), 0, 0)
				sum += float64(b[i]) * float64(b[i])
			}
			if y[n] != 7 {
				t.Fatal("Add wrote beyond its length")
			}
			if s := SumSquares(b); !(math.Abs(s-sum) <= 1e-12*sum) {
				t.Fatalf("SumSquares = %v, want %v", s, sum)
			}
			copy(y, b)
			AddTo(y, a)
			Scale(y[:n], 0.3)
			for i := range n {
				near(t, "AddTo, Scale", a[i], y[i], float64((a[i]+b[i])*0.3), 0, 0)
			}
		}
	})
}

// Oracle: the update in float64, 5 steps. Tolerance: float32 roundings of numbers
// near 1, and of the moments.
func TestAdamW(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		const n, lr, b1, b2, eps, decay, scale = 8211, 1e-2, 0.9, 0.95, 1e-8, 0.05, 0.5
		r := seeded(1)
		w, m, v := random(r, n), make([]float32, n), make([]float32, n)
		w0, m0, v0 := wide(w), make([]float64, n), make([]float64, n)
		for step := 1; step <= 5; step++ {
			g := random(r, n)
			AdamW(w, m, v, g, lr, b1, b2, eps, decay, scale, step)
			for i := range g {
				d := float64(g[i]) * scale
				m0[i] = b1*m0[i] + (1-b1)*d
				v0[i] = b2*v0[i] + (1-b2)*d*d
				root := math.Sqrt(v0[i] / (1 - math.Pow(b2, float64(step))))
				w0[i] = w0[i]*(1-lr*decay) - lr*m0[i]/(1-math.Pow(b1, float64(step)))/(root+eps)
			}
		}
		same(t, "w", w, w0, 3e-6)
		same(t, "m", m, m0, 1e-6)
		same(t, "v", v, v0, 1e-6)
	})
}

// Rounding to nearest, ties to even, decided by comparing with both neighbours.
func TestBF16(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		x := specials()
		for i := range 70000 {
			x = append(x, math.Float32frombits(uint32(i*61357)))
		}
		h, back := make([]uint16, len(x)), make([]float32, len(x))
		ToBF16(h, x)
		FromBF16(back, h)
		rounded := append([]float32(nil), x...)
		current.roundAll(rounded)
		for i, v := range x {
			if v != v {
				if back[i] == back[i] || rounded[i] == rounded[i] {
					t.Fatalf("NaN became %v and %v", back[i], rounded[i])
				}
				continue
			}
			down := math.Float32bits(v) &^ 0xffff
			rest := math.Float32bits(v) & 0xffff
			want := down
			if rest > 0x8000 || rest == 0x8000 && down&0x10000 != 0 {
				want += 0x10000
			}
			if math.Float32bits(back[i]) != want || math.Float32bits(rounded[i]) != want {
				t.Fatalf("%x rounds to %x and %x, want %x", math.Float32bits(v), math.Float32bits(back[i]), math.Float32bits(rounded[i]), want)
			}
		}
		for _, n := range []int{0, 1, 15, 16, 17, 33, 47, 8193} { // nothing beyond the end is written
			h, back := make([]uint16, n+1), make([]float32, n+1)
			ToBF16(h, x[100:100+n])
			FromBF16(back, h[:n])
			if h[n] != 0 || back[n] != 0 || n > 0 && (h[n-1] != bf16(x[99+n]) || back[n-1] != roundBF16(x[99+n])) {
				t.Fatalf("%d elements: the last became %x, %v, the one behind it %x, %v", n, h[max(n-1, 0)], back[max(n-1, 0)], h[n], back[n])
			}
		}
	})
}

// Oracle: math.Log2.
func TestLog2(t *testing.T) {
	for x := 0.37; x < 1e300; x *= 1.37 {
		if d := math.Abs(log2(x) - math.Log2(x)); !(d <= 1e-10) {
			t.Fatalf("log2(%v) is wrong by %v", x, d)
		}
	}
}
