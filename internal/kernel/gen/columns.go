package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns emits the functions on arrays of many short rows: the softmax of a
// panel of attention scores, in which a column is one query, and the sums and
// affine maps of the channels of a feature map.
func columns(w width) {
	w.columnMax()
	w.columnExp()
	w.columnGrad()
	w.columnScale()
	w.channelSums()
	w.channelAffine()
}

// panelVectors is how many vectors a row of a panel of B has: two, in a row of 32
// floats on AVX-512 and of 16 on AVX2.
const panelVectors = 2

// rows repeats body for each row of a panel; body gets the offset in a row of
// each of its two vectors and its number.
func (w width) rows(n reg.Register, body func(v, disp int), pointers ...reg.Register) {
	Label("row")
	for v := range panelVectors {
		body(v, v*w.bytes)
	}
	for _, p := range pointers {
		ADDQ(Imm(uint64(panelVectors*w.bytes)), p)
	}
	DECQ(n)
	JNZ(LabelRef("row"))
}

// wholeRows repeats body for each row of a panel; body gets the offsets of its
// vectors.
func (w width) wholeRows(n reg.Register, body func(disp []int), pointers ...reg.Register) {
	var at []int
	w.rows(n, func(v, disp int) {
		if at = append(at, disp); len(at) == panelVectors {
			body(at)
		}
	}, pointers...)
}

// perColumn loads one value for each column.
func (w width) perColumn(p reg.Register) []reg.VecVirtual {
	var r []reg.VecVirtual
	for v := range panelVectors {
		r = append(r, w.load(Mem{Base: p, Disp: v * w.bytes}))
	}
	return r
}

func (w width) storeColumns(r []reg.VecVirtual, p reg.Register) {
	for v := range r {
		VMOVUPS(r[v], Mem{Base: p, Disp: v * w.bytes})
	}
}

// columnMax: top[j] = max(top[j], s[i][j]) over the n rows.
func (w width) columnMax() {
	function("columnMax"+w.suffix, "func(n int, s, top []float32)")
	n, s, top := param("n"), param("s"), param("top")
	t := w.perColumn(top)
	w.rows(n, func(v, disp int) { VMAXPS(Mem{Base: s, Disp: disp}, t[v], t[v]) }, s)
	w.storeColumns(t, top)
	end()
}

// columnExp: s[i][j] = 2^(scale·s[i][j] - shift[j]), sum[j] += the column's sum.
func (w width) columnExp() {
	function("columnExp"+w.suffix, "func(n int, s []float32, scale float32, shift, sum []float32)")
	n, s, scale := param("n"), param("s"), w.cast("scale")
	shift, sum := param("shift"), param("sum")
	t := w.perColumn(sum)
	w.wholeRows(n, func(disp []int) {
		e := w.regs(panelVectors)
		for v, d := range disp {
			VMOVUPS(Mem{Base: s, Disp: d}, e[v])
			VFMSUB213PS(Mem{Base: shift, Disp: d}, scale, e[v])
		}
		w.exp2(e)
		for v, d := range disp {
			VADDPS(e[v], t[v], t[v])
			VMOVUPS(e[v], Mem{Base: s, Disp: d})
		}
	}, s)
	w.storeColumns(t, sum)
	end()
}

// columnGrad: s[i][j] = p = 2^(scale·s[i][j] - shift[j]), g[i][j] = back·p·(g[i][j]
// - dot[j]).
func (w width) columnGrad() {
	function("columnGrad"+w.suffix, "func(n int, s, g []float32, scale, back float32, shift, dot []float32)")
	n, s, g, scale := param("n"), param("s"), param("g"), w.cast("scale")
	back := w.cast("back")
	shift, dot := param("shift"), param("dot")
	w.wholeRows(n, func(disp []int) {
		e, d := w.regs(panelVectors), w.reg()
		for v, at := range disp {
			VMOVUPS(Mem{Base: s, Disp: at}, e[v])
			VFMSUB213PS(Mem{Base: shift, Disp: at}, scale, e[v])
		}
		w.exp2(e)
		for v, at := range disp {
			VMOVUPS(e[v], Mem{Base: s, Disp: at})
			VMOVUPS(Mem{Base: g, Disp: at}, d)
			VSUBPS(Mem{Base: dot, Disp: at}, d, d)
			VMULPS(back, e[v], e[v])
			VMULPS(e[v], d, d)
			VMOVUPS(d, Mem{Base: g, Disp: at})
		}
	}, s, g)
	end()
}

// columnScale: s[i][j] *= f[j].
func (w width) columnScale() {
	function("columnScale"+w.suffix, "func(n int, s, f []float32)")
	n, s, f := param("n"), param("s"), param("f")
	k := w.perColumn(f)
	w.rows(n, func(v, disp int) {
		e := w.reg()
		VMULPS(Mem{Base: s, Disp: disp}, k[v], e)
		VMOVUPS(e, Mem{Base: s, Disp: disp})
	}, s)
	end()
}

// nested emits body for each vector of rows × cols elements, and after, unless it
// is nil, behind each row, looking ahead of far. Pointers in walk move through the
// whole array; those in rewind start again with each row.
func (w width) nested(rows, cols reg.Register, far []Mem, body func(disp int), after func(), walk, rewind []reg.GPVirtual) {
	c := GP64()
	Label("row")
	MOVQ(cols, c)
	w.lines("column", c, far, body, slices.Concat(walk, rewind)...)
	if len(rewind) > 0 {
		back := GP64()
		MOVQ(cols, back)
		SHLQ(Imm(2), back)
		for _, p := range rewind {
			SUBQ(back, p)
		}
	}
	if after != nil {
		after()
	}
	DECQ(rows)
	JNZ(LabelRef("row"))
}

// channelSums emits three kinds of sums over rows, added to sum[j] and more[j]: x;
// x + shift[j] and its square; and a with a·(x·scale[j] + shift[j]).
func (w width) channelSums() {
	function("channelSum"+w.suffix, "func(rows, cols int, sum, x []float32)")
	rows, cols, sum, x := param("rows"), param("cols"), param("sum"), param("x")
	w.nested(rows, cols, nil, func(disp int) {
		v := w.load(Mem{Base: sum, Disp: disp})
		VADDPS(Mem{Base: x, Disp: disp}, v, v)
		VMOVUPS(v, Mem{Base: sum, Disp: disp})
	}, nil, []reg.GPVirtual{x}, []reg.GPVirtual{sum})
	end()

	function("channelMoments"+w.suffix, "func(rows, cols int, sum, more, x, shift []float32)")
	rows, cols, sum, x = param("rows"), param("cols"), param("sum"), param("x")
	more, shift := param("more"), param("shift")
	w.nested(rows, cols, nil, func(disp int) {
		v, s, m := w.load(Mem{Base: x, Disp: disp}), w.load(Mem{Base: sum, Disp: disp}), w.load(Mem{Base: more, Disp: disp})
		VADDPS(Mem{Base: shift, Disp: disp}, v, v)
		VADDPS(v, s, s)
		VFMADD231PS(v, v, m)
		VMOVUPS(s, Mem{Base: sum, Disp: disp})
		VMOVUPS(m, Mem{Base: more, Disp: disp})
	}, nil, []reg.GPVirtual{x}, []reg.GPVirtual{sum, more, shift})
	end()

	function("channelDots"+w.suffix, "func(rows, cols int, sum, more, a, x, scale, shift []float32)")
	rows, cols, sum, x = param("rows"), param("cols"), param("sum"), param("x")
	more, shift = param("more"), param("shift")
	a, scale := param("a"), param("scale")
	w.nested(rows, cols, nil, func(disp int) {
		g, h := w.load(Mem{Base: a, Disp: disp}), w.load(Mem{Base: x, Disp: disp})
		s, m := w.load(Mem{Base: sum, Disp: disp}), w.load(Mem{Base: more, Disp: disp})
		k := w.load(Mem{Base: scale, Disp: disp})
		VFMADD213PS(Mem{Base: shift, Disp: disp}, k, h)
		VADDPS(g, s, s)
		VFMADD231PS(g, h, m)
		VMOVUPS(s, Mem{Base: sum, Disp: disp})
		VMOVUPS(m, Mem{Base: more, Disp: disp})
	}, nil, []reg.GPVirtual{x, a}, []reg.GPVirtual{sum, more, scale, shift})
	end()
}

// channelAffine emits y = x·f + h, and y = a·e + x·f + h, with e, f and h for
// each column.
func (w width) channelAffine() {
	for _, terms := range []int{1, 2} {
		sig := "func(rows, cols int, y, x, f, h []float32)"
		if terms == 2 {
			sig = "func(rows, cols int, y, x, f, h, a, e []float32)"
		}
		function(fmt.Sprintf("channelAffine%d%s", terms, "x"+w.suffix), sig)
		rows, cols, y, x := param("rows"), param("cols"), param("y"), param("x")
		f, h := param("f"), param("h")
		walk, rewind := []reg.GPVirtual{y, x}, []reg.GPVirtual{f, h}
		var a, e reg.GPVirtual
		if terms == 2 {
			a, e = param("a"), param("e")
			walk, rewind = append(walk, a), append(rewind, e)
		}
		w.nested(rows, cols, nil, func(disp int) {
			v := w.load(Mem{Base: x, Disp: disp})
			k := w.load(Mem{Base: f, Disp: disp})
			VFMADD213PS(Mem{Base: h, Disp: disp}, k, v)
			if terms == 2 {
				g := w.load(Mem{Base: a, Disp: disp})
				VFMADD231PS(Mem{Base: e, Disp: disp}, g, v)
			}
			VMOVUPS(v, Mem{Base: y, Disp: disp})
		}, nil, walk, rewind)
		end()
	}
}
