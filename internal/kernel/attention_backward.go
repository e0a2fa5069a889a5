package kernel

import "math"

// groupPanels is how many panels of queries the backward pass takes together, so
// that sums over queries are long enough to pay for reading what they add to.
const groupPanels = 4

// A group is the state of up to groupPanels panels of queries in the backward
// pass. Panels are stored one after the other.
type group struct {
	first, panels, w          int       // first query, panels, queries of each
	qt, gt                    []float32 // transposed q and dy: panels of dim rows
	q, g                      []float32 // q and dy as they are: panels of dim columns, a row for each query
	scores, grads             []float32 // panels of keyBlock rows: probabilities and their gradients
	packedScores, packedGrads []float32 // the same as pairs of bfloat16
	dq                        []float32 // transposed, panels of dim rows
	shift, dot                [groupPanels][]float32
	segs                      [groupPanels]int
}

// gradient computes dq, dk and dv of this head.
func (h *head) gradient() {
	n, d := h.p.columns, h.dim
	g := &h.s.group
	for q := 0; q < h.tokens; q += g.panels * g.w {
		g.first, g.panels, g.w = q, min(groupPanels, (h.tokens-q)/n), n
		if g.panels == 0 {
			g.panels, g.w = 1, h.tokens-q
		}
		h.load(g)
		for key := 0; key < h.tokens; key += keyBlock {
			h.gradientBlock(g, key, min(keyBlock, h.tokens-key))
		}
		for p := range g.panels {
			h.untransposed(h.dqkv, g.dq[p*d*n:], h.row(q+p*n, 0), 3*h.heads*d, g.w)
		}
	}
	*g = group{}
}

// load packs the queries of a group and what is known of them: lse, and the dot
// product of dy and y.
func (h *head) load(g *group) {
	s, d, n := h.s, h.dim, h.p.columns
	wide := roundUp(d, n)
	buf := s.floats(3, groupPanels*n*(5*d+2*wide+4*keyBlock))
	take := func(size int) []float32 {
		x := buf[:size:size]
		buf = buf[size:]
		return x
	}
	panel := groupPanels * n * d
	g.qt, g.gt, g.dq = take(panel), take(panel), take(panel)
	yt, dyt := take(n*d), take(n*d)
	g.q, g.g = take(groupPanels*n*wide), take(groupPanels*n*wide)
	size := groupPanels * n * keyBlock
	g.scores, g.grads = take(size), take(size)
	g.packedScores, g.packedGrads = take(size), take(size)
	c := h.heads * d
	ones := s.floats(4, 3*n)
	for l := range n {
		ones[l], ones[n+l] = 1, 0
	}
	for p := range g.panels {
		q := g.first + p*n
		h.operand(g.qt[p*d*n:], h.qkv, h.row(q, 0), 3*c, g.w)
		h.transposed(dyt, h.dy, h.out(q), c, g.w)
		h.transposed(yt, h.y, h.out(q), c, g.w)
		g.shift[p], g.dot[p] = s.lanes[2*p][:n], s.lanes[2*p+1][:n]
		for l := range g.w {
			g.shift[p][l] = float32(float64(h.lse[q+l]) * math.Log2E)
		}
		clear(g.dot[p])
		h.p.channelDots(d, n, ones[2*n:], g.dot[p], dyt, yt, ones, ones[n:])
		h.operand(g.gt[p*d*n:], h.dy, h.out(q), c, g.w)
	}
	rows := (g.panels-1)*n + g.w
	h.columnsOf(g.q, h.qkv, h.row(g.first, 0), 3*c, rows)
	h.columnsOf(g.g, h.dy, h.out(g.first), c, rows)
}

// columnsOf packs rows rows of x, ld apart, as panels of p.columns columns of an
// operand of a product.
func (h *head) columnsOf(dst, x []float32, at, ld, rows int) {
	n, copyTo := h.p.columns, h.p.copyRows
	if h.pairs {
		copyTo = h.p.copyPairs
	}
	for from := 0; from < h.dim; from += h.p.copyLanes {
		w := min(h.p.copyLanes, h.dim-from)
		copyTo(rows, w, x[at+from:], ld, dst[from/n*h.units(rows)*n+from%n:], n)
	}
	if h.half && !h.pairs {
		h.p.roundAll(dst[:ceil(h.dim, n)*rows*n])
	}
}

// gradientBlock adds what a group of queries and n keys from key give; the first
// group overwrites dk and dv.
func (h *head) gradientBlock(g *group, key, n int) {
	d, cols := h.dim, h.p.columns
	scale := float32(float64(h.scale) * math.Log2E)
	for p := range g.panels {
		scores, grads := g.scores[p*n*cols:], g.grads[p*n*cols:]
		h.scores(scores, h.kRows, g.qt[p*d*cols:], key, n, g.w)
		h.scores(grads, h.vRows, g.gt[p*d*cols:], key, n, g.w)
		h.p.columnGrad(n, scores, grads, scale, h.scale, g.shift[p], g.dot[p])
		if h.half && !h.pairs {
			h.p.roundAll(scores[:n*cols])
		}
		h.weigh(g.dq[p*d*cols:], h.kCols, h.weights(g.packedGrads, grads, n), key, n, g.w)
	}
	h.keyGradients(g, key, n)
}

// keyGradients adds to dk and dv the products of probabilities and their gradients
// with dy and q, along the queries of the group.
func (h *head) keyGradients(g *group, key, n int) {
	d, cols := h.dim, h.p.columns
	scores, grads, row := g.scores, g.grads, cols
	if h.pairs {
		h.narrow(g, n)
		scores, grads, row = g.packedScores, g.packedGrads, cols/2
	}
	for p := range g.panels {
		g.segs[p] = p * n * row
	}
	x, ld := &h.s.tile, 3*h.heads*d
	x.k, x.rs, x.ks, x.add = h.units(g.w), row, 1, min(g.first, 1)
	x.segs = g.segs[:g.panels]
	rows := h.units((g.panels-1)*cols + g.w)
	for from := 0; from < d; from += cols {
		x.b = g.g[from*rows:]
		h.tiles(scores, h.dqkv[h.row(key, 2)+from:], ld, n, min(cols, d-from))
		x.b = g.q[from*rows:]
		h.tiles(grads, h.dqkv[h.row(key, 1)+from:], ld, n, min(cols, d-from))
	}
	x.segs = h.none[:]
}

// narrow packs the rows of the scores and their gradients as pairs of queries. A
// last query without a partner is paired with zero.
func (h *head) narrow(g *group, n int) {
	cols := h.p.columns
	if g.w%2 == 1 {
		for at := g.w; at < n*cols; at += cols {
			g.scores[at], g.grads[at] = 0, 0
		}
	}
	h.p.narrow(g.panels*n*cols, g.scores, g.packedScores)
	h.p.narrow(g.panels*n*cols, g.grads, g.packedGrads)
}
