package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A width is one of the two vector widths that elementwise code is emitted for.
type width struct {
	suffix string
	bytes  int
}

var (
	zmm = width{"512", 64}
	ymm = width{"256", 32}
)

// reg returns a fresh register.
func (w width) reg() reg.VecVirtual {
	if w == zmm {
		return ZMM()
	}
	return YMM()
}

// f32 returns a vector of the float32 nearest to v, in memory.
func f32(v float64) Mem { return constant(F32(float32(v))) }

func i32(v uint32) Mem { return constant(U32(v)) }

func constantBits(c Constant) uint32 {
	switch v := c.(type) {
	case F32:
		return math.Float32bits(float32(v))
	case U32:
		return uint32(v)
	}
	panic("constant: want F32 or U32")
}

// load returns a register filled from m.
func (w width) load(m Mem) reg.VecVirtual {
	v := w.reg()
	VMOVUPS(m, v)
	return v
}

// cast returns a register filled with the float32 parameter name.
func (w width) cast(name string) reg.VecVirtual {
	v := w.reg()
	m, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(m.Addr, v)
	return v
}

// param loads the integer or pointer parameter name, or where the slice name
// begins.
func param(name string) reg.GPVirtual {
	r := GP64()
	loadParam(name, r)
	return r
}

func loadParam(name string, r reg.Register) {
	p := Param(name)
	if base := p.Base(); isComponent(base) {
		p = base
	}
	Load(p, r)
}

func isComponent(c gotypes.Component) bool {
	_, err := c.Resolve()
	return err == nil
}

// loop emits body for each vector of n·step elements, n > 0, moving the pointers
// on. n counts elements and is spoilt.
func (w width) loop(label string, n reg.Register, body func(), pointers ...reg.Register) {
	Label(label)
	body()
	for _, p := range pointers {
		ADDQ(Imm(uint64(w.bytes)), p)
	}
	SUBQ(Imm(uint64(w.bytes/4)), n)
	JG(LabelRef(label))
}

func end() {
	VZEROUPPER()
	RET()
}

// poly returns c[0]·x^n + ... + c[n] by Horner's rule.
func (w width) poly(x reg.Register, c []float64) reg.VecVirtual {
	p := w.load(f32(c[0]))
	for _, v := range c[1:] {
		VFMADD213PS(f32(v), x, p)
	}
	return p
}

// exp replaces x by e^x: e^r·2^n with n = round(x/ln 2) and the minimax
// polynomial of Cephes' expf for e^r; error below 1e-7 of the value. Infinities
// and NaN give what they should, and small results are rounded to denormals.
func (w width) exp(x reg.VecVirtual) {
	low, high := -150., 150.
	if w == ymm {
		low, high = -104, 89 // so that 2^n is a product of two normal numbers
	}
	v := w.load(f32(low))
	VMAXPS(x, v, x) // x last in the machine's order: a NaN stays
	VMOVUPS(f32(high), v)
	VMINPS(x, v, x)
	n := w.reg()
	VMULPS(f32(math.Log2E), x, n)
	if w == zmm {
		VRNDSCALEPS(Imm(8), n, n)
	} else {
		VROUNDPS(Imm(8), n, n)
	}
	const ln2High = 0.693359375 // 9 bits: n·ln2High is exact
	VFNMADD231PS(f32(ln2High), n, x)
	VFNMADD231PS(f32(math.Ln2-ln2High), n, x)
	p := w.poly(x, []float64{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1})
	VMULPS(x, x, v)
	VFMADD213PS(x, v, p)
	VADDPS(f32(1), p, x)
	if w == zmm {
		VSCALEFPS(n, x, x)
		return
	}
	VCVTPS2DQ(n, n)
	VPSRAD(Imm(1), n, v)
	VPSUBD(v, n, n)
	for _, half := range []reg.VecVirtual{v, n} {
		VPADDD(i32(127), half, half)
		VPSLLD(Imm(23), half, half)
		VMULPS(half, x, x)
	}
}

// sum adds the lanes of v in a fixed order into every lane of an X register.
func (w width) sum(v reg.VecVirtual) reg.VecVirtual {
	y := v
	if w == zmm {
		high := YMM()
		VEXTRACTF64X4(Imm(1), v, high)
		y = YMM()
		VADDPS(v.AsY(), high, y)
	}
	x, t := XMM(), XMM()
	VEXTRACTF128(Imm(1), y, x)
	VADDPS(y.AsX(), x, x)
	VSHUFPS(Imm(0x4e), x, x, t)
	VADDPS(x, t, x)
	VSHUFPS(Imm(0xb1), x, x, t)
	VADDPS(x, t, x)
	return x
}
