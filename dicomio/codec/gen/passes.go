package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// line returns three times the line of the first sample to do, and 4 more.
func (p *pass) line() reg.GPVirtual {
	i := GP64()
	TZCNTL(p.todo, i.As32())
	return i
}

// significant decodes whether the first sample to do is significant.
func (p *pass) significant() reg.GPVirtual {
	k := p.line()
	SUBL(Imm(4), k.As32())
	SHRXL(k.As32(), p.f, k.As32())
	ANDL(U32(0x1ff), k.As32())
	MOVBLZX(p.entry(atZero, k, 1), k.As32())
	return p.symbol(k)
}

// become decodes the sign of the first sample to do and makes it significant. It returns the bit
// of the sample.
func (p *pass) become() reg.GPVirtual {
	i, k := p.line(), GP64()
	SUBL(Imm(4), i.As32())
	SHRXL(i.As32(), p.f, k.As32())
	ANDL(U32(0xaa), k.As32())
	s, bit := GP32(), GP64()
	LEAL(Mem{Base: i, Disp: 19}, s)
	sign := func(from Op) {
		SHRXL(s, from, bit.As32())
		ANDL(Imm(1), bit.As32())
	}
	sign(Mem{Base: p.at, Disp: -4})
	ORL(bit.As32(), k.As32())
	sign(Mem{Base: p.at, Disp: 4})
	LEAL(Mem{Base: k, Index: bit, Scale: 4}, k.As32())
	ADDL(Imm(3), s)
	sign(p.f)
	SHLL(Imm(6), bit.As32())
	ORL(bit.As32(), k.As32())
	Comment("the sign above lies apart for the first line")
	LEAL(Mem{Base: i, Disp: 16}, s)
	MOVL(U32(18), bit.As32())
	TESTL(i.As32(), i.As32())
	CMOVLEQ(bit.As32(), s)
	sign(p.f)
	SHLL(Imm(4), bit.As32())
	ORL(bit.As32(), k.As32())
	turn := GP32()
	MOVBLZX(p.entry(atSigns, k, 1), turn)
	MOVL(turn, k.As32())
	ANDL(Imm(31), k.As32())
	negative := p.symbol(k).As32()
	SHRL(Imm(7), turn)
	XORL(turn, negative)
	SHLL(Imm(31), negative)
	at := p.line()
	MOVQ(p.entry(atRows-32, at, 8), at)
	value, low := GP32(), GP32()
	MOVL(p.field(atValue), value)
	ORL(negative, value)
	MOVL(value, Mem{Base: p.at, Index: at, Scale: 1})
	BLSIL(p.todo, low)
	ORL(low, p.f)
	SARL(Imm(31), negative)
	ANDL(low, negative)
	SHLL(Imm(15), negative)
	ORL(negative, p.f)
	return low
}

// spread stores the flags of a column and tells its neighbours what has become significant.
func (p *pass) spread() {
	both, v := GP64(), GP32()
	grown := both.As32()
	MOVL(Mem{Base: p.at}, grown)
	XORL(p.f, grown)
	MOVL(p.f, Mem{Base: p.at})
	ANDL(U32(selves), grown)
	JEQ(LabelRef("next"))
	LEAL(Mem{Base: both, Index: both, Scale: 1}, v)
	ORL(v, Mem{Base: p.at, Disp: -4})
	MOVL(grown, v)
	SHRL(Imm(1), v)
	ORL(v, Mem{Base: p.at, Disp: 4})
	TESTL(U32(1<<4|1<<13), grown)
	JEQ(LabelRef("next"))
	to, wide := GP64(), GP64()
	MOVQ(p.field(atWide), wide)
	TESTL(grown, p.field(atUp))
	JEQ(LabelRef("down"))
	MOVQ(p.at, to)
	SUBQ(wide, to)
	p.tell(to, 19, 31, 15)
	Label("down")
	TESTL(U32(1<<13), grown)
	JEQ(LabelRef("next"))
	LEAQ(Mem{Base: p.at, Index: wide, Scale: 1}, to)
	p.tell(to, 28, 18, 0)
}

// tell sets what the three columns at to know of a row beside theirs: significance at bits row
// to row + 2, and the sign, which is bit from of p.f, at bit sign.
func (p *pass) tell(to reg.Register, from, sign, row uint64) {
	v := GP32()
	ORL(U32(4<<row), Mem{Base: to, Disp: -4})
	ORL(U32(1<<row), Mem{Base: to, Disp: 4})
	MOVL(p.f, v)
	SHRL(Imm(from), v)
	ANDL(Imm(1), v)
	SHLL(Imm(sign), v)
	ORL(U32(2<<row), v)
	ORL(v, Mem{Base: to})
}

func significance() {
	p := newPass("significanceStripe")
	v := GP32()
	MOVL(p.f, p.todo)
	ANDL(U32(1<<18-1), p.todo)
	around := func(shift uint64, from reg.Register) {
		MOVL(p.todo, v)
		SHLL(Imm(shift), v)
		MOVL(p.todo, from)
		SHRL(Imm(shift), from)
		ORL(v, p.todo)
		ORL(from, p.todo)
	}
	w := GP32()
	around(1, w)
	ANDL(U32(0o222222), p.todo)
	around(3, w)
	MOVL(p.f, v)
	NOTL(v)
	ANDL(v, p.todo)
	ANDL(p.field(atAll), p.todo)
	JEQ(LabelRef("next"))
	Label("sample")
	s, low := p.significant(), GP32()
	BLSIL(p.todo, low)
	SHLL(Imm(17), low)
	ORL(low, p.f)
	TESTL(U32(1), s.As32())
	JEQ(LabelRef("done"))
	below := p.become()
	Comment("the sample below has a significant neighbour now")
	SHLL(Imm(3), below)
	ANDL(p.field(atAll), below)
	MOVL(p.f, v)
	NOTL(v)
	ANDL(v, below)
	ORL(below, p.todo)
	Label("done")
	BLSRL(p.todo, p.todo)
	JNE(LabelRef("sample"))
	p.spread()
	p.end()
}

func refinement() {
	p := newPass("refinementStripe")
	MOVL(p.f, p.todo)
	SHRL(Imm(17), p.todo)
	NOTL(p.todo)
	ANDL(p.f, p.todo)
	ANDL(U32(selves), p.todo)
	JEQ(LabelRef("next"))
	Label("sample")
	g, k, refined := p.line().As32(), GP64(), GP32()
	SUBL(Imm(4), g)
	SHRXL(g, p.f, g)
	XORL(k.As32(), k.As32())
	TESTL(U32(0x1ef), g)
	SETNE(k.As8())
	ADDL(Imm(ctxMag), k.As32())
	MOVL(U32(ctxMag+2), refined)
	TESTL(U32(1<<20), g)
	CMOVLNE(refined, k.As32())
	s, at, low := p.symbol(k), p.line(), GP32()
	MOVQ(p.entry(atRows-32, at, 8), at)
	ANDL(Imm(1), s.As32())
	LEAL(Mem{Base: s, Index: s, Scale: 1, Disp: -1}, s.As32())
	IMULL(p.field(atValue), s.As32())
	ADDL(s.As32(), Mem{Base: p.at, Index: at, Scale: 1})
	BLSIL(p.todo, low)
	SHLL(Imm(16), low)
	ORL(low, p.f)
	BLSRL(p.todo, p.todo)
	JNE(LabelRef("sample"))
	MOVL(p.f, Mem{Base: p.at})
	p.end()
}

func cleanup() {
	p := newPass("cleanupStripe")
	v := GP32()
	TESTL(p.f, p.f)
	JNE(LabelRef("single"))
	CMPL(p.field(atAll), U32(selves))
	JNE(LabelRef("single"))
	p.run()
	JMP(LabelRef("sign"))
	Label("single")
	MOVL(p.f, v)
	SHRL(Imm(17), v)
	ORL(p.f, v)
	NOTL(v)
	ANDL(p.field(atAll), v)
	MOVL(v, p.todo)
	JEQ(LabelRef("clear"))
	Label("sample")
	TESTL(U32(1), p.significant().As32())
	JEQ(LabelRef("done"))
	Label("sign")
	p.become()
	Label("done")
	BLSRL(p.todo, p.todo)
	JNE(LabelRef("sample"))
	Label("clear")
	ANDL(U32(^uint32(allVisited)), p.f)
	p.spread()
	p.end()
}

// run decodes which sample of a column without flags is the first significant one, if any is.
func (p *pass) run() {
	k := GP64()
	MOVL(U32(ctxRun), k.As32())
	TESTL(U32(1), p.symbol(k).As32())
	JEQ(LabelRef("next"))
	uniform := func() reg.GPVirtual {
		k := GP64()
		MOVL(U32(ctxUniform), k.As32())
		s := p.symbol(k)
		ANDL(Imm(1), s.As32())
		return s
	}
	high, low := uniform(), uniform()
	LEAL(Mem{Base: low, Index: high, Scale: 2}, low.As32())
	LEAL(Mem{Base: low, Index: low, Scale: 2, Disp: 4}, low.As32())
	MOVL(U32(0xffffffff), p.todo)
	SHLXL(low.As32(), p.todo, p.todo)
	ANDL(U32(selves), p.todo)
}
