package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// activations emits GELU and its gradient, by tables: |x| is cut into segments of
// equal width, as many as a register has lanes, and a permutation fetches each
// lane's coefficients of the polynomial of its segment. n is a positive multiple
// of 16 in every elementwise function.
func activations(w width) {
	function("gelu"+w.suffix, "func(n int, y, x []float32)")
	n, y, x := param("n"), param("y"), param("x")
	tail := w.table("tail", 0, func(a float64) float64 { return w.segment() * math.Erfc(a/math.Sqrt2) / 2 })
	w.pairs("loop", n, func(at []int) {
		v := w.regs(len(at))
		each := func(f func(i, disp int)) {
			for i, disp := range at {
				f(i, disp)
			}
		}
		each(func(i, disp int) { VMOVUPS(Mem{Base: x, Disp: disp}, v[i]) })
		t, q := w.lookup(v, tail)
		each(func(i, _ int) { VMAXPS(f32(0), v[i], v[i]) })
		each(func(i, _ int) { VFNMADD231PS(t[i], q[i], v[i]) }) // max(x, 0) - |x|·Φ(-|x|)
		each(func(i, disp int) { VMOVUPS(v[i], Mem{Base: y, Disp: disp}) })
	}, y, x)
	end()

	function("geluGrad"+w.suffix, "func(n int, dx, dy, x []float32)")
	n, x = param("n"), param("x")
	dx, dy := param("dx"), param("dy")
	odd := w.table("slope", 0.5, func(a float64) float64 {
		return 0.5 - math.Erfc(a/math.Sqrt2)/2 + a*math.Exp(-a*a/2)/math.Sqrt(2*math.Pi)
	})
	w.pairs("loop", n, func(at []int) {
		v := w.regs(len(at))
		each := func(f func(i, disp int)) {
			for i, disp := range at {
				f(i, disp)
			}
		}
		each(func(i, disp int) { VMOVUPS(Mem{Base: x, Disp: disp}, v[i]) })
		_, s := w.lookup(v, odd)
		each(func(i, _ int) { VANDPS(i32(1<<31), v[i], v[i]) })
		each(func(i, _ int) { VXORPS(v[i], s[i], s[i]) })
		each(func(i, _ int) { VADDPS(f32(0.5), s[i], s[i]) })
		each(func(i, disp int) { VMULPS(Mem{Base: dy, Disp: disp}, s[i], s[i]) })
		each(func(i, disp int) { VMOVUPS(s[i], Mem{Base: dx, Disp: disp}) })
	}, dx, dy, x)
	end()
}

// segment is the width of a segment. The last one begins beyond 6, where Φ(-a) is
// less than half an ulp of 1.
func (w width) segment() float64 {
	if w == zmm {
		return 0.42
	}
	return 0.95
}

// table returns where the coefficients lie, highest first, of polynomials for f in
// each segment s, which is centred on a = s·segment: interpolated at Chebyshev
// nodes, error below 8e-8. In the last segment f is taken as limit.
func (w width) table(name string, limit float64, f func(a float64) float64) []Mem {
	lanes, degree := w.bytes/4, 5
	if w == ymm {
		degree = 7
	}
	segments := make([][]float64, lanes)
	for s := range segments {
		segments[s] = interpolate(degree, func(u float64) float64 { return f((float64(s) + u) * w.segment()) })
	}
	segments[lanes-1] = make([]float64, degree+1)
	segments[lanes-1][0] = limit
	m := GLOBL(name+w.suffix, RODATA|NOPTR)
	var c []Mem
	for i := range degree + 1 {
		c = append(c, m.Offset(i*w.bytes))
		for s, p := range segments {
			DATA(i*w.bytes+4*s, F32(float32(p[degree-i])))
		}
	}
	return c
}

// interpolate returns the coefficients, lowest first, of the polynomial that meets
// f at the Chebyshev nodes of [-1/2, 1/2], by Newton's divided differences.
func interpolate(degree int, f func(u float64) float64) []float64 {
	n := degree + 1
	u, d := make([]float64, n), make([]float64, n)
	for i := range u {
		u[i] = math.Cos((float64(i)+0.5)*math.Pi/float64(n)) / 2
		d[i] = f(u[i])
	}
	for k := 1; k < n; k++ {
		for i := degree; i >= k; i-- {
			d[i] = (d[i] - d[i-1]) / (u[i] - u[i-k])
		}
	}
	p := make([]float64, n)
	for i := degree; i >= 0; i-- { // p = p·(u - u[i]) + d[i]
		for k := degree; k > 0; k-- {
			p[k] = p[k-1] - u[i]*p[k]
		}
		p[0] = d[i] - u[i]*p[0]
	}
	return p
}

// lookup returns |v| in segments, and a table's polynomial there. A NaN stays one.
func (w width) lookup(v []reg.VecVirtual, table []Mem) (t, p []reg.VecVirtual) {
	const magic = 3 << 22 // adding it rounds to an integer and leaves that in the lowest bits
	t, p = w.regs(len(v)), w.regs(len(v))
	m, u := w.loads(len(v), f32(float64(w.bytes/4)-0.6)), w.regs(len(v))
	each := func(f func(i int)) {
		for i := range v {
			f(i)
		}
	}
	each(func(i int) { VANDPS(i32(0x7fffffff), v[i], t[i]) })
	each(func(i int) { VMULPS(f32(1/w.segment()), t[i], t[i]) })
	each(func(i int) { VMINPS(t[i], m[i], t[i]) })
	each(func(i int) { VADDPS(f32(magic), t[i], m[i]) })
	each(func(i int) { VSUBPS(f32(magic), m[i], u[i]) })
	each(func(i int) { VSUBPS(u[i], t[i], u[i]) })
	each(func(i int) { VPERMPS(table[0], m[i], p[i]) })
	for _, c := range table[1:] {
		k := w.regs(len(v))
		each(func(i int) { VPERMPS(c, m[i], k[i]) })
		each(func(i int) { VFMADD213PS(k[i], u[i], p[i]) })
	}
	return t, p
}

// arithmetic emits sums, scaling and the optimiser's update.
func arithmetic(w width) {
	function("add"+w.suffix, "func(n int, y, a, b []float32)")
	n, y, a, b := param("n"), param("y"), param("a"), param("b")
	w.loop("loop", n, func() {
		v := w.load(Mem{Base: a})
		VADDPS(Mem{Base: b}, v, v)
		VMOVUPS(v, Mem{Base: y})
	}, y, a, b)
	end()

	function("scale"+w.suffix, "func(n int, x []float32, f float32)")
	n, x := param("n"), param("x")
	f := w.cast("f")
	w.loop("loop", n, func() {
		v := w.reg()
		VMULPS(Mem{Base: x}, f, v)
		VMOVUPS(v, Mem{Base: x})
	}, x)
	end()

	w.sumSquares()
	w.adamW()
}

// sumSquares adds squares in float64, in four (zmm) or eight (ymm) vectors of
// partial sums that are added in a fixed order.
func (w width) sumSquares() {
	function("sumSquares"+w.suffix, "func(n int, x []float32) float64")
	n, x := param("n"), param("x")
	parts := 2 * 64 / w.bytes // vectors of float64 that 16 floats fill
	var sums []reg.VecVirtual
	for range parts {
		s := w.reg()
		VXORPS(s, s, s)
		sums = append(sums, s)
	}
	Label("loop")
	for i, s := range sums {
		v := w.reg()
		VCVTPS2PD(Mem{Base: x, Disp: i * w.bytes / 2}, v)
		VFMADD231PD(v, v, s)
	}
	ADDQ(Imm(64), x)
	SUBQ(Imm(16), n)
	JG(LabelRef("loop"))
	for len(sums) > 1 {
		half := len(sums) / 2
		for i := range half {
			VADDPD(sums[half+i], sums[i], sums[i])
		}
		sums = sums[:half]
	}
	y := sums[0]
	if w == zmm {
		high := YMM()
		VEXTRACTF64X4(Imm(1), sums[0], high)
		y = YMM()
		VADDPD(sums[0].AsY(), high, y)
	}
	s, t := XMM(), XMM()
	VEXTRACTF128(Imm(1), y, s)
	VADDPD(y.AsX(), s, s)
	VUNPCKHPD(s, s, t)
	VADDSD(t, s, s)
	Store(s, ReturnIndex(0))
	end()
}

// adamW emits the update; f holds, 16 times each: beta1, 1-beta1, beta2,
// 1-beta2, gradScale, lr/(1-beta1^t), 1/sqrt(1-beta2^t), eps, 1-lr·decay.
func (w width) adamW() {
	function("adamW"+w.suffix, "func(n int, w, m, v, g, f []float32)")
	n, wp, mp, vp, gp, f := param("n"), param("w"), param("m"), param("v"), param("g"), param("f")
	factor := func(i int) Mem { return Mem{Base: f, Disp: 64 * i} }
	w.loop("loop", n, func() {
		g, m, v, s := w.reg(), w.reg(), w.reg(), w.reg()
		VMOVUPS(Mem{Base: gp}, g)
		VMULPS(factor(4), g, g)
		VMULPS(factor(1), g, m)
		VMOVUPS(Mem{Base: mp}, s)
		VFMADD231PS(factor(0), s, m)
		VMOVUPS(m, Mem{Base: mp})
		VMULPS(g, g, g)
		VMULPS(factor(3), g, v)
		VMOVUPS(Mem{Base: vp}, s)
		VFMADD231PS(factor(2), s, v)
		VMOVUPS(v, Mem{Base: vp})
		VSQRTPS(v, v)
		VMOVUPS(factor(6), s)
		VFMADD213PS(factor(7), s, v)
		VMULPS(factor(5), m, m)
		VDIVPS(v, m, m)
		VMOVUPS(Mem{Base: wp}, s)
		VFMSUB132PS(factor(8), m, s)
		VMOVUPS(s, Mem{Base: wp})
	}, wp, mp, vp, gp)
	end()
}
