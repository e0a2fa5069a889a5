package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// upsampling emits what the package's upsampling does to rows of voxels. c, the
// channels of a voxel, is a multiple of 16, and so is n.
func upsampling(w width) {
	// y = f[0]·x0 + f[1]·x1 + f[2]·x2 + f[3]·x3
	function("combine"+w.suffix, "func(n int, y, x0, x1, x2, x3, f []float32)")
	n, y, f := param("n"), param("y"), param("f")
	var x []reg.GPVirtual
	var k []reg.VecVirtual
	for i, name := range []string{"x0", "x1", "x2", "x3"} {
		x = append(x, param(name))
		k = append(k, w.reg())
		VBROADCASTSS(Mem{Base: f, Disp: 4 * i}, k[i])
	}
	w.lines("loop", n, here(x...), func(disp int) {
		s := w.reg()
		VMULPS(Mem{Base: x[0], Disp: disp}, k[0], s)
		for i := range 3 {
			VFMADD231PS(Mem{Base: x[i+1], Disp: disp}, k[i+1], s)
		}
		VMOVUPS(s, Mem{Base: y, Disp: disp})
	}, append(x, y)...)
	end()

	w.repeatPairs()
	w.addPairs()
	w.blendPairs()
	w.gatherPairs()
}

// voxelSize returns the bytes of a voxel of c channels.
func voxelSize(c reg.Register) reg.GPVirtual {
	size := GP64()
	MOVQ(c, size)
	SHLQ(Imm(2), size)
	return size
}

// here returns where the pointers point.
func here(pointers ...reg.GPVirtual) []Mem {
	var m []Mem
	for _, p := range pointers {
		m = append(m, Mem{Base: p})
	}
	return m
}

// pair returns where the pointers point, and one voxel behind.
func pair(size reg.Register, pointers ...reg.GPVirtual) []Mem {
	m := here(pointers...)
	for _, p := range pointers {
		m = append(m, Mem{Base: p, Index: size, Scale: 1})
	}
	return m
}

// repeatPairs: y[2v] = y[2v+1] = x[v].
func (w width) repeatPairs() {
	function("repeatPairs"+w.suffix, "func(voxels, c int, y, x []float32)")
	voxels, c, y, x := param("voxels"), param("c"), param("y"), param("x")
	size := voxelSize(c)
	w.nested(voxels, c, pair(size, y), func(disp int) {
		v := w.load(Mem{Base: x, Disp: disp})
		VMOVUPS(v, Mem{Base: y, Disp: disp})
		VMOVUPS(v, Mem{Base: y, Index: size, Scale: 1, Disp: disp})
	}, func() { ADDQ(size, y) }, []reg.GPVirtual{y, x}, nil)
	end()
}

// addPairs: y[v] = s[2v] + s[2v+1], with s = x0 + x1 + x2 + x3.
func (w width) addPairs() {
	function("addPairs"+w.suffix, "func(voxels, c int, y, x0, x1, x2, x3 []float32)")
	voxels, c, y := param("voxels"), param("c"), param("y")
	size := voxelSize(c)
	x := []reg.GPVirtual{param("x0"), param("x1"), param("x2"), param("x3")}
	w.nested(voxels, c, pair(size, x...), func(disp int) {
		a, b := w.load(Mem{Base: x[0], Disp: disp}), w.load(Mem{Base: x[0], Index: size, Scale: 1, Disp: disp})
		for _, p := range x[1:] {
			VADDPS(Mem{Base: p, Disp: disp}, a, a)
			VADDPS(Mem{Base: p, Index: size, Scale: 1, Disp: disp}, b, b)
		}
		VADDPS(a, b, a)
		VMOVUPS(a, Mem{Base: y, Disp: disp})
	}, func() {
		for _, p := range x {
			ADDQ(size, p)
		}
	}, append(x, y), nil)
	end()
}

// blendPairs: y[2v] = near·x[v+1] + far·x[v], y[2v+1] = near·x[v+1] + far·x[v+2].
func (w width) blendPairs() {
	function("blendPairs"+w.suffix, "func(voxels, c int, y, x []float32, near, far float32)")
	voxels, c, y, x := param("voxels"), param("c"), param("y"), param("x")
	size := voxelSize(c)
	near, far := w.cast("near"), w.cast("far")
	w.nested(voxels, c, pair(size, y), func(disp int) {
		a, b := w.reg(), w.reg()
		VMULPS(Mem{Base: x, Index: size, Scale: 1, Disp: disp}, near, a)
		VMOVAPS(a, b)
		VFMADD231PS(Mem{Base: x, Disp: disp}, far, a)
		VFMADD231PS(Mem{Base: x, Index: size, Scale: 2, Disp: disp}, far, b)
		VMOVUPS(a, Mem{Base: y, Disp: disp})
		VMOVUPS(b, Mem{Base: y, Index: size, Scale: 1, Disp: disp})
	}, func() { ADDQ(size, y) }, []reg.GPVirtual{y, x}, nil)
	end()
}

// gatherPairs: y[v] = near·(x[2v+1] + x[2v+2]) + far·(x[2v] + x[2v+3]).
func (w width) gatherPairs() {
	function("gatherPairs"+w.suffix, "func(voxels, c int, y, x []float32, near, far float32)")
	voxels, c, y, x := param("voxels"), param("c"), param("y"), param("x")
	size, three := voxelSize(c), GP64()
	near, far := w.cast("near"), w.cast("far")
	LEAQ(Mem{Base: size, Index: size, Scale: 2}, three)
	w.nested(voxels, c, pair(size, x), func(disp int) {
		a, b := w.load(Mem{Base: x, Index: size, Scale: 1, Disp: disp}), w.load(Mem{Base: x, Disp: disp})
		VADDPS(Mem{Base: x, Index: size, Scale: 2, Disp: disp}, a, a)
		VADDPS(Mem{Base: x, Index: three, Scale: 1, Disp: disp}, b, b)
		VMULPS(near, a, a)
		VFMADD231PS(b, far, a)
		VMOVUPS(a, Mem{Base: y, Disp: disp})
	}, func() { ADDQ(size, x) }, []reg.GPVirtual{y, x}, nil)
	end()
}
