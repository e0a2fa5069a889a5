package nn

import (
	"fmt"

	"oncovox/internal/kernel"
)

// pieceFloats is how many floats a worker takes at once of a loop over rows.
const pieceFloats = 16 << 10

// eachRow calls f for pieces of rows 0 to n-1 of so many columns, on all workers.
func eachRow(n, cols int, f func(from, to int)) { kernel.Split(n, max(1, pieceFloats/cols), f) }

// Gather returns the rows of x that rows names, in that order. A row may be
// named more than once. The slice is read at each run, so its elements may
// change between runs.
func (g *Graph) Gather(x *Tensor, rows []int) *Tensor {
	n := x.Cols
	var now *Call
	pick := func(from, to int) {
		for r := from; r < to; r++ {
			copy(now.Y[r*n:(r+1)*n], now.X[0][rows[r]*n:(rows[r]+1)*n])
		}
	}
	return g.Apply(Op{
		Name: "gather", Rows: len(rows), Cols: n, ForgetX: true,
		Forward: func(c *Call) {
			now = c
			eachRow(len(rows), n, pick)
		},
		Backward: func(c *Call) {
			clear(c.DX[0])
			for r, s := range rows {
				addTo(c.DX[0][s*n:(s+1)*n], c.DY[r*n:(r+1)*n])
			}
		},
	}, x)
}

// Unshuffle returns one row for each element of from: row from[r] of x, or the
// token (C) where from[r] is negative. The slice is read at each run.
func (g *Graph) Unshuffle(x *Tensor, token *Param, from []int) *Tensor {
	n := x.Cols
	if len(token.W) != n {
		panic(fmt.Sprintf("nn: Unshuffle: a token of %d for rows of %d", len(token.W), n))
	}
	sum := make([]float64, n)
	var now *Call
	place := func(first, to int) {
		for r := first; r < to; r++ {
			row := now.X[1]
			if s := from[r]; s >= 0 {
				row = now.X[0][s*n : (s+1)*n]
			}
			copy(now.Y[r*n:(r+1)*n], row)
		}
	}
	return g.Apply(Op{
		Name: "unshuffle", Rows: len(from), Cols: n, ForgetX: true,
		Forward: func(c *Call) {
			now = c
			eachRow(len(from), n, place)
		},
		Backward: func(c *Call) {
			clear(c.DX[0])
			clear(sum)
			for r, s := range from {
				dy := c.DY[r*n : (r+1)*n]
				if s >= 0 {
					if c.DX[0] != nil {
						addTo(c.DX[0][s*n:(s+1)*n], dy)
					}
					continue
				}
				for i, v := range dy {
					sum[i] += float64(v)
				}
			}
			for i := range c.DX[1] {
				if c.Accumulate {
					sum[i] += float64(c.DX[1][i])
				}
				c.DX[1][i] = float32(sum[i])
			}
		},
	}, x, g.Param(token))
}

func addTo(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}

// Patches returns the patches that rows names, one a row, (len(rows), P), among
// those that grids of one channel, x (B·D·H·W, 1), are cut into without overlap:
// B·N of them, in z, y, x order of the grid, and the voxels of a patch too. The
// slice is read at each run. No gradient passes. It panics unless patch divides
// every side.
func (g *Graph) Patches(x *Tensor, patch [3]int, rows []int) *Tensor {
	p := product(patch)
	cut := g.cutter(x, patch)
	var now *Call
	take := func(from, to int) {
		cut(now.Y[from*p:to*p], now.X[0], rows[from:to])
	}
	t := g.Apply(Op{
		Name: "patches", Rows: len(rows), Cols: p, Cheap: true,
		Forward: func(c *Call) {
			now = c
			eachRow(len(rows), p, take)
		},
	}, x)
	t.Batch = x.Batch
	return t
}

// cutter returns a function that copies some of the patches of grids like x, a plane
// of each in turn, so that neighbours along x are read at about the same time.
func (g *Graph) cutter(x *Tensor, patch [3]int) func(dst, x []float32, rows []int) {
	if x.Cols != 1 {
		panic("nn: Patches: more than one channel")
	}
	p, plane, sides, grid := product(patch), patch[1]*patch[2], x.Grid, divide(x.Grid, patch)
	above := sides[1] * sides[2]
	return func(dst, x []float32, rows []int) {
		var first [8]int // voxels of the patches
		for ; len(rows) > 0; dst, rows = dst[min(len(first), len(rows))*p:], rows[min(len(first), len(rows)):] {
			some := first[:min(len(first), len(rows))]
			for i := range some {
				some[i] = firstVoxel(rows[i], sides, patch, grid)
			}
			for dz := range patch[0] {
				for i, at := range some {
					kernel.CopyRows(dst[i*p+dz*plane:(i+1)*p], x[at+dz*above:], patch[1], patch[2], sides[2], above)
				}
			}
		}
	}
}

// Blank sets the patches named by hidden to zero in all channels: numbers of the
// batch's patches, in z, y, x order of the grid. It is for layers that mix patches,
// so that none can see a hidden one. The slice is read at each run.
func (g *Graph) Blank(x *Tensor, patch [3]int, hidden []int) *Tensor {
	run, sides, grid := patch[2]*x.Cols, x.Grid, divide(x.Grid, patch)
	blank := func(v []float32) {
		for _, t := range hidden {
			first := firstVoxel(t, sides, patch, grid)
			for dz := range patch[0] {
				for dy := range patch[1] {
					at := (first + (dz*sides[1]+dy)*sides[2]) * x.Cols
					clear(v[at : at+run])
				}
			}
		}
	}
	return g.Apply(Op{
		Name: "blank", Rows: x.Rows, Cols: x.Cols, ForgetX: true, InPlace: true,
		Forward: func(c *Call) {
			copy(c.Y, c.X[0])
			blank(c.Y)
		},
		Backward: func(c *Call) {
			copy(c.DX[0], c.DY)
			blank(c.DX[0])
		},
	}, x).like(x)
}

// firstVoxel returns the first voxel of patch t of a batch of grids of the given sides,
// grid of them along each axis. Patches and voxels are numbered through the batch.
func firstVoxel(t int, sides, patch, grid [3]int) int {
	b, t := t/product(grid), t%product(grid)
	z, y, x := t/(grid[1]*grid[2])*patch[0], t/grid[2]%grid[1]*patch[1], t%grid[2]*patch[2]
	return ((b*sides[0]+z)*sides[1]+y)*sides[2] + x
}

// ToPatches writes the voxels of crop (D, H, W) to rows (N, P).
func ToPatches(rows, crop []float32, sides, patch [3]int) {
	eachRun(sides, patch, func(row, voxel int) { copy(rows[row:row+patch[2]], crop[voxel:]) })
}

// FromPatches is the inverse of ToPatches.
func FromPatches(crop, rows []float32, sides, patch [3]int) {
	eachRun(sides, patch, func(row, voxel int) { copy(crop[voxel:voxel+patch[2]], rows[row:]) })
}

// eachRun calls f with the place of every patch[2] voxels that lie together
// both in the rows of patches and in the crop.
func eachRun(sides, patch [3]int, f func(row, voxel int)) {
	grid := divide(sides, patch)
	row := 0
	for z := range grid[0] {
		for y := range grid[1] {
			for x := range grid[2] {
				for dz := range patch[0] {
					for dy := range patch[1] {
						f(row, ((z*patch[0]+dz)*sides[1]+y*patch[1]+dy)*sides[2]+x*patch[2])
						row += patch[2]
					}
				}
			}
		}
	}
}

func divide(sides, patch [3]int) [3]int {
	var n [3]int
	for i := range n {
		if patch[i] <= 0 || sides[i]%patch[i] != 0 {
			panic(fmt.Sprintf("nn: patches of %v do not fill a crop of %v", patch, sides))
		}
		n[i] = sides[i] / patch[i]
	}
	return n
}

func product(s [3]int) int { return s[0] * s[1] * s[2] }
