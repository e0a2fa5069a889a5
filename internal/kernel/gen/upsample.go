package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// upsampling emits what the package's upsampling does to rows of voxels. c, the
// channels of a voxel, is a multiple of 16, and so is n.
func upsampling(w width) {
	// y += f[0]·x0 + f[1]·x1 + f[2]·x2 + f[3]·x3
	function("combine"+w.suffix, "func(n int, y, x0, x1, x2, x3, f []float32)")
	n, y, f := param("n"), param("y"), param("f")
	var x []reg.GPVirtual
	var k []reg.VecVirtual
	for i, name := range []string{"x0", "x1", "x2", "x3"} {
		x = append(x, param(name))
		k = append(k, w.reg())
		VBROADCASTSS(Mem{Base: f, Disp: 4 * i}, k[i])
	}
	w.loop("loop", n, func() {
		s := w.load(Mem{Base: y})
		for i := range x {
			VFMADD231PS(Mem{Base: x[i]}, k[i], s)
		}
		VMOVUPS(s, Mem{Base: y})
	}, y, x[0], x[1], x[2], x[3])
	end()

	// y[v] = x[2v] + x[2v+1]
	function("addPairs"+w.suffix, "func(voxels, c int, y, x []float32)")
	voxels, c, size := param("voxels"), param("c"), GP64()
	y, x0 := param("y"), param("x")
	MOVQ(c, size)
	SHLQ(Imm(2), size)
	w.nested(voxels, c, func() {
		s := w.load(Mem{Base: x0})
		VADDPS(Mem{Base: x0, Index: size, Scale: 1}, s, s)
		VMOVUPS(s, Mem{Base: y})
	}, func() { ADDQ(size, x0) }, []reg.GPVirtual{y, x0}, nil)
	end()

	// y[2v] = near·x[v+1] + far·x[v], y[2v+1] = near·x[v+1] + far·x[v+2]
	function("blendPairs"+w.suffix, "func(voxels, c int, y, x []float32, near, far float32)")
	voxels, c, size = param("voxels"), param("c"), GP64()
	y, x0 = param("y"), param("x")
	near, far := w.cast("near"), w.cast("far")
	MOVQ(c, size)
	SHLQ(Imm(2), size)
	w.nested(voxels, c, func() {
		a, b := w.reg(), w.reg()
		VMULPS(Mem{Base: x0, Index: size, Scale: 1}, near, a)
		VMOVAPS(a, b)
		VFMADD231PS(Mem{Base: x0}, far, a)
		VFMADD231PS(Mem{Base: x0, Index: size, Scale: 2}, far, b)
		VMOVUPS(a, Mem{Base: y})
		VMOVUPS(b, Mem{Base: y, Index: size, Scale: 1})
	}, func() { ADDQ(size, y) }, []reg.GPVirtual{y, x0}, nil)
	end()

	// y[v] = near·(x[2v+1] + x[2v+2]) + far·(x[2v] + x[2v+3])
	function("gatherPairs"+w.suffix, "func(voxels, c int, y, x []float32, near, far float32)")
	voxels, c, size = param("voxels"), param("c"), GP64()
	y, x0 = param("y"), param("x")
	near, far = w.cast("near"), w.cast("far")
	three := GP64()
	MOVQ(c, size)
	SHLQ(Imm(2), size)
	LEAQ(Mem{Base: size, Index: size, Scale: 2}, three)
	w.nested(voxels, c, func() {
		a, b := w.load(Mem{Base: x0, Index: size, Scale: 1}), w.load(Mem{Base: x0})
		VADDPS(Mem{Base: x0, Index: size, Scale: 2}, a, a)
		VADDPS(Mem{Base: x0, Index: three, Scale: 1}, b, b)
		VMULPS(near, a, a)
		VFMADD231PS(b, far, a)
		VMOVUPS(a, Mem{Base: y})
	}, func() { ADDQ(size, x0) }, []reg.GPVirtual{y, x0}, nil)
	end()
}
