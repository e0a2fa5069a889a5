package kernel

import (
	"fmt"
	"os"
	"strings"
)

// A path is one implementation of the innermost loops. Everything above them is
// the same code on every path. The functions are described at their portable
// versions in portable.go.
type path struct {
	name string

	columns int   // columns of a panel of B
	heights []int // rows of the tile kernels, falling to 1
	widths  []int // columns of the tile kernels, falling from columns

	tile      func(width, rows int) func(*tile) // width indexes widths
	tilePairs func(width, rows int) func(*tile) // on pairs of bfloat16, for widths 0 and 1; or nil
	plan      [64]uint8                         // the height to begin with for so many rows

	copyLanes, transLanes  int
	copyLines              func(n, w int, src []float32, ld int, dst []float32, stride, ahead int)
	copyRows, copyPairs    func(n, w int, src []float32, ld int, dst []float32, stride int)
	transRows, transPairs  func(cols, rows int, src []float32, ld int, dst []float32, stride int)
	narrow                 func(n int, src, dst []float32)
	gelu                   func(n int, y, x []float32)
	geluGrad               func(n int, dx, dy, x []float32)
	add                    func(n int, y, a, b []float32)
	scale                  func(n int, x []float32, f float32)
	sumSquares             func(n int, x []float32) float64
	adamW                  func(n int, w, m, v, g, f []float32)
	columnMax              func(n int, s, top []float32)
	columnExp              func(n int, s []float32, scale float32, shift, sum []float32)
	columnGrad             func(n int, s, g []float32, scale, back float32, shift, dot []float32)
	columnScale            func(n int, s, f []float32)
	channelSum             func(rows, cols int, sum, x []float32)
	channelMoments         func(rows, cols int, sum, more, x, shift []float32)
	channelDots            func(rows, cols int, sum, more, a, x, scale, shift []float32)
	channelAffine1         func(rows, cols int, y, x, f, h []float32)
	channelAffine2         func(rows, cols int, y, x, f, h, a, e []float32)
	layerNorm              func(n int, y, x, gain, bias []float32, eps float32, mean, rstd []float32)
	layerNormGrad          func(n int, dx, dy, x, gain []float32, mean, rstd float32, dgain, dbias []float32)
	combine                func(n int, y, x0, x1, x2, x3, f []float32)
	repeatPairs            func(voxels, c int, y, x []float32)
	addPairs               func(voxels, c int, y, x0, x1, x2, x3 []float32)
	blendPairs             func(voxels, c int, y, x []float32, near, far float32)
	gatherPairs            func(voxels, c int, y, x []float32, near, far float32)
	round                  func(n int, x []float32)
	toBF16                 func(n int, y []uint16, x []float32)
	fromBF16               func(n int, y []float32, x []uint16)
	burn, burnPairs        func(n int) // 24 vector multiply-adds n times
	burnFlops, burnFlopsBF int         // of one of the n times
	read, fill             func(n int, x []float32)
	copy                   func(n int, y, x []float32)
}

// current is the path in use. Only tests change it.
var current = choose(os.Getenv("ONCOVOX_KERNEL"), usable())

// Name returns the path in use: "avx512bf16", "avx512", "avx2" or "go". The best
// that the machine has is chosen at start, unless the environment variable
// ONCOVOX_KERNEL names one.
func Name() string { return current.name }

// choose returns the path with the given name, or the first where name is "".
func choose(name string, paths []*path) *path {
	var names []string
	for _, p := range paths {
		if name == "" || name == p.name {
			return p
		}
		names = append(names, p.name)
	}
	panic(fmt.Sprintf("kernel: ONCOVOX_KERNEL=%s: this machine has %s", name, strings.Join(names, ", ")))
}

// planned fills in the plan: for every number of rows, the first height of the
// cheapest split into tiles, a tile costing its height and a little more.
func (p *path) planned() *path {
	cost := make([]int, len(p.plan))
	for n := 1; n < len(cost); n++ {
		for _, h := range p.heights {
			if h <= n && (p.plan[n] == 0 || cost[n-h]+h+2 < cost[n]) {
				p.plan[n], cost[n] = uint8(h), cost[n-h]+h+2
			}
		}
	}
	return p
}

// height returns how many of n rows the next tile takes.
func (p *path) height(n int) int {
	if n < len(p.plan) {
		return int(p.plan[n])
	}
	return p.heights[0]
}

// width returns the index of the narrowest tile kernel with n columns.
func (p *path) width(n int) int {
	i := len(p.widths) - 1
	for p.widths[i] < n {
		i--
	}
	return i
}
