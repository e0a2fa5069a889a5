package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// bf16 emits rounding to bfloat16, in place, and conversion both ways. n is a
// positive multiple of 16.
func bf16(w width) {
	function("round"+w.suffix, "func(n int, x []float32)")
	n, x := param("n"), param("x")
	w.loop("loop", n, func() {
		v := w.load(Mem{Base: x})
		w.round(v)
		VMOVUPS(v, Mem{Base: x})
	}, x)
	end()

	function("toBF16"+w.suffix, "func(n int, y []uint16, x []float32)")
	n, x = param("n"), param("x")
	y := param("y")
	w.pairs("loop", n, func(at []int) {
		for _, disp := range at {
			v := w.load(Mem{Base: x, Disp: disp})
			w.round(v)
			w.high(v, Mem{Base: y, Disp: disp / 2})
		}
		// y moves half as far as x.
		SUBQ(Imm(uint64(len(at)*w.bytes/2)), y)
	}, y, x)
	end()

	function("fromBF16"+w.suffix, "func(n int, y []float32, x []uint16)")
	n, x = param("n"), param("x")
	y = param("y")
	w.loop("loop", n, func() {
		v := w.reg()
		VPMOVZXWD(Mem{Base: x}, v)
		VPSLLD(Imm(16), v, v)
		VMOVUPS(v, Mem{Base: y})
		SUBQ(Imm(uint64(w.bytes/2)), x)
	}, y, x)
	end()
}

// round rounds v to bfloat16, to nearest with ties to even; a NaN stays one.
func (w width) round(v reg.VecVirtual) {
	odd, quiet := w.reg(), w.reg()
	VPSRLD(Imm(16), v, odd)
	VANDPS(i32(1), odd, odd)
	VPADDD(i32(0x7fff), odd, odd)
	VORPS(i32(0x400000), v, quiet)
	if w == zmm {
		nan := K()
		VCMPPS(Imm(3), v, v, nan)
		VPADDD(odd, v, v)
		VMOVAPS(quiet, nan, v)
	} else {
		nan := w.reg()
		VCMPPS(Imm(3), v, v, nan)
		VPADDD(odd, v, v)
		VBLENDVPS(nan, quiet, v, v)
	}
	VANDPS(i32(0xffff0000), v, v)
}

// high writes the upper halves of the lanes of v.
func (w width) high(v reg.VecVirtual, m Mem) {
	VPSRLD(Imm(16), v, v)
	if w == zmm {
		VPMOVDW(v, m)
		return
	}
	VPACKUSDW(v, v, v)
	VPERMQ(Imm(0x08), v, v)
	VMOVUPS(v.AsX(), m)
}
