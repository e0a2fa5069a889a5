package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// onEveryPath runs f as a subtest on each path that this machine has.
func onEveryPath(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, p := range usable() {
		t.Run(p.name, func(t *testing.T) {
			defer func(old *path) { current = old }(current)
			current = p
			f(t)
		})
	}
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = r.Float32()*2 - 1
	}
	return x
}

func seeded(n int) *rand.Rand { return rand.New(rand.NewPCG(1, uint64(n))) }

// dims are sizes around the edges of vectors, tiles, panels and blocks of K.
var dims = []int{1, 2, 3, 5, 7, 8, 13, 14, 15, 16, 17, 29, 31, 32, 33, 63, 65, 100, 385, 450, 800}

func TestGemm(t *testing.T) {
	r := seeded(1)
	for range 120 {
		m, n, k := dims[r.IntN(len(dims))], dims[r.IntN(len(dims))], dims[r.IntN(len(dims))]
		if m*n*k > 2e7 {
			continue
		}
		testGemm(t, r, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, m, n, k)
		if t.Failed() {
			return
		}
	}
}

// Row strides of A that put its rows into few sets of the cache, and rows of A that
// are more than one task's.
func TestGemmStrides(t *testing.T) {
	r := seeded(2)
	for _, half := range []bool{false, true} {
		for _, transA := range []bool{false, true} {
			testGemmStrides(t, r, transA, false, half, 30, 17, 70, 1024)
			testGemmStrides(t, r, transA, true, half, 601, 3, 5, 1024)
		}
	}
}

// testGemm compares with a product in float64 on every path. Bound: |C - exact| <=
// (k+4)·2^-24·(|A||B| + |beta·C|), the forward error of k additions, which holds in
// any order.
func testGemm(t *testing.T, r *rand.Rand, transA, transB, half bool, m, n, k int) {
	t.Helper()
	lda := k + r.IntN(3)
	if transA {
		lda = m + r.IntN(3)
	}
	testGemmStrides(t, r, transA, transB, half, m, n, k, lda)
}

func testGemmStrides(t *testing.T, r *rand.Rand, transA, transB, half bool, m, n, k, lda int) {
	t.Helper()
	ldb, ldc := n+r.IntN(3), n+r.IntN(3)
	ra, rb := m, k
	if transA {
		ra = k
	}
	if transB {
		ldb, rb = k+r.IntN(3), n
	}
	a, b, old := random(r, ra*lda), random(r, rb*ldb), random(r, m*ldc)
	alpha, beta := []float32{1, 1, 0.5}[r.IntN(3)], []float32{0, 1, -2}[r.IntN(3)]
	name := fmt.Sprintf("tA %v tB %v bf16 %v %d×%d×%d alpha %v beta %v", transA, transB, half, m, n, k, alpha, beta)
	q := func(v float32) float64 {
		if half {
			v = roundBF16(v)
		}
		return float64(v)
	}
	want, tol := make([]float64, m*n), make([]float64, m*n)
	for i := range m {
		for j := range n {
			sum := float64(beta) * float64(old[i*ldc+j])
			size := math.Abs(sum)
			for p := range k {
				at, bt := i*lda+p, p*ldb+j
				if transA {
					at = p*lda + i
				}
				if transB {
					bt = j*ldb + p
				}
				v := float64(alpha) * q(a[at]) * q(b[bt])
				sum += v
				size += math.Abs(v)
			}
			want[i*n+j], tol[i*n+j] = sum, float64(k+4)*0x1p-24*size
			if k > 8 {
				tol[i*n+j] = 2 * math.Sqrt(float64(k)) * 0x1p-24 * size // seen: a fifth of it
			}
		}
	}
	f := Gemm
	if half {
		f = GemmBF16
	}
	onEveryPath(t, func(t *testing.T) {
		c := slices.Clone(old)
		if beta == 0 {
			for i := range c {
				c[i] = float32(math.NaN())
			}
		}
		f(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
		for i := range m {
			for j := range n {
				if diff := math.Abs(float64(c[i*ldc+j]) - want[i*n+j]); !(diff <= tol[i*n+j]) {
					t.Fatalf("%s: C[%d,%d] = %v, want %v ± %v", name, i, j, c[i*ldc+j], want[i*n+j], tol[i*n+j])
				}
			}
			for j := n; j < min(ldc, len(c)-i*ldc); j++ {
				if c[i*ldc+j] == c[i*ldc+j] && c[i*ldc+j] != old[i*ldc+j] {
					t.Fatalf("%s: wrote beyond the row", name)
				}
			}
		}
	})
}

func BenchmarkGemm(b *testing.B) {
	r := seeded(2)
	for _, p := range usable() {
		for _, half := range []bool{false, true} {
			for _, s := range [][3]int{{3456, 384, 1152}, {3456, 1536, 384}, {1728, 768, 768}} {
				if p.name == "go" && s[0] != 1728 {
					continue
				}
				rows, in, out := s[0], s[1], s[2]
				x, w, y := random(r, rows*in), random(r, in*out), random(r, rows*out)
				for _, op := range []string{"fwd", "dX", "dW"} {
					b.Run(fmt.Sprintf("%s/bf16=%v/%d,%d,%d/%s", p.name, half, rows, in, out, op), func(b *testing.B) {
						defer func(old *path) { current = old }(current)
						current = p
						for b.Loop() {
							switch op {
							case "fwd":
								linear("b", y, x, w, nil, rows, in, out, half)
							case "dX":
								product{m: rows, n: in, k: out, a: y, lda: out, b: w, ldb: in, c: x, ldc: in, alpha: 1, half: half}.do("b")
							case "dW":
								product{transA: true, m: out, n: in, k: rows, a: y, lda: out, b: x, ldb: in, c: w, ldc: in, alpha: 1, half: half}.do("b")
							}
						}
						b.ReportMetric(2*float64(rows*in*out)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
					})
				}
			}
		}
	}
}
