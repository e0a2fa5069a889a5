package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The coefficients of t^8 to t^0 in Φ(-a)·exp(a²/2) = t·poly(t) with t = 1/(1 +
// tailScale·a), interpolated at Chebyshev nodes over 0 <= a <= 15; relative
// error 4e-8. The kernel package holds the same numbers.
var tail = []float64{-0.0297704389966, 0.146950922175, -0.261712669226, 0.165801801531, -0.0274828895531, 0.107262773002, 0.119417036073, 0.13991480395, 0.139618642871}

const tailScale = 0.35

// activations emits GELU and its gradient. n is a positive multiple of 16 in
// every elementwise function.
func activations(w width) {
	function("gelu"+w.suffix, "func(n int, y, x []float32)")
	n, y, x := param("n"), param("y"), param("x")
	w.pairs("loop", n, func(at []int) {
		v := w.regs(len(at))
		each := func(f func(i, disp int)) {
			for i, disp := range at {
				f(i, disp)
			}
		}
		each(func(i, disp int) { VMOVUPS(Mem{Base: x, Disp: disp}, v[i]) })
		_, q, a := w.normal(v)
		each(func(i, _ int) { VMINPS(f32(20), a[i], a[i]) }) // so that infinity times zero is zero
		each(func(i, _ int) { VMAXPS(f32(0), v[i], v[i]) })
		each(func(i, _ int) { VFNMADD231PS(a[i], q[i], v[i]) })
		each(func(i, disp int) { VMOVUPS(v[i], Mem{Base: y, Disp: disp}) })
	}, y, x)
	end()

	function("geluGrad"+w.suffix, "func(n int, dx, dy, x []float32)")
	n, x = param("n"), param("x")
	dx, dy := param("dx"), param("dy")
	w.pairs("loop", n, func(at []int) {
		v := w.regs(len(at))
		each := func(f func(i, disp int)) {
			for i, disp := range at {
				f(i, disp)
			}
		}
		each(func(i, disp int) { VMOVUPS(Mem{Base: x, Disp: disp}, v[i]) })
		e, q, _ := w.normal(v)
		each(func(i, _ int) { VMINPS(f32(20), v[i], v[i]) })
		each(func(i, _ int) { VMAXPS(f32(-20), v[i], v[i]) })
		each(func(i, _ int) { VMULPS(f32(1/math.Sqrt(2*math.Pi)), e[i], e[i]) })
		each(func(i, _ int) { w.distribution(v[i], q[i]) })
		each(func(i, _ int) { VFMADD231PS(v[i], e[i], q[i]) })
		each(func(i, disp int) { VMULPS(Mem{Base: dy, Disp: disp}, q[i], q[i]) })
		each(func(i, disp int) { VMOVUPS(q[i], Mem{Base: dx, Disp: disp}) })
	}, dx, dy, x)
	end()
}

// normal returns exp(-v²/2), Φ(-|v|) and |v|.
func (w width) normal(v []reg.VecVirtual) (e, q, a []reg.VecVirtual) {
	e, a = w.regs(len(v)), w.regs(len(v))
	each := func(f func(i int)) {
		for i := range v {
			f(i)
		}
	}
	each(func(i int) { VMULPS(v[i], v[i], e[i]) })
	each(func(i int) { VMULPS(f32(-0.5*math.Log2E), e[i], e[i]) })
	w.exp2(e)
	each(func(i int) { VANDPS(i32(0x7fffffff), v[i], a[i]) })
	t, one := w.loads(len(v), f32(tailScale)), w.load(f32(1))
	each(func(i int) { VFMADD213PS(one, a[i], t[i]) })
	each(func(i int) { VDIVPS(t[i], one, t[i]) })
	q = w.poly(t, tail)
	each(func(i int) { VMULPS(t[i], q[i], q[i]) })
	each(func(i int) { VMULPS(e[i], q[i], q[i]) })
	return e, q, a
}

// distribution turns q = Φ(-|v|) into Φ(v): q where v is negative, 1-q elsewhere.
func (w width) distribution(v, q reg.VecVirtual) {
	negative, t := w.reg(), w.reg()
	VPSRAD(Imm(31), v, negative)
	VANDNPS(i32(1<<31), negative, t)
	VXORPS(t, q, q)
	VANDNPS(f32(1), negative, t)
	VADDPS(t, q, q)
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
