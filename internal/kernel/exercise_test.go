package kernel

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"
)

// An arena hands out slices for exercise and remembers those that it should hash.
type arena struct {
	r    *rand.Rand
	make func(n int) []float32
	all  [][]float32
}

func (a *arena) random(n int) []float32 {
	x := a.make(n)
	for i := range x {
		x[i] = a.r.Float32()*2 - 1
	}
	a.all = append(a.all, x)
	return x
}

// exercise returns calls of every kernel on odd sizes, and the slices they use.
func exercise(alloc func(n int) []float32) (calls map[string]func(), slices [][]float32) {
	a := &arena{r: seeded(11), make: alloc}
	calls = map[string]func(){}
	for _, transA := range []bool{false, true} {
		for _, transB := range []bool{false, true} {
			for _, half := range []bool{false, true} {
				m, n, k := 67, 45, 401
				x, y, z := a.random(m*k), a.random(n*k), a.random(m*n)
				lda, ldb := k, n
				if transA {
					lda = m
				}
				if transB {
					ldb = k
				}
				p := product{transA: transA, transB: transB, half: half, m: m, n: n, k: k, a: x, b: y, c: z, lda: lda, ldb: ldb, ldc: n, alpha: 1}
				calls[fmt.Sprintf("Gemm %v %v %v", transA, transB, half)] = func() { p.do("Gemm") }
			}
		}
	}
	x, w, b := a.random(29*19), a.random(19*51), a.random(51)
	y, dx, dw, db := a.random(29*51), a.random(29*19), a.random(19*51), a.random(51)
	calls["Linear"] = func() { Linear(y, x, w, b, 29, 19, 51); LinearBackward(dx, dw, db, y, x, w, 29, 19, 51, false) }

	const batch, tokens, heads = 2, 43, 3
	for _, dim := range []int{7, 16, 32} {
		n := batch * tokens * heads * dim
		qkv, out, lse, dqkv, dy := a.random(3*n), a.random(n), a.random(n/dim), a.random(3*n), a.random(n)
		calls[fmt.Sprintf("Attention %d", dim)] = func() {
			Attention(out, lse, qkv, batch, tokens, heads, dim)
			AttentionBackward(dqkv, dy, out, lse, qkv, batch, tokens, heads, dim)
			AttentionBF16(out, lse, qkv, batch, tokens, heads, dim)
			AttentionBackwardBF16(dqkv, dy, out, lse, qkv, batch, tokens, heads, dim)
		}
	}
	for i, s := range convShapes {
		in, out := s.Batch*volume(s.In)*s.CIn, s.Batch*volume(s.Out())*s.COut
		x, w, b, y := a.random(in), a.random(s.COut*s.inner()), a.random(s.COut), a.random(out)
		dx, dw, db, dy := a.random(in), a.random(len(w)), a.random(s.COut), a.random(out)
		calls[fmt.Sprintf("Conv3D %d", i)] = func() { Conv3D(y, x, w, b, s); Conv3DBackward(dx, dw, db, dy, x, w, s, false) }
	}
	for _, c := range []int{5, 16, 48} {
		const rows = 141
		x, y, dy, dx := a.random(2*rows*c), a.random(2*rows*c), a.random(2*rows*c), a.random(2*rows*c)
		g, b, dg, db := a.random(c), a.random(c), a.random(c), a.random(c)
		m, r := a.random(2*rows), a.random(2*rows)
		calls[fmt.Sprintf("LayerNorm %d", c)] = func() {
			LayerNorm(y, m, r, x, g, b, rows, c, 1e-5)
			LayerNormBackward(dx, dg, db, dy, x, m, r, g, rows, c, false)
		}
		x2, y2, dx2, dg2, db2, m2, r2 := a.random(2*rows*c), a.random(2*rows*c), a.random(2*rows*c), a.random(c), a.random(c), a.random(2*c), a.random(2*c)
		calls[fmt.Sprintf("GroupNorm %d", c)] = func() {
			GroupNorm(y2, m2, r2, x2, g, b, 2, rows, c, c, 1e-5)
			GroupNormBackward(dx2, dg2, db2, dy, x2, m2, r2, g, 2, rows, c, c, false)
		}
	}
	for _, n := range []int{5, 16, 30001} {
		x, y, z, v, g := a.random(n), a.random(n), a.random(n), a.random(n), a.random(n)
		sum := a.random(1)
		calls[fmt.Sprintf("elementwise %d", n)] = func() {
			GELU(y, x)
			GELUBackward(z, g, x)
			Add(y, y, x)
			Scale(y, 0.5)
			sum[0] = float32(SumSquares(y))
			for i := range v {
				v[i] = max(v[i], 0)
			}
			AdamW(x, z, v, g, 1e-3, 0.9, 0.95, 1e-8, 0.05, 1, 3)
		}
	}
	for _, c := range []int{3, 16} {
		small, large := a.random(2*3*4*5*c), a.random(16*3*4*5*c)
		calls[fmt.Sprintf("Upsample %d", c)] = func() {
			Upsample2(large, small, 2, [3]int{3, 4, 5}, c)
			Upsample2Backward(small, large, 2, [3]int{3, 4, 5}, c)
			UpsampleTrilinear2(large, small, 2, [3]int{3, 4, 5}, c)
			UpsampleTrilinear2Backward(small, large, 2, [3]int{3, 4, 5}, c)
		}
	}
	for _, w := range []int{7, 16, 24} {
		src, dst := a.random(4*(w+3)+w), a.random(5*w)
		calls[fmt.Sprintf("CopyRows %d", w)] = func() { CopyRows(dst, src, 5, w, w+3, 1000) }
	}
	half := unsafe.Slice((*uint16)(unsafe.Pointer(&a.random(9)[0])), 18)
	values := a.random(18)
	calls["bf16"] = func() { ToBF16(half, values); FromBF16(values, half) }
	return calls, a.all
}

// The bits may not depend on the number of threads.
func TestThreads(t *testing.T) {
	defer SetThreads(0)
	onEveryPath(t, func(t *testing.T) {
		var want uint64
		for _, n := range []int{1, 2, 3, 7} {
			SetThreads(n)
			calls, slices := exercise(func(n int) []float32 { return make([]float32, n) })
			for _, f := range calls {
				f()
			}
			if n == 1 {
				want = hash(slices)
			} else if hash(slices) != want {
				t.Errorf("%d threads: other bits than with one", n)
			}
		}
	})
}

func hash(slices [][]float32) uint64 {
	h := fnv.New64a()
	for _, s := range slices {
		for _, v := range s {
			u := math.Float32bits(v)
			h.Write([]byte{byte(u), byte(u >> 8), byte(u >> 16), byte(u >> 24)})
		}
	}
	return h.Sum64()
}

// Callers on several goroutines do not disturb each other.
func TestCallers(t *testing.T) {
	defer SetThreads(0)
	SetThreads(3)
	var sums [4]uint64
	var wg sync.WaitGroup
	for i := range sums {
		wg.Go(func() {
			calls, slices := exercise(func(n int) []float32 { return make([]float32, n) })
			for _, f := range calls {
				f()
			}
			sums[i] = hash(slices)
		})
	}
	wg.Wait()
	for i, s := range sums {
		if s != sums[0] {
			t.Errorf("caller %d got other bits than caller 0", i)
		}
	}
}

// In steady state a call allocates nothing.
func TestAllocations(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		calls, _ := exercise(func(n int) []float32 { return make([]float32, n) })
		for name, f := range calls {
			f()
			if n := testing.AllocsPerRun(2, f); n > 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}
