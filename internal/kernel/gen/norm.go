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
	s0, s1 := w.line(), w.line()
	w.sweep("sum", n, []string{"x"}, func(i int, p []Mem) { VADDPS(p[0], s0[i], s0[i]) })
	mean := w.mean(s0, n)
	w.sweep("variance", n, []string{"x"}, func(i int, p []Mem) {
		v := w.load(p[0])
		VSUBPS(mean, v, v)
		VFMADD231PS(v, v, s1[i])
	})
	rstd := w.mean(s1, n)
	eps := w.cast("eps")
	VADDPS(eps, rstd, rstd)
	VSQRTPS(rstd, rstd)
	one := w.load(f32(1))
	VDIVPS(rstd, one, rstd)
	w.sweep("scale", n, []string{"x", "y", "gain", "bias"}, func(i int, p []Mem) {
		v := w.load(p[0])
		VSUBPS(mean, v, v)
		VMULPS(rstd, v, v)
		g := w.load(p[2])
		VFMADD213PS(p[3], g, v)
		VMOVUPS(v, p[1])
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
	sa, sb := w.line(), w.line()
	w.sweep("sums", n, []string{"x", "dy", "gain", "dgain", "dbias"}, func(i int, p []Mem) {
		h, g, d := w.load(p[0]), w.load(p[1]), w.reg()
		VSUBPS(mean, h, h)
		VMULPS(rstd, h, h)
		VADDPS(p[4], g, d)
		VMOVUPS(d, p[4])
		VMOVUPS(p[3], d)
		VFMADD231PS(g, h, d)
		VMOVUPS(d, p[3])
		VMULPS(p[2], g, g)
		VADDPS(g, sa[i], sa[i])
		VFMADD231PS(g, h, sb[i])
	})
	a, b := w.mean(sa, n), w.mean(sb, n)
	w.sweep("gradient", n, []string{"x", "dy", "gain", "dx"}, func(i int, p []Mem) {
		h, g := w.load(p[0]), w.load(p[1])
		VSUBPS(mean, h, h)
		VMULPS(rstd, h, h)
		VMULPS(p[2], g, g)
		VSUBPS(a, g, g)
		VFNMADD231PS(b, h, g)
		VMULPS(rstd, g, g)
		VMOVUPS(g, p[3])
	})
	end()
}

// sweep emits a loop over n elements of the named parameters. body gets the number of
// the vector in its line, and where the parameters have it.
func (w width) sweep(label string, n reg.Register, names []string, body func(i int, p []Mem)) {
	var p []reg.GPVirtual
	for _, name := range names {
		p = append(p, param(name))
	}
	c := GP64()
	MOVQ(n, c)
	w.lines(label, c, nil, func(disp int) {
		var m []Mem
		for _, r := range p {
			m = append(m, Mem{Base: r, Disp: disp})
		}
		body(disp/w.bytes, m)
	}, p...)
}

// mean returns the sum of the lanes of a line over n, in every lane.
func (w width) mean(line []reg.VecVirtual, n reg.Register) reg.VecVirtual {
	s, d, m := w.sum(line), XMM(), w.reg()
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
