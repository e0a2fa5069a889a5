package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func packing256() {
	ones := GLOBL("lanes", RODATA|NOPTR)
	for i := range 16 {
		v := U32(0xffffffff)
		if i >= 8 {
			v = 0
		}
		DATA(4*i, v)
	}
	copyLines256(ones)
	copyRows256(ones)
	transRows256(ones)
}

// laneMask sets y to ones in the lowest n lanes, n <= 8 in reg. It spoils n and
// rest.
func laneMask(ones Mem, n reg.GPPhysical, y reg.Register) {
	LEAQ(ones.Offset(32), rest)
	SHLQ(Imm(2), n)
	SUBQ(n, rest)
	VMOVUPS(Mem{Base: rest}, y)
}

// copyLines256 is copyLines512 with ymm registers.
func copyLines256(ones Mem) {
	function("copyLines256", linesSignature)
	loadPackArgs("n", "w")
	Load(Param("ahead"), at)
	SHLQ(Imm(2), at)
	halfMasks(ones)
	narrowRows(Mem{Base: src, Index: at, Scale: 1})
}

// copyRows256 is copyRows512 with ymm registers, for w <= 16.
func copyRows256(ones Mem) {
	function("copyRows256", copySignature)
	loadPackArgs("n", "w")
	halfMasks(ones)
	narrowRows(Mem{Base: src, Index: ld, Scale: 8})
}

// halfMasks sets Y2 and Y3 to ones in the lowest w lanes of 16.
func halfMasks(ones Mem) {
	low, high := reg.RAX, reg.RBX
	MOVQ(U32(8), low)
	CMPQ(wide, low)
	CMOVQLT(wide, low)
	MOVQ(wide, high)
	SUBQ(low, high)
	laneMask(ones, low, reg.Y2)
	laneMask(ones, high, reg.Y3)
}

// narrowRows emits the loop over rows of 16 floats masked by Y2 and Y3.
func narrowRows(ahead Mem) {
	Label("row")
	PREFETCHT0(ahead)
	VMASKMOVPS(Mem{Base: src}, reg.Y2, reg.Y0)
	VMASKMOVPS(Mem{Base: src, Disp: 32}, reg.Y3, reg.Y1)
	VMOVUPS(reg.Y0, Mem{Base: dst})
	VMOVUPS(reg.Y1, Mem{Base: dst, Disp: 32})
	ADDQ(ld, src)
	ADDQ(stride, dst)
	DECQ(count)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// transRows256 is transRows512 for 8 rows.
func transRows256(ones Mem) {
	y := ymms
	function("transRows256", transSignature)
	loadPackArgs("cols", "rows")
	MOVQ(wide, reg.RBX)
	Label("block")
	MOVQ(U32(8), wide)
	CMPQ(count, wide)
	CMOVQLT(count, wide)
	laneMask(ones, wide, y[15])
	MOVQ(src, at)
	for i := range 8 {
		VMASKMOVPS(Mem{Base: at}, y[15], y[i])
		nextRow(i)
	}
	for i := range 4 { // pairs of rows
		VUNPCKLPS(y[2*i+1], y[2*i], y[8+2*i])
		VUNPCKHPS(y[2*i+1], y[2*i], y[9+2*i])
	}
	for g := range 2 { // fours: lane L of y[4g+c] holds column 4L+c of rows 4g..4g+3
		s := 8 + 4*g
		VUNPCKLPD(y[s+2], y[s], y[4*g])
		VUNPCKHPD(y[s+2], y[s], y[4*g+1])
		VUNPCKLPD(y[s+3], y[s+1], y[4*g+2])
		VUNPCKHPD(y[s+3], y[s+1], y[4*g+3])
	}
	for c := range 4 {
		VPERM2F128(Imm(0x20), y[4+c], y[c], y[8+c])
		VPERM2F128(Imm(0x31), y[4+c], y[c], y[12+c])
	}
	storeColumns(y[8:16])
	ADDQ(U32(32), src)
	JMP(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}
