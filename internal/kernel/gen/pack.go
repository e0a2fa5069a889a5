package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const copySignature = "func(n, w int, src []float32, ld int, dst []float32, stride int)"

// Registers that the packing functions share.
var (
	count, wide, src, ld, dst, stride = reg.RDX, reg.RCX, reg.RSI, reg.R8, reg.RDI, reg.R9
	at, next, rest                    = reg.R10, reg.R11, reg.R12
)

func loadPackArgs(first, second string) {
	Load(Param(first), count)
	Load(Param(second), wide)
	loadParam("src", src)
	Load(Param("ld"), ld)
	loadParam("dst", dst)
	Load(Param("stride"), stride)
	SHLQ(Imm(2), ld)
	SHLQ(Imm(2), stride)
}

// lowBits sets k to the lowest n bits, n < 32 in CL. It spoils rest.
func lowBits(k reg.Register) {
	MOVL(U32(1), rest.As32())
	SHLL(reg.CL, rest.As32())
	DECL(rest.As32())
	KMOVW(rest.As32(), k)
}

func packing512() {
	copyLines512()
	copyRows512()
	copyPairs512()
	transRows512()
	transPairs512()
	narrow512()
}

const linesSignature = "func(n, w int, src []float32, ld int, dst []float32, stride, ahead int)"

// copyLines512 copies n rows of w <= 16 floats, each widened with zeros to 16. With
// each it asks for what lies ahead floats further on.
func copyLines512() {
	function("copyLines512", linesSignature)
	loadPackArgs("n", "w")
	Load(Param("ahead"), at)
	SHLQ(Imm(2), at)
	lowBits(reg.K1)
	Label("row")
	PREFETCHT0(Mem{Base: src, Index: at, Scale: 1})
	VMOVUPS_Z(Mem{Base: src}, reg.K1, reg.Z0)
	VMOVUPS(reg.Z0, Mem{Base: dst})
	ADDQ(ld, src)
	ADDQ(stride, dst)
	DECQ(count)
	JNZ(LabelRef("row"))
	end()
}

// copyRows512 copies n rows of w <= 32 floats, each widened with zeros to 16 or 32.
// It asks for the row eight further on: strided rows are too far apart for the
// machine to foresee.
func copyRows512() {
	function("copyRows512", copySignature)
	loadPackArgs("n", "w")
	ahead := Mem{Base: src, Index: ld, Scale: 8}
	SUBQ(Imm(16), wide)
	JG(LabelRef("both"))
	ADDQ(Imm(16), wide)
	lowBits(reg.K1)
	Label("row")
	PREFETCHT0(ahead)
	VMOVUPS_Z(Mem{Base: src}, reg.K1, reg.Z0)
	VMOVUPS(reg.Z0, Mem{Base: dst})
	ADDQ(ld, src)
	ADDQ(stride, dst)
	DECQ(count)
	JNZ(LabelRef("row"))
	end()
	Label("both")
	lowBits(reg.K1)
	Label("wideRow")
	PREFETCHT0(ahead)
	VMOVUPS(Mem{Base: src}, reg.Z0)
	VMOVUPS_Z(Mem{Base: src, Disp: 64}, reg.K1, reg.Z1)
	VMOVUPS(reg.Z0, Mem{Base: dst})
	VMOVUPS(reg.Z1, Mem{Base: dst, Disp: 64})
	ADDQ(ld, src)
	ADDQ(stride, dst)
	DECQ(count)
	JNZ(LabelRef("wideRow"))
	end()
}

// copyPairs512 rounds n rows of w <= 32 floats to bfloat16 and writes rows 2i and
// 2i+1 as one row of 16 or 32 pairs; a row that is missing counts as zeros.
func copyPairs512() {
	order := GLOBL("interleave", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(uint32(i)|uint32(16+i)<<16))
	}
	function("copyPairs512", copySignature)
	loadPackArgs("n", "w")
	VMOVDQU32(order, reg.Z3)
	SUBQ(Imm(16), wide)
	JG(LabelRef("both"))
	ADDQ(Imm(16), wide)
	lowBits(reg.K1)
	pairRows("", 1)
	Label("both")
	lowBits(reg.K1)
	pairRows("Wide", 2)
}

// pairRows emits the loop of copyPairs512 for rows of one or two vectors, the last
// of them masked by K1.
func pairRows(suffix string, vecs int) {
	row := func(m Mem, first int) {
		for v := range vecs {
			m.Disp = 64 * v
			if v == vecs-1 {
				VMOVUPS_Z(m, reg.K1, zmms[first+v])
			} else {
				VMOVUPS(m, zmms[first+v])
			}
		}
	}
	const even, odd, out = 4, 8, 12
	Label("pair" + suffix)
	PREFETCHT0(Mem{Base: src, Index: ld, Scale: 8})
	row(Mem{Base: src}, even)
	for v := range vecs {
		VPXORD(zmms[odd+v], zmms[odd+v], zmms[odd+v])
	}
	DECQ(count)
	JZ(LabelRef("last" + suffix))
	row(Mem{Base: src, Index: ld, Scale: 1}, odd)
	Label("last" + suffix)
	for v := range vecs {
		vcvtne2ps2bf16(out+v, odd+v, even+v)
		VPERMW(zmms[out+v], reg.Z3, zmms[out+v])
		VMOVDQU32(zmms[out+v], Mem{Base: dst, Disp: 64 * v})
	}
	LEAQ(Mem{Base: src, Index: ld, Scale: 2}, src)
	ADDQ(stride, dst)
	SUBQ(Imm(1), count)
	JG(LabelRef("pair" + suffix))
	end()
}

// narrow512 rounds n floats, a positive multiple of 32, to n/2 pairs of bfloat16.
func narrow512() {
	function("narrow512", "func(n int, src, dst []float32)")
	n := param("n")
	loadParam("src", src)
	loadParam("dst", dst)
	Label("pair")
	VMOVUPS(Mem{Base: src}, reg.Z0)
	VMOVUPS(Mem{Base: src, Disp: 64}, reg.Z1)
	vcvtne2ps2bf16(2, 1, 0)
	VMOVDQU32(reg.Z2, Mem{Base: dst})
	ADDQ(U32(128), src)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(32), n)
	JG(LabelRef("pair"))
	end()
}

const transSignature = "func(cols, rows int, src []float32, ld int, dst []float32, stride int)"

// transRows512 writes column j of rows <= 16 rows of src as 16 floats at dst +
// j·stride. Missing rows repeat the last one.
func transRows512() {
	function("transRows512", transSignature)
	loadPackArgs("cols", "rows")
	MOVQ(wide, reg.RBX)
	Label("block")
	MOVQ(U32(16), wide)
	CMPQ(count, wide)
	CMOVQLT(count, wide)
	lowBits(reg.K1)
	MOVQ(src, at)
	for i := range 16 {
		PREFETCHT0(Mem{Base: at, Disp: 256})
		VMOVUPS_Z(Mem{Base: at}, reg.K1, zmms[i])
		nextRow(i)
	}
	transpose16()
	storeColumns(zmms[:16])
	ADDQ(U32(64), src)
	JMP(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}

// transPairs512 is transRows512 with the columns rounded to bfloat16 and taken
// in pairs; an odd last column is paired with zeros.
func transPairs512() {
	function("transPairs512", transSignature)
	loadPackArgs("cols", "rows")
	cols, full := reg.R13, reg.RAX
	MOVQ(count, cols)
	MOVQ(wide, reg.RBX)
	MOVQ(U32(16), full)
	Label("block")
	MOVQ(cols, wide)
	CMPQ(wide, full)
	CMOVQGT(full, wide)
	lowBits(reg.K1)
	MOVQ(U32(0), next)
	MOVQ(cols, wide)
	SUBQ(full, wide)
	CMOVQLT(next, wide)
	CMPQ(wide, full)
	CMOVQGT(full, wide)
	lowBits(reg.K2)
	MOVQ(src, at)
	for i := range 16 {
		PREFETCHT0(Mem{Base: at, Disp: 256})
		PREFETCHT0(Mem{Base: at, Disp: 320})
		VMOVUPS_Z(Mem{Base: at}, reg.K1, reg.Z30)
		VMOVUPS_Z(Mem{Base: at, Disp: 64}, reg.K2, reg.Z31)
		vcvtne2ps2bf16(i, 31, 30)
		nextRow(i)
	}
	transpose16()
	LEAQ(Mem{Base: cols, Disp: 1}, count)
	SHRQ(Imm(1), count)
	storeColumns(zmms[:16])
	SUBQ(Imm(32), cols)
	ADDQ(U32(128), src)
	JMP(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}

// nextRow moves at from row i to the next one, if there is one (rows in RBX).
func nextRow(i int) {
	LEAQ(Mem{Base: at, Index: ld, Scale: 1}, next)
	CMPQ(reg.RBX, Imm(uint64(i+1)))
	CMOVQGT(next, at)
}

// storeColumns writes the registers at dst and on, and leaves for "done" when
// count columns are written.
func storeColumns(v []reg.VecPhysical) {
	for _, r := range v {
		VMOVUPS(r, Mem{Base: dst})
		ADDQ(stride, dst)
		DECQ(count)
		JZ(LabelRef("done"))
	}
}

// transpose16 transposes the 16×16 block of 32-bit values in Z0..Z15.
func transpose16() {
	z := zmms
	for i := range 8 { // pairs of rows
		VUNPCKLPS(z[2*i+1], z[2*i], z[16+2*i])
		VUNPCKHPS(z[2*i+1], z[2*i], z[17+2*i])
	}
	for g := range 4 { // fours: lane L of z[4g+c] holds column 4L+c of rows 4g..4g+3
		s := 16 + 4*g
		VUNPCKLPD(z[s+2], z[s], z[4*g])
		VUNPCKHPD(z[s+2], z[s], z[4*g+1])
		VUNPCKLPD(z[s+3], z[s+1], z[4*g+2])
		VUNPCKHPD(z[s+3], z[s+1], z[4*g+3])
	}
	even, odd := Imm(0x88), Imm(0xdd)
	for c := range 4 {
		VSHUFF32X4(even, z[4+c], z[c], z[16+4*c])
		VSHUFF32X4(odd, z[4+c], z[c], z[17+4*c])
		VSHUFF32X4(even, z[12+c], z[8+c], z[18+4*c])
		VSHUFF32X4(odd, z[12+c], z[8+c], z[19+4*c])
	}
	for c := range 4 {
		VSHUFF32X4(even, z[18+4*c], z[16+4*c], z[c])
		VSHUFF32X4(odd, z[18+4*c], z[16+4*c], z[8+c])
		VSHUFF32X4(even, z[19+4*c], z[17+4*c], z[4+c])
		VSHUFF32X4(odd, z[19+4*c], z[17+4*c], z[12+c])
	}
}
