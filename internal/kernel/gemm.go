package kernel

import "fmt"

// Gemm computes C = alpha·op(A)·op(B) + beta·C. op(A) is m×k: A is (m, k) with
// row stride lda, or (k, m) if transA is set; op(B) is k×n likewise; C is (m, n)
// with row stride ldc. With beta = 0, C is not read. C may not overlap A or B.
//
// The loops are those of Goto and van de Geijn 2008: panels of B are packed once,
// blocks of A stay in the second-level cache, tiles of C in registers.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	product{transA: transA, transB: transB, m: m, n: n, k: k, a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc, alpha: alpha, beta: beta}.do("Gemm")
}

// GemmBF16 is [Gemm] with A and B rounded to bfloat16 (nearest, ties to even)
// and their products added in float32. Paths without the instruction multiply
// the same rounded values in float32; VDPBF16PS also takes denormals as zero.
func GemmBF16(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	product{transA: transA, transB: transB, m: m, n: n, k: k, a: a, b: b, c: c, lda: lda, ldb: ldb, ldc: ldc, alpha: alpha, beta: beta, half: true}.do("GemmBF16")
}

// A product is the arguments of a matrix product.
type product struct {
	transA, transB bool
	half           bool // round A and B to bfloat16
	m, n, k        int
	a, b, c        []float32
	lda, ldb, ldc  int
	alpha, beta    float32
	bias           []float32 // n values that are added to each row, or nil
}

func (g product) check(name string) {
	span := func(rows, cols, ld int) int {
		if rows < 0 || cols < 0 || ld < cols {
			panic(fmt.Sprintf("kernel: %s: %d×%d×%d with strides %d, %d, %d", name, g.m, g.n, g.k, g.lda, g.ldb, g.ldc))
		}
		if rows == 0 || cols == 0 {
			return 0
		}
		return (rows-1)*ld + cols
	}
	if g.transA {
		need(name, "A", g.a, span(g.k, g.m, g.lda))
	} else {
		need(name, "A", g.a, span(g.m, g.k, g.lda))
	}
	if g.transB {
		need(name, "B", g.b, span(g.n, g.k, g.ldb))
	} else {
		need(name, "B", g.b, span(g.k, g.n, g.ldb))
	}
	need(name, "C", g.c, span(g.m, g.n, g.ldc))
}

// Block sizes, in elements. blockK and what depends on it fix the order of the
// sums, so they follow from the shape alone.
const (
	blockK    = 384     // of a float32 block; twice that of bfloat16
	blockM    = 448     // rows of A that one task keeps in its cache
	packedMax = 2 << 20 // floats of B that are packed at once
)

// A row stride that is a multiple of so many floats puts the rows of a tile into two
// sets of the first-level cache, which cannot hold them: such an A is copied.
const aliasing = 512

// stripGap is how many floats lie between packed rows of A, so that rows fall into
// different sets.
const stripGap = 16

// A gemm is a product under way.
type gemm struct {
	product
	p          *path
	pairs      bool // A and B are packed as pairs of bfloat16
	kc         int  // products of a block; even
	k0, k1     int  // the products of this round
	panels     int  // of B
	mb, nb     int  // rows and panels of a task
	inPlace    bool // A is read where it is
	down       int  // tasks that share a panel
	packed     buffer
	zeroOffset [1]int
}

var gemms stash[gemm]

func (g product) do(name string) {
	g.check(name)
	if g.m == 0 || g.n == 0 {
		return
	}
	if g.k == 0 || g.alpha == 0 {
		g.scaleC(0, g.m, 0, g.n)
		return
	}
	t := gemms.get()
	t.product, t.p = g, current
	t.pairs = g.half && t.p.tilePairs != nil && g.alpha == 1
	t.split()
	round := max(1, packedMax/(t.panels*t.p.columns*t.kc)) * t.kc
	for t.k0 = 0; t.k0 < g.k; t.k0 = t.k1 {
		t.k1 = min(g.k, t.k0+round)
		t.packed.floats(t.at(t.k1) * t.panels * t.p.columns)
		parallel(t.panels*((t.k1-t.k0+t.kc-1)/t.kc), (*gemmPack)(t))
		parallel(t.down*((t.panels+t.nb-1)/t.nb), (*gemmTiles)(t))
	}
	t.product = product{}
	gemms.put(t)
}

// scaleC multiplies a part of C by beta and adds the bias, for a product that has
// no terms.
func (g product) scaleC(r0, r1, c0, c1 int) {
	for i := r0; i < r1; i++ {
		row := g.c[i*g.ldc+c0 : i*g.ldc+c1]
		if g.beta == 0 {
			clear(row)
		}
		for j := range row {
			row[j] *= g.beta
			if g.bias != nil {
				row[j] += g.bias[c0+j]
			}
		}
	}
}

// split fixes the blocks and tasks. The tasks may depend on the number of
// threads: they change who computes a tile, not how.
func (t *gemm) split() {
	longest := blockK
	if t.pairs {
		longest = 2 * blockK
	}
	t.kc = roundUp(ceil(t.k, ceil(t.k, longest)), 16)
	t.panels = ceil(t.n, t.p.columns)
	t.inPlace = !t.half && t.lda%aliasing != 0
	if t.transA { // a tall tile uses most of each cache line that it touches
		t.inPlace = !t.half && t.p.heights[0] >= 12
	}
	top, threads := t.p.heights[0], Threads()
	t.down = max(ceil(t.m, blockM), min(threads, ceil(t.m, 4*top)))
	if t.down > 1 {
		t.down = roundUp(t.down, threads)
	}
	t.mb = ceil(t.m, t.down) // equal shares; the last tiles of each are the lower ones
	t.down = ceil(t.m, t.mb)
	t.nb = ceil(t.panels, ceil(threads, t.down))
}

func ceil(n, d int) int { return (n + d - 1) / d }

func roundUp(n, d int) int { return ceil(n, d) * d }

// units returns how many rows of a panel hold k products.
func (t *gemm) units(k int) int {
	if t.pairs {
		return (k + 1) / 2
	}
	return k
}

// at returns where the block that begins at product k begins in a round, in rows
// of a panel.
func (t *gemm) at(k int) int { return t.units(k - t.k0) }

// panel returns columns s·columns and on of a block of kb packed rows of B.
func (t *gemm) panel(kq, kb, s int) []float32 {
	rows := t.units(kb)
	from := (t.at(kq)*t.panels + s*rows) * t.p.columns
	return t.packed.data[from : from+rows*t.p.columns]
}

type gemmPack gemm

// run packs one block of one panel of B: row k of it is t.p.columns floats (or
// pairs) long; what lies beyond column n is never used.
func (j *gemmPack) run(i int, _ *scratch) {
	t := (*gemm)(j)
	kq := t.k0 + i/t.panels*t.kc
	kb := min(t.kc, t.k1-kq)
	s := i % t.panels
	cols := t.p.columns
	dst, from := t.panel(kq, kb, s), s*cols
	w := min(cols, t.n-from)
	copyTo, transTo := t.p.copyRows, t.p.transRows
	if t.pairs {
		copyTo, transTo = t.p.copyPairs, t.p.transPairs
	}
	if t.transB {
		for l := 0; l < w; l += t.p.transLanes {
			transTo(kb, min(t.p.transLanes, w-l), t.b[(from+l)*t.ldb+kq:], t.ldb, dst[l:], cols)
		}
	} else {
		for l := 0; l < w; l += t.p.copyLanes {
			copyTo(kb, min(t.p.copyLanes, w-l), t.b[kq*t.ldb+from+l:], t.ldb, dst[l:], cols)
		}
	}
	if t.half && !t.pairs {
		t.p.roundAll(dst)
	}
	if t.alpha != 1 {
		for k := range dst {
			dst[k] *= t.alpha
		}
	}
}

type gemmTiles gemm

// run computes a block of C from all blocks of this round.
func (j *gemmTiles) run(i int, s *scratch) {
	t := (*gemm)(j)
	r0, p0 := i%t.down*t.mb, i/t.down*t.nb
	r1, p1 := min(t.m, r0+t.mb), min(t.panels, p0+t.nb)
	if t.k0 == 0 && t.beta != 0 && t.beta != 1 {
		g := t.product
		g.bias = nil
		g.scaleC(r0, r1, p0*t.p.columns, min(t.n, p1*t.p.columns))
	}
	for kq := t.k0; kq < t.k1; kq += t.kc {
		kb := min(t.kc, t.k1-kq)
		t.blockA(s, r0, r1, kq, kb)
		for p := p0; p < p1; p++ {
			t.column(s, r0, r1, kq, kb, p)
		}
	}
	s.tile = tile{}
}

// column computes rows r0 to r1 of one panel's columns.
func (t *gemm) column(s *scratch, r0, r1, kq, kb, p int) {
	x, a := &s.tile, s.tile.a
	from := p * t.p.columns
	w := min(t.p.columns, t.n-from)
	width := t.p.width(w)
	first := kq == 0
	x.b, x.init = t.panel(kq, kb, p), zeros[:]
	if first && t.bias != nil {
		x.init = s.init[:]
		copy(x.init, t.bias[from:from+w])
	}
	x.add = 1
	if first && t.beta == 0 {
		x.add = 0
	}
	kernels := t.p.tile
	if t.pairs {
		kernels, width = t.p.tilePairs, min(width, 1)
	}
	for r, h := r0, 0; r < r1; r += h {
		h = t.p.height(r1 - r)
		t.strip(s, a, r0, r, h, kb)
		x.write(s, kernels(width, h), t.c[r*t.ldc+from:], t.ldc, h, w, t.p.widths[width])
	}
	x.a = a
}
