package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// layerNorm emits the normalisation of rows of n floats, n a multiple of 16, and
// its gradient.
func layerNorm(w width) {
	function("layerNorm"+w.suffix, "func(n int, y, x, gain, bias []float32, eps float32, mean, rstd []float32)")
	n := param("n")
	s0, s1 := w.reg(), w.reg()
	VXORPS(s0, s0, s0)
	w.sweep("sum", n, []string{"x"}, func(p []reg.Register) { VADDPS(Mem{Base: p[0]}, s0, s0) })
	mean := w.mean(s0, n)
	VXORPS(s1, s1, s1)
	w.sweep("variance", n, []string{"x"}, func(p []reg.Register) {
		v := w.load(Mem{Base: p[0]})
		VSUBPS(mean, v, v)
		VFMADD231PS(v, v, s1)
	})
	rstd := w.mean(s1, n)
	eps := w.cast("eps")
	VADDPS(eps, rstd, rstd)
	VSQRTPS(rstd, rstd)
	one := w.load(f32(1))
	VDIVPS(rstd, one, rstd)
	w.sweep("scale", n, []string{"x", "y", "gain", "bias"}, func(p []reg.Register) {
		v := w.load(Mem{Base: p[0]})
		VSUBPS(mean, v, v)
		VMULPS(rstd, v, v)
		g := w.load(Mem{Base: p[2]})
		VFMADD213PS(Mem{Base: p[3]}, g, v)
		VMOVUPS(v, Mem{Base: p[1]})
	})
	m, r := param("mean"), param("rstd")
	VMOVSS(mean.AsX(), Mem{Base: m})
	VMOVSS(rstd.AsX(), Mem{Base: r})
	end()

	w.layerNormGrad()
}

func (w width) layerNormGrad() {
	function("layerNormGrad"+w.suffix, "func(n int, dx, dy, x, gain []float32, mean, rstd float32, dgain, dbias []float32)")
	n := param("n")
	mean, rstd := w.cast("mean"), w.cast("rstd")
	sa, sb := w.reg(), w.reg()
	VXORPS(sa, sa, sa)
	VXORPS(sb, sb, sb)
	row := GP64()
	MOVQ(n, row)
	SHLQ(Imm(2), row)
	w.sweep("sums", n, []string{"x", "dy", "gain", "dgain", "dbias"}, func(p []reg.Register) {
		PREFETCHT0(Mem{Base: p[0], Index: row, Scale: 1}) // the next row
		PREFETCHT0(Mem{Base: p[1], Index: row, Scale: 1})
		h, g, d := w.load(Mem{Base: p[0]}), w.load(Mem{Base: p[1]}), w.reg()
		VSUBPS(mean, h, h)
		VMULPS(rstd, h, h)
		VADDPS(Mem{Base: p[4]}, g, d)
		VMOVUPS(d, Mem{Base: p[4]})
		VMOVUPS(Mem{Base: p[3]}, d)
		VFMADD231PS(g, h, d)
		VMOVUPS(d, Mem{Base: p[3]})
		VMULPS(Mem{Base: p[2]}, g, g)
		VADDPS(g, sa, sa)
		VFMADD231PS(g, h, sb)
	})
	a, b := w.mean(sa, n), w.mean(sb, n)
	w.sweep("gradient", n, []string{"x", "dy", "gain", "dx"}, func(p []reg.Register) {
		h, g := w.load(Mem{Base: p[0]}), w.load(Mem{Base: p[1]})
		VSUBPS(mean, h, h)
		VMULPS(rstd, h, h)
		VMULPS(Mem{Base: p[2]}, g, g)
		VSUBPS(a, g, g)
		VFNMADD231PS(b, h, g)
		VMULPS(rstd, g, g)
		VMOVUPS(g, Mem{Base: p[3]})
	})
	end()
}

// sweep emits a loop over n elements of the named parameters.
func (w width) sweep(label string, n reg.Register, names []string, body func(p []reg.Register)) {
	var p []reg.Register
	for _, name := range names {
		p = append(p, param(name))
	}
	c := GP64()
	MOVQ(n, c)
	w.loop(label, c, func() { body(p) }, p...)
}

// mean returns the sum of the lanes of v over n, in every lane.
func (w width) mean(v reg.VecVirtual, n reg.Register) reg.VecVirtual {
	s, d, m := w.sum(v), XMM(), w.reg()
	VXORPS(d, d, d)
	VCVTSI2SSQ(n, d, d)
	VDIVSS(d, s, s)
	VBROADCASTSS(s, m)
	return m
}

// limits emits loops that only use up the machine: multiply-adds in registers, and
// reading, writing and copying memory.
func limits(w width) {
	function("burn"+w.suffix, "func(n int)")
	n := param("n")
	var sums []reg.VecVirtual
	for range 12 {
		s := w.reg()
		VXORPS(s, s, s)
		sums = append(sums, s)
	}
	a := w.reg()
	VXORPS(a, a, a)
	Label("loop")
	for range 2 {
		for _, s := range sums {
			VFMADD231PS(a, a, s)
		}
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	end()

	if w == zmm {
		burnPairs()
	}

	function("read"+w.suffix, "func(n int, x []float32)")
	n, x := param("n"), param("x")
	Label("loop")
	for i := range 4 * 64 / w.bytes {
		w.load(Mem{Base: x, Disp: i * w.bytes})
	}
	ADDQ(U32(256), x)
	SUBQ(Imm(64), n)
	JG(LabelRef("loop"))
	end()

	function("fill"+w.suffix, "func(n int, x []float32)")
	n, x = param("n"), param("x")
	v := w.load(f32(1))
	w.loop("loop", n, func() { VMOVUPS(v, Mem{Base: x}) }, x)
	end()

	function("copy"+w.suffix, "func(n int, y, x []float32)")
	n, x = param("n"), param("x")
	y := param("y")
	w.loop("loop", n, func() { VMOVUPS(w.load(Mem{Base: x}), Mem{Base: y}) }, y, x)
	end()
}

// burnPairs is burn512 with products of pairs of bfloat16.
func burnPairs() {
	function("burnBF", "func(n int)")
	n := param("n")
	for i := range 14 {
		VPXORD(zmms[i], zmms[i], zmms[i])
	}
	Label("loop")
	for range 2 {
		for i := range 12 {
			vdpbf16ps(i, 12, 13)
		}
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	end()
}
