package kernel

import "math"

// keyBlock is how many keys an inner loop of attention handles at once.
const keyBlock = 256

// An attention is one call under way; a task is one head of one sample. Scores
// are kept transposed, in panels of p.columns queries: a row for each key, a
// column for each query. So a panel of scores is a packed panel of the product
// with V, and the softmax runs along rows of vectors.
type attention struct {
	p                     *path
	backward, half        bool
	pairs                 bool // operands are packed as pairs of bfloat16
	y, lse, qkv, dqkv, dy []float32
	tokens, heads, dim    int
	scale                 float32
	none                  [1]int
}

var attentions stash[attention]

// Attention computes softmax(Q·Kᵀ/√headDim)·V for each sample and head. qkv is
// (batch·tokens, 3·heads·headDim): a row holds q of all heads, then k, then v.
// y is (batch·tokens, heads·headDim). lse (batch, heads, tokens) receives the
// logarithm of each row's sum of exponentials, for the backward pass. A worker
// keeps one panel of scores at a time, never tokens×tokens of them. Vaswani et
// al. 2017, equation 1.
func Attention(y, lse, qkv []float32, batch, tokens, heads, headDim int) {
	checkAttention("Attention", y, lse, qkv, batch, tokens, heads, headDim)
	j := attentions.get()
	*j = attention{p: current, y: y, lse: lse, qkv: qkv, tokens: tokens, heads: heads, dim: headDim}
	j.do(batch)
}

// AttentionBF16 is [Attention] with the operands of both products, q, k, v and the
// probabilities, rounded to bfloat16.
func AttentionBF16(y, lse, qkv []float32, batch, tokens, heads, headDim int) {
	checkAttention("AttentionBF16", y, lse, qkv, batch, tokens, heads, headDim)
	j := attentions.get()
	*j = attention{p: current, half: true, y: y, lse: lse, qkv: qkv, tokens: tokens, heads: heads, dim: headDim}
	j.do(batch)
}

// AttentionBackward is the gradient of [Attention]: dqkv, laid out as qkv, is
// overwritten, from dy, and from y and lse as Attention left them. The scores are
// computed again, as in Dao et al. 2022, appendix B.
func AttentionBackward(dqkv, dy, y, lse, qkv []float32, batch, tokens, heads, headDim int) {
	attentionBackward("AttentionBackward", dqkv, dy, y, lse, qkv, batch, tokens, heads, headDim, false)
}

// AttentionBackwardBF16 is [AttentionBackward] with the operands of all products
// rounded to bfloat16.
func AttentionBackwardBF16(dqkv, dy, y, lse, qkv []float32, batch, tokens, heads, headDim int) {
	attentionBackward("AttentionBackwardBF16", dqkv, dy, y, lse, qkv, batch, tokens, heads, headDim, true)
}

func attentionBackward(name string, dqkv, dy, y, lse, qkv []float32, batch, tokens, heads, headDim int, half bool) {
	checkAttention(name, y, lse, qkv, batch, tokens, heads, headDim)
	need(name, "dqkv", dqkv, 3*batch*tokens*heads*headDim)
	need(name, "dy", dy, batch*tokens*heads*headDim)
	j := attentions.get()
	*j = attention{p: current, backward: true, half: half, y: y, lse: lse, qkv: qkv, dqkv: dqkv, dy: dy, tokens: tokens, heads: heads, dim: headDim}
	j.do(batch)
}

func checkAttention(name string, y, lse, qkv []float32, batch, tokens, heads, headDim int) {
	n := batch * tokens * heads
	if batch < 0 || tokens < 1 || heads < 1 || headDim < 1 {
		panic("kernel: " + name + ": no tokens, heads or columns")
	}
	need(name, "qkv", qkv, 3*n*headDim)
	need(name, "y", y, n*headDim)
	need(name, "lse", lse, n)
}

func (j *attention) do(batch int) {
	j.pairs = j.half && j.p.tilePairs != nil && j.dim%16 == 0
	j.scale = float32(1 / math.Sqrt(float64(j.dim)))
	parallel(batch*j.heads, j)
	*j = attention{}
	attentions.put(j)
}

func (j *attention) run(i int, s *scratch) {
	h := head{attention: j, s: s, from: i / j.heads * j.tokens, at: i % j.heads * j.dim, lse: j.lse[i*j.tokens:][:j.tokens]}
	h.prepare()
	s.tile.segs = j.none[:]
	if j.backward {
		h.gradient()
	} else {
		for q := 0; q < j.tokens; q += j.p.columns {
			h.panel(q)
		}
	}
	s.tile = tile{}
}

// A head is one head of one sample.
type head struct {
	*attention
	s    *scratch
	from int // its first row in qkv and y
	at   int // its first column in y
	// k and v for products along their columns, rows rowLd apart, and for products
	// along the tokens, rows (of one token, or of a pair) colLd apart.
	kRows, vRows, kCols, vCols []float32
	rowLd, colLd               int
	lse                        []float32
}

// row returns where row i of part (0: q, 1: k, 2: v) of qkv begins.
func (h *head) row(i, part int) int { return ((h.from+i)*3+part)*h.heads*h.dim + h.at }

// out returns where row i of y begins.
func (h *head) out(i int) int { return (h.from+i)*h.heads*h.dim + h.at }

// prepare lays out k and v.
func (h *head) prepare() {
	d := h.dim
	if h.tokens <= keyBlock && !h.half {
		h.kRows, h.vRows, h.rowLd = h.qkv[h.row(0, 1):], h.qkv[h.row(0, 2):], 3*h.heads*d
	} else {
		h.kRows, h.vRows, h.rowLd = h.gather(0, 1), h.gather(1, 2), d
	}
	h.kCols, h.vCols, h.colLd = h.kRows, h.vRows, h.rowLd
	if !h.half {
		return
	}
	if !h.pairs {
		h.p.roundAll(h.kRows)
		h.p.roundAll(h.vRows)
		return
	}
	n := roundUp(h.tokens*d, 32)
	buf := h.s.floats(5, 2*n/2+2*(n/2+d))
	k, v := buf[:n/2], buf[n/2:n]
	h.kCols, h.vCols, h.colLd = buf[n:n+n/2+d], buf[n+n/2+d:], d
	for from := 0; from < d; from += 16 {
		h.p.copyPairs(h.tokens, 16, h.kRows[from:], d, h.kCols[from:], d)
		h.p.copyPairs(h.tokens, 16, h.vRows[from:], d, h.vCols[from:], d)
	}
	h.p.narrow(n, h.kRows, k)
	h.p.narrow(n, h.vRows, v)
	h.kRows, h.vRows, h.rowLd = k, v, d/2
}

// units is how many rows of a panel hold n products.
func (h *head) units(n int) int {
	if h.pairs {
		return (n + 1) / 2
	}
	return n
}

// gather copies a part of qkv for this head into scratch buffer b, so that many
// passes over it stay in few pages.
func (h *head) gather(b, part int) []float32 {
	x := h.s.floats(b, roundUp(h.tokens*h.dim, 32))
	for i := range h.tokens {
		copy(x[i*h.dim:(i+1)*h.dim], h.qkv[h.row(i, part):])
	}
	return x
}

// queries returns how many queries the panel from query q holds.
func (h *head) queries(q int) int { return min(h.p.columns, h.tokens-q) }

// operand packs w rows from at of x, ld apart, as a panel of dim rows of an operand
// of a product.
func (h *head) operand(dst, x []float32, at, ld, w int) {
	if h.pairs {
		for l := 0; l < w; l += h.p.transLanes {
			h.p.transPairs(h.dim, min(h.p.transLanes, w-l), x[at+l*ld:], ld, dst[l:], h.p.columns)
		}
		return
	}
	h.transposed(dst, x, at, ld, w)
	if h.half {
		h.p.roundAll(dst[:h.dim*h.p.columns])
	}
}

// weights makes n rows of a panel of scores an operand of products along the keys,
// in dst or in place.
func (h *head) weights(dst, scores []float32, n int) []float32 {
	if !h.half {
		return scores
	}
	if !h.pairs {
		h.p.roundAll(scores[:n*h.p.columns])
		return scores
	}
	for l := 0; l < h.p.columns; l += h.p.copyLanes {
		h.p.copyPairs(n, h.p.copyLanes, scores[l:], h.p.columns, dst[l:], h.p.columns)
	}
	return dst
}

// transposed packs w rows from at of x, ld apart, as a panel of dim rows.
func (h *head) transposed(dst, x []float32, at, ld, w int) {
	for l := 0; l < w; l += h.p.transLanes {
		h.p.transRows(h.dim, min(h.p.transLanes, w-l), x[at+l*ld:], ld, dst[l:], h.p.columns)
	}
}

// untransposed writes the panel src (dim rows) as w rows from at of x, ld apart.
func (h *head) untransposed(x, src []float32, at, ld, w int) {
	trans, lanes := h.p.transRows, h.p.transLanes
	if h.dim%lanes != 0 { // full vectors would reach into the next head
		trans, lanes = transRows, h.dim
	}
	for d := 0; d < h.dim; d += lanes {
		trans(w, lanes, src[d*h.p.columns:], h.p.columns, x[at+d:], ld)
	}
}

// panel computes the outputs of the queries from q.
func (h *head) panel(q int) {
	s, n, w := h.s, h.p.columns, h.queries(q)
	qt, scores, out := s.floats(2, h.dim*n), s.floats(3, h.tokens*n), s.floats(4, h.dim*n)
	h.operand(qt, h.qkv, h.row(q, 0), 3*h.heads*h.dim, w)
	h.scores(scores, h.kRows, qt, 0, h.tokens, w)
	shift, sum := s.lanes[0][:n], s.lanes[1][:n]
	for l := range n {
		shift[l], sum[l] = float32(math.Inf(-1)), 0
	}
	h.p.columnMax(h.tokens, scores, shift)
	scale := float32(float64(h.scale) * math.Log2E)
	for l := range shift {
		shift[l] *= scale
	}
	h.p.columnExp(h.tokens, scores, scale, shift, sum)
	for key := 0; key < h.tokens; key += keyBlock {
		rows := min(keyBlock, h.tokens-key)
		h.weigh(out, h.vCols, h.weights(s.floats(6, keyBlock*n), scores[key*n:], rows), key, rows, w)
	}
	for l := range w {
		h.lse[q+l] = float32((float64(shift[l]) + log2(float64(sum[l]))) * math.Ln2)
		sum[l] = 1 / sum[l]
	}
	h.p.columnScale(h.dim, out, sum)
	h.untransposed(h.y, out, h.out(q), h.heads*h.dim, w)
}
