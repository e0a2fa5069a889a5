// Command gen writes the assembly of the codec package: the coding passes of JPEG 2000.
// Run it through go generate in the codec package.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Where the fields of the codec's stripe lie; the first is the states of the contexts.
const (
	atStates = 8 * 32
	atSigns  = atStates + 8*128
	atZero   = atSigns + 256
	atRows   = atZero + 512
	atA      = atRows + 8*16
	atC      = atA + 8
	atN      = atC + 8
	atWord   = atN + 8
	atLast   = atWord + 8
	atWords  = atLast + 8
	atFlags  = atWords + 8
	atData   = atFlags + 8
	atEnd    = atData + 8
	atStride = atEnd + 8
	atWide   = atStride + 8
	atAll    = atWide + 8
	atUp     = atAll + 4
	atValue  = atUp + 4
)

// Flags of a column, as in the codec's blockDecoder.
const (
	selves     = 1<<4 | 1<<7 | 1<<10 | 1<<13
	allVisited = 1<<21 | 1<<24 | 1<<27 | 1<<30
	ctxMag     = 14
	ctxRun     = 17
	ctxUniform = 18
)

func main() {
	ConstraintExpr("amd64")
	significance()
	refinement()
	cleanup()
	Generate()
}

// A pass is what a coding pass keeps in registers.
type pass struct {
	base    reg.GPVirtual // the stripe
	a, c, n reg.GPVirtual // the interval
	at      reg.GPVirtual // the flags of the column
	f, todo reg.GPVirtual // what is in them, and its samples that are still to be done
}

// newPass begins a function that goes through the columns of a stripe.
func newPass(name string) *pass {
	TEXT(name, NOSPLIT, "func(s *byte)")
	p := &pass{GP64(), GP64(), GP64(), GP64(), GP64(), GP32(), GP32()}
	Load(Param("s"), p.base)
	MOVQ(p.field(atA), p.a)
	MOVQ(p.field(atC), p.c)
	MOVQ(p.field(atN), p.n)
	MOVQ(p.field(atFlags), p.at)
	Comment("how far the samples of the four lines lie from the flags")
	d, stride := GP64(), GP64()
	MOVQ(p.field(atData), d)
	MOVQ(p.field(atStride), stride)
	SUBQ(p.at, d)
	for i := range 4 {
		MOVQ(d, p.field(atRows+8*3*i))
		if i < 3 {
			ADDQ(stride, d)
		}
	}
	Label("column")
	MOVL(Mem{Base: p.at}, p.f)
	return p
}

// end goes on to the next column, and leaves after the last.
func (p *pass) end() {
	Label("next")
	ADDQ(Imm(4), p.at)
	CMPQ(p.at, p.field(atEnd))
	JCS(LabelRef("column"))
	MOVQ(p.a, p.field(atA))
	MOVQ(p.c, p.field(atC))
	MOVQ(p.n, p.field(atN))
	RET()
}

func (p *pass) field(at int) Mem { return Mem{Base: p.base, Disp: at} }

func (p *pass) entry(at int, index reg.Register, scale uint8) Mem {
	return Mem{Base: p.base, Disp: at, Index: index, Scale: scale}
}

var labels int

func label(name string) string {
	labels++
	return fmt.Sprintf("%s%d", name, labels)
}

// symbol decodes a symbol in context k, which is lost, without a branch on what comes. Bit 0 of the
// result is the symbol.
func (p *pass) symbol(k reg.GPVirtual) reg.GPVirtual {
	e, q, more, less := GP64(), GP64(), GP64(), GP64()
	MOVQ(p.entry(0, k, 8), e)
	MOVQ(e, q)
	SHRQ(Imm(48), q)
	SHLQ(Imm(48), q)
	MOVQ(e, more)
	SHRQ(Imm(8), more)
	MOVQ(e, less)
	SHRQ(Imm(16), less)
	MOVBQZX(more.As8(), more)
	MOVBQZX(less.As8(), less)
	MOVQ(p.entry(atStates, more, 8), more)
	MOVQ(p.entry(atStates, less, 8), less)
	below, s := GP64(), GP64()
	SUBQ(q, p.a)
	MOVQ(p.a, s)
	MOVQ(p.c, below)
	SUBQ(q, below)
	CMOVQCC(below, p.c)
	CMOVQCS(q, p.a)
	SBBQ(below, below)
	CMPQ(s, q)
	SBBQ(s, s)
	XORQ(below, s)
	CMOVQNE(less, more)
	TESTQ(p.a, p.a)
	CMOVQMI(e, more)
	MOVQ(more, p.entry(0, k, 8))
	XORQ(e, s)
	shift := GP64()
	LZCNTQ(p.a, shift)
	SHLXQ(shift, p.a, p.a)
	SHLXQ(shift, p.c, p.c)
	SUBQ(shift, p.n)
	enough := label("enough")
	JGE(LabelRef(enough))
	p.refill()
	Label(enough)
	return s
}

// refill brings 32 bits into the code; the last word is taken again and again.
func (p *pass) refill() {
	k, v, shift := GP64(), GP64(), GP64()
	MOVQ(p.field(atWord), k)
	MOVQ(p.field(atWords), v)
	MOVL(Mem{Base: v, Index: k, Scale: 4}, v.As32())
	MOVQ(U32(16), shift)
	SUBQ(p.n, shift)
	SHLXQ(shift, v, v)
	ADDQ(v, p.c)
	ADDQ(Imm(32), p.n)
	INCQ(k)
	CMPQ(k, p.field(atLast))
	CMOVQGT(p.field(atLast), k)
	MOVQ(k, p.field(atWord))
}
