package kernel

import (
	"fmt"
	"slices"
	"testing"
)

func constant(n int, v float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = v
	}
	return x
}

// A NaN or an infinity in A spoils its row of C, one in B its column, in every form and
// around every edge of the tiles. Products of denormals with large numbers are exact.
func TestGemmSpecials(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for k, s := range [][3]int{{1, 1, 1}, {2, 3, 5}, {13, 31, 16}, {15, 33, 17}, {29, 65, 70}, {6, 16, 8}, {14, 32, 401}} {
			for form := range 8 {
				testGemmSpecials(t, s[0], s[1], s[2], form&1 > 0, form&2 > 0, form&4 > 0, []float32{nan, inf}[k%2])
			}
		}
	})
}

func testGemmSpecials(t *testing.T, m, n, k int, transA, transB, half bool, bad float32) {
	t.Helper()
	f, lda, ldb := Gemm, k, n
	if half {
		f = GemmBF16
	}
	if transA {
		lda = m
	}
	if transB {
		ldb = k
	}
	index := func(trans bool, row, col, ld int) int {
		if trans {
			row, col = col, row
		}
		return row*ld + col
	}
	what := fmt.Sprintf("%d×%d×%d, %v %v %v", m, n, k, transA, transB, half)
	a, b, c := constant(m*k, 1), constant(k*n, 1), constant(m*n, nan)
	at := index(transA, m-1, k-1, lda)
	a[at] = bad
	f(transA, transB, m, n, k, 1, a, lda, b, ldb, 0, c, n)
	tainted(t, what+" in A", c, func(i int) bool { return i/n == m-1 })
	a[at] = 1
	b[index(transB, k/2, n-1, ldb)] = bad
	f(transA, transB, m, n, k, 1, a, lda, b, ldb, 0, c, n)
	tainted(t, what+" in B", c, func(i int) bool { return i%n == n-1 })
	if half {
		return // the instruction on pairs takes denormals as zeros
	}
	f(transA, transB, m, n, k, 1, constant(m*k, 0x1p-140), lda, constant(k*n, 0x1p20), ldb, 0, c, n)
	if want := float32(k) * 0x1p-120; slices.Min(c) != want || slices.Max(c) != want {
		t.Fatalf("%s: denormals give %v to %v, want %v", what, slices.Min(c), slices.Max(c), want)
	}
}

// A NaN in a query spoils its token's output, one in a key all of its head, one in a
// value that value's column; so do the gradients that they enter, and no others.
func TestAttentionSpecials(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, half := range []bool{false, true} {
			for _, s := range [][2]int{{1, 3}, {17, 7}, {43, 16}, {33, 32}} {
				testAttentionSpecials(t, s[0], s[1], half)
			}
		}
	})
}

func testAttentionSpecials(t *testing.T, tokens, dim int, half bool) {
	t.Helper()
	const batch, heads, b, h = 2, 3, 1, 1
	forward, backward := Attention, AttentionBackward
	if half {
		forward, backward = AttentionBF16, AttentionBackwardBF16
	}
	r, c := seeded(dim), heads*dim
	qkv, dy := random(r, batch*tokens*3*c), random(r, batch*tokens*c)
	y, lse, g := make([]float32, len(dy)), make([]float32, batch*heads*tokens), make([]float32, len(qkv))
	at := func(token, part, d int) int { return (b*tokens+token)*3*c + part*c + h*dim + d }
	here := func(i, width int) bool { return i/(tokens*width) == b && i%c/dim == h } // in the head and sample
	token, d := tokens/2, dim-1
	for part, want := range []func(i int) bool{
		func(i int) bool { return here(i, c) && i/c%tokens == token },
		func(i int) bool { return here(i, c) },
		func(i int) bool { return here(i, c) && i%dim == d },
	} {
		old := qkv[at(token, part, d)]
		qkv[at(token, part, d)] = nan
		forward(y, lse, qkv, batch, tokens, heads, dim)
		tainted(t, fmt.Sprintf("%d tokens, %d: NaN in part %d: y", tokens, dim, part), y, want)
		qkv[at(token, part, d)] = old
	}
	forward(y, lse, qkv, batch, tokens, heads, dim)
	dy[(b*tokens+token)*c+h*dim+d] = nan
	backward(g, dy, y, lse, qkv, batch, tokens, heads, dim)
	tainted(t, fmt.Sprintf("%d tokens, %d: NaN in dy: dqkv", tokens, dim), g, func(i int) bool {
		part := i % (3 * c) / c
		return here(i, 3*c) && (part == 1 || part == 0 && i/(3*c)%tokens == token || part == 2 && i%dim == d)
	})
}

// A NaN in x spoils the outputs whose windows hold it, one in dy the inputs in its
// window, and the weights and the bias of its channel.
func TestConv3DSpecials(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, s := range convShapes[:8] {
			x, w := constant(s.Batch*volume(s.In)*s.CIn, 1), constant(s.COut*s.inner(), 1)
			y := make([]float32, s.Batch*volume(s.Out())*s.COut)
			unit := make([]float64, len(x))
			at := len(x) / 2
			x[at], unit[at] = nan, 1
			Conv3D(y, x, w, nil, s)
			reach := refConv(unit, wide(w), nil, s)
			tainted(t, fmt.Sprintf("%v: y", s), y, func(i int) bool { return reach[i] != 0 })

			x[at] = 1
			dy, unit := constant(len(y), 1), make([]float64, len(y))
			at = len(y) / 2
			dy[at], unit[at] = nan, 1
			dx, dw, db := make([]float32, len(x)), make([]float32, len(w)), make([]float32, s.COut)
			Conv3DBackward(dx, dw, db, dy, x, w, s, false)
			from, _ := refConvGrad(unit, wide(x), wide(w), s)
			tainted(t, fmt.Sprintf("%v: dx", s), dx, func(i int) bool { return from[i] != 0 })
			channel := at % s.COut
			tainted(t, fmt.Sprintf("%v: dw", s), dw, func(i int) bool { return i/s.inner() == channel })
			tainted(t, fmt.Sprintf("%v: db", s), db, func(i int) bool { return i == channel })
		}
	})
}

// An infinity is one in every voxel that it counts in, forward and backward, and
// nothing else changes.
func TestUpsampleSpecials(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, s := range [][4]int{{1, 1, 1, 3}, {2, 3, 2, 16}, {3, 1, 4, 5}, {1, 2, 3, 48}} {
			for _, linear := range []bool{false, true} {
				testUpsampleSpecials(t, [3]int{s[0], s[1], s[2]}, s[3], linear)
			}
		}
	})
}

func testUpsampleSpecials(t *testing.T, in [3]int, c int, linear bool) {
	t.Helper()
	const batch = 2
	up, down := Upsample2, Upsample2Backward
	if linear {
		up, down = UpsampleTrilinear2, UpsampleTrilinear2Backward
	}
	n := batch * volume(in)
	y, dx := make([]float32, 8*n*c), make([]float32, n*c)
	all := func(what string, got []float32, bad float32, counts func(i int) bool) {
		t.Helper()
		for i, v := range got {
			if counts(i) && v != bad && v == v || counts(i) != (v-v != 0) || bad == inf && v != v {
				t.Fatalf("%v×%d, linear %v, %s: element %d is %v", in, c, linear, what, i, v)
			}
		}
	}
	reach := make([][]float64, n) // of each voxel
	for v := range reach {
		unit := make([]float64, n)
		unit[v] = 1
		reach[v] = refUpsample(unit, batch, in, 1, linear)
	}
	for _, bad := range []float32{nan, inf} {
		for v := range n {
			x := constant(n*c, 1)
			x[v*c+c-1] = bad
			up(y, x, batch, in, c)
			all("y", y, bad, func(i int) bool { return i%c == c-1 && reach[v][i/c] != 0 })
		}
		for o := 0; o < 8*n; o += 3 {
			dy := constant(8*n*c, 1)
			dy[o*c] = bad
			down(dx, dy, batch, in, c)
			all("dx", dx, bad, func(i int) bool { return i%c == 0 && reach[i/c][o] != 0 })
		}
	}
}
