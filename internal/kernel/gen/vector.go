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

// ahead is how far a loop looks ahead, in bytes: a processor's own prefetching stops
// where a page ends.
const ahead = 4096

// lookAhead brings the line that lies ahead of m into the second-level cache.
func lookAhead(m Mem) {
	m.Disp += ahead
	PREFETCHT1(m)
}

// lines emits body for each vector of n floats, n > 0 a multiple of 16, a cache line
// at a time, moving the pointers on. body gets the vector's offset. Each line looks
// ahead of far. n is spoilt.
func (w width) lines(label string, n reg.Register, far []Mem, body func(disp int), pointers ...reg.GPVirtual) {
	Label(label)
	for _, m := range far {
		lookAhead(m)
	}
	for disp := 0; disp < 64; disp += w.bytes {
		body(disp)
	}
	for _, p := range pointers {
		ADDQ(Imm(64), p)
	}
	SUBQ(Imm(16), n)
	JG(LabelRef(label))
}

// pairs is loop with two vectors at a time, and one at the end where n asks for
// it; body gets the offsets of its vectors.
func (w width) pairs(label string, n reg.Register, body func(at []int), pointers ...reg.Register) {
	step := uint64(2 * w.bytes / 4)
	SUBQ(Imm(step), n)
	JL(LabelRef(label + "Last"))
	Label(label)
	body([]int{0, w.bytes})
	for _, p := range pointers {
		ADDQ(U32(uint32(2*w.bytes)), p)
	}
	SUBQ(Imm(step), n)
	JGE(LabelRef(label))
	Label(label + "Last")
	ADDQ(Imm(step), n)
	JZ(LabelRef(label + "Done"))
	body([]int{0})
	Label(label + "Done")
}

func end() {
	VZEROUPPER()
	RET()
}

// Long chains of dependent instructions are emitted for several vectors at once,
// instruction by instruction in turn, so that the machine finds independent ones
// side by side.

// regs returns n fresh registers.
func (w width) regs(n int) []reg.VecVirtual {
	var r []reg.VecVirtual
	for range n {
		r = append(r, w.reg())
	}
	return r
}

// loads returns n registers, each filled from m.
func (w width) loads(n int, m Mem) []reg.VecVirtual {
	r := w.regs(n)
	for _, v := range r {
		VMOVUPS(m, v)
	}
	return r
}

// poly returns c[0]·x^n + ... + c[n] by Horner's rule.
func (w width) poly(x []reg.VecVirtual, c []float64) []reg.VecVirtual {
	p := w.loads(len(x), f32(c[0]))
	for _, v := range c[1:] {
		for i := range x {
			VFMADD213PS(f32(v), x[i], p[i])
		}
	}
	return p
}

// exp2 replaces each x by 2^x: 2^n·2^r with n = round(x) and a polynomial of degree
// 6, interpolated at Chebyshev nodes over |r| <= 1/2 (error 5e-9), for 2^r.
// Infinities and NaN give what they should, and small results are rounded to
// denormals.
func (w width) exp2(x []reg.VecVirtual) {
	low, high := -200., 200.
	if w == ymm {
		low, high = -151, 128 // so that 2^n is a product of two normal numbers
	}
	v := w.loads(len(x), f32(low))
	n := w.regs(len(x))
	each := func(f func(i int)) {
		for i := range x {
			f(i)
		}
	}
	each(func(i int) { VMAXPS(x[i], v[i], x[i]) }) // x last in the machine's order: a NaN stays
	each(func(i int) { VMOVUPS(f32(high), v[i]) })
	each(func(i int) { VMINPS(x[i], v[i], x[i]) })
	each(func(i int) {
		if w == zmm {
			VRNDSCALEPS(Imm(8), x[i], n[i])
		} else {
			VROUNDPS(Imm(8), x[i], n[i])
		}
	})
	each(func(i int) { VSUBPS(n[i], x[i], x[i]) })
	p := w.poly(x, []float64{0.000154531629451, 0.00133908633647, 0.00961808255728, 0.0555035711422, 0.240226507606, 0.693147188026, 1})
	if w == zmm {
		each(func(i int) { VSCALEFPS(n[i], p[i], x[i]) })
		return
	}
	each(func(i int) { VCVTPS2DQ(n[i], n[i]) })
	each(func(i int) { VPSRAD(Imm(1), n[i], v[i]) })
	each(func(i int) { VPSUBD(v[i], n[i], n[i]) })
	for _, half := range [][]reg.VecVirtual{v, n} {
		each(func(i int) { VPADDD(i32(127), half[i], half[i]) })
		each(func(i int) { VPSLLD(Imm(23), half[i], half[i]) })
		each(func(i int) { VMULPS(half[i], p[i], p[i]) })
	}
	each(func(i int) { VMOVAPS(p[i], x[i]) })
}

// line returns zeros for 16 floats: one register or two.
func (w width) line() []reg.VecVirtual {
	r := w.regs(64 / w.bytes)
	for _, v := range r {
		VXORPS(v, v, v)
	}
	return r
}

// sum adds the 16 lanes of a line, in the same order for both widths, into every lane
// of an X register. It spoils the line.
func (w width) sum(line []reg.VecVirtual) reg.VecVirtual {
	y := line[0]
	if w == zmm {
		high := YMM()
		VEXTRACTF64X4(Imm(1), line[0], high)
		y = YMM()
		VADDPS(line[0].AsY(), high, y)
	} else {
		VADDPS(line[0], line[1], y)
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
