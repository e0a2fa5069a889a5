package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

var (
	zmms = []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7, reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}
	ymms = []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7, reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15, reg.Y16, reg.Y17, reg.Y18, reg.Y19, reg.Y20, reg.Y21, reg.Y22, reg.Y23, reg.Y24, reg.Y25, reg.Y26, reg.Y27, reg.Y28, reg.Y29, reg.Y30, reg.Y31}
)

// Offsets of the fields of the kernel package's tile struct, tested there.
const (
	offA, offB, offC, offInit, offSegs = 0, 24, 48, 72, 96
	offSegCount, offK, offRS, offKS    = 104, 120, 128, 136
	offLDC, offAcc                     = 144, 152
)

// tiles emits every tile kernel: tile<isa>_<rows>x<columns>.
func tiles() {
	for _, rows := range []int{14, 12, 8, 4, 2, 1} {
		tileKernel{"512", rows, 2, 64, 128, zmms, false}.emit()
		for _, vecs := range []int{2, 1} {
			// Narrow tiles in ymm registers: a broadcast feeds as many products,
			// and Zen 4 does two of each a cycle.
			tileKernel{"512", rows, vecs, 32, 128, ymms, false}.emit()
			tileKernel{"BF", rows, vecs, 64, 128, zmms, true}.emit()
		}
	}
	for _, rows := range []int{6, 4, 2, 1} {
		for _, vecs := range []int{2, 1} {
			tileKernel{"256", rows, vecs, 32, 64, ymms[:16], false}.emit()
		}
	}
}

// A tileKernel computes rows × vecs·bytes/4 values of C. Row i of A starts at
// a + i·rs and steps by ks; a row of B is stride bytes long.
type tileKernel struct {
	isa        string
	rows, vecs int
	bytes      int
	stride     int
	vec        []reg.VecPhysical
	pairs      bool // A and B hold pairs of bfloat16
}

// Every third row of A has its own pointer; the two rows after it are reached
// through the row stride.
var rowPointers = []reg.GPPhysical{reg.RAX, reg.RBX, reg.R8, reg.R9, reg.R10}

var (
	rs, ks, bp, kn      = reg.RSI, reg.RCX, reg.RDI, reg.RDX
	segAt, segN, fields = reg.R11, reg.R12, reg.R13
)

func (t tileKernel) acc(i, v int) reg.VecPhysical { return t.vec[i*t.vecs+v] }

// Registers behind the accumulators: a row of B, and two broadcasts of A in turn.
func (t tileKernel) row(v int) reg.VecPhysical  { return t.vec[t.rowIndex(v)] }
func (t tileKernel) cast(i int) reg.VecPhysical { return t.vec[t.castIndex(i)] }
func (t tileKernel) rowIndex(v int) int         { return len(t.vec) - 4 + v }
func (t tileKernel) castIndex(i int) int        { return len(t.vec) - 2 + i&1 }

func (t tileKernel) emit() {
	function(fmt.Sprintf("tile%s_%dx%d", t.isa, t.rows, t.vecs*t.bytes/4), "func(t *tile)")
	Load(Param("t"), fields)
	t.start()
	MOVQ(Mem{Base: fields, Disp: offB}, bp)
	MOVQ(Mem{Base: fields, Disp: offRS}, rs)
	MOVQ(Mem{Base: fields, Disp: offKS}, ks)
	SHLQ(Imm(2), rs)
	SHLQ(Imm(2), ks)
	MOVQ(Mem{Base: fields, Disp: offSegs}, segAt)
	MOVQ(Mem{Base: fields, Disp: offSegCount}, segN)
	Label("segment")
	t.point()
	MOVQ(Mem{Base: fields, Disp: offK}, kn)
	Label("k")
	t.step()
	DECQ(kn)
	JNZ(LabelRef("k"))
	ADDQ(Imm(8), segAt)
	DECQ(segN)
	JNZ(LabelRef("segment"))
	t.finish()
}

// start fetches C into the cache and sets every row to init.
func (t tileKernel) start() {
	c, ldc := reg.RAX, reg.RCX
	MOVQ(Mem{Base: fields, Disp: offC}, c)
	MOVQ(Mem{Base: fields, Disp: offLDC}, ldc)
	SHLQ(Imm(2), ldc)
	for range t.rows {
		PREFETCHT0(Mem{Base: c})
		if t.vecs == 2 {
			PREFETCHT0(Mem{Base: c, Disp: 2*t.bytes - 4})
		}
		ADDQ(ldc, c)
	}
	MOVQ(Mem{Base: fields, Disp: offInit}, bp)
	for v := range t.vecs {
		VMOVUPS(Mem{Base: bp, Disp: v * t.bytes}, t.acc(0, v))
		for i := 1; i < t.rows; i++ {
			VMOVAPS(t.acc(0, v), t.acc(i, v))
		}
	}
}

// point sets the row pointers for the segment at segAt.
func (t tileKernel) point() {
	p, three := rowPointers, kn
	MOVQ(Mem{Base: segAt}, p[0])
	SHLQ(Imm(2), p[0])
	ADDQ(Mem{Base: fields, Disp: offA}, p[0])
	if t.rows <= 3 {
		return
	}
	LEAQ(Mem{Base: rs, Index: rs, Scale: 2}, three)
	LEAQ(Mem{Base: p[0], Index: three, Scale: 1}, p[1])
	if t.rows > 6 {
		LEAQ(Mem{Base: p[0], Index: three, Scale: 2}, p[2])
	}
	if t.rows > 9 {
		LEAQ(Mem{Base: p[1], Index: three, Scale: 2}, p[3])
	}
	if t.rows > 12 {
		LEAQ(Mem{Base: p[0], Index: three, Scale: 4}, p[4])
	}
}

// step adds the product of one column of A and one row of B.
func (t tileKernel) step() {
	for v := range t.vecs {
		VMOVUPS(Mem{Base: bp, Disp: v * t.bytes}, t.row(v))
	}
	for i := range t.rows {
		a := Mem{Base: rowPointers[i/3]}
		if i%3 > 0 {
			a.Index, a.Scale = rs, uint8(i%3)
		}
		VBROADCASTSS(a, t.cast(i))
		for v := range t.vecs {
			if t.pairs {
				vdpbf16ps(i*t.vecs+v, t.rowIndex(v), t.castIndex(i))
			} else {
				VFMADD231PS(t.row(v), t.cast(i), t.acc(i, v))
			}
		}
	}
	for _, p := range rowPointers[:(t.rows+2)/3] {
		ADDQ(ks, p)
	}
	ADDQ(Imm(uint64(t.stride)), bp)
}

// finish writes the rows to C, or adds them to it.
func (t tileKernel) finish() {
	c, ldc, add := reg.RAX, reg.RCX, reg.RDX
	MOVQ(Mem{Base: fields, Disp: offC}, c)
	MOVQ(Mem{Base: fields, Disp: offLDC}, ldc)
	SHLQ(Imm(2), ldc)
	MOVQ(Mem{Base: fields, Disp: offAcc}, add)
	rows := func(add bool) {
		for i := range t.rows {
			for v := range t.vecs {
				m := Mem{Base: c, Disp: v * t.bytes}
				if add {
					VADDPS(m, t.acc(i, v), t.acc(i, v))
				}
				VMOVUPS(t.acc(i, v), m)
			}
			ADDQ(ldc, c)
		}
		VZEROUPPER()
		RET()
	}
	TESTQ(add, add)
	JZ(LabelRef("store"))
	rows(true)
	Label("store")
	rows(false)
}

// vdpbf16ps emits VDPBF16PS zmm[dst], zmm[a], zmm[b], which neither Go's
// assembler nor avo knows: EVEX.512.F3.0F38.W0 52 /r.
func vdpbf16ps(dst, a, b int) { evex(2, 0x52, dst, a, b) }

// vcvtne2ps2bf16 emits VCVTNE2PS2BF16 zmm[dst], zmm[high], zmm[low]:
// EVEX.512.F2.0F38.W0 72 /r.
func vcvtne2ps2bf16(dst, high, low int) { evex(3, 0x72, dst, high, low) }

// evex emits an EVEX.512.0F38.W0 instruction on three zmm registers, a byte at
// a time (Intel SDM volume 2, section 2.7.1).
func evex(pp, opcode byte, dst, src1, src2 int) {
	not := func(r, bit int) byte { return byte(^r>>bit) & 1 }
	p0 := not(dst, 3)<<7 | not(src2, 4)<<6 | not(src2, 3)<<5 | not(dst, 4)<<4 | 2
	p1 := byte(^src1&15)<<3 | 1<<2 | pp
	p2 := byte(2<<5) | not(src1, 4)<<3
	for _, b := range []byte{0x62, p0, p1, p2, opcode, 0xc0 | byte(dst&7)<<3 | byte(src2&7)} {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(b)}})
	}
}
