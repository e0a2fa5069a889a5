package nn

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"oncovox/internal/kernel"
)

// handNet is two transformer blocks and a squared error, forward and backward,
// written out as calls of the kernels on buffers of their own.
type handNet struct {
	ps                    *Params
	batch, n, dim, heads  int
	grads                 map[string][]float32
	x, target             []float32
	loss                  float32
	norm1, qkv, mix, res1 [2][]float32
	norm2, fc1, act, out  [2][]float32
	stat                  [2][5][]float32 // mean and rstd of both norms, lse
}

func (h *handNet) w(block int, name string) []float32 {
	return h.ps.Get(fmt.Sprintf("blocks.%d.%s", block, name)).W
}

func (h *handNet) g(block int, name string) []float32 {
	key := fmt.Sprintf("blocks.%d.%s", block, name)
	if h.grads[key] == nil {
		h.grads[key] = make([]float32, len(h.ps.Get(key).W))
	}
	return h.grads[key]
}

func (h *handNet) forward() {
	t, c, wide := h.batch*h.n, h.dim, mlpRatio*h.dim
	f := func(cols int) []float32 { return make([]float32, t*cols) }
	x := h.x
	for i := range 2 {
		s := &h.stat[i]
		*s = [5][]float32{f(1), f(1), f(1), f(1), make([]float32, h.batch*h.heads*h.n)}
		h.norm1[i], h.qkv[i], h.mix[i], h.res1[i] = f(c), f(3*c), f(c), f(c)
		h.norm2[i], h.fc1[i], h.act[i], h.out[i] = f(c), f(wide), f(wide), f(c)
		kernel.LayerNorm(h.norm1[i], s[0], s[1], x, h.w(i, "norm1.weight"), h.w(i, "norm1.bias"), t, c, normEps)
		kernel.Linear(h.qkv[i], h.norm1[i], h.w(i, "attn.qkv.weight"), h.w(i, "attn.qkv.bias"), t, c, 3*c)
		kernel.Attention(h.mix[i], s[4], h.qkv[i], h.batch, h.n, h.heads, c/h.heads)
		proj := f(c)
		kernel.Linear(proj, h.mix[i], h.w(i, "attn.proj.weight"), h.w(i, "attn.proj.bias"), t, c, c)
		kernel.Add(h.res1[i], x, proj)
		kernel.LayerNorm(h.norm2[i], s[2], s[3], h.res1[i], h.w(i, "norm2.weight"), h.w(i, "norm2.bias"), t, c, normEps)
		kernel.Linear(h.fc1[i], h.norm2[i], h.w(i, "fc1.weight"), h.w(i, "fc1.bias"), t, c, wide)
		kernel.GELU(h.act[i], h.fc1[i])
		fc2 := f(c)
		kernel.Linear(fc2, h.act[i], h.w(i, "fc2.weight"), h.w(i, "fc2.bias"), t, wide, c)
		kernel.Add(h.out[i], h.res1[i], fc2)
		x = h.out[i]
	}
}

func (h *handNet) backward() {
	t, c, wide := h.batch*h.n, h.dim, mlpRatio*h.dim
	f := func(cols int) []float32 { return make([]float32, t*cols) }
	d, diff := f(c), f(c)
	for i := range diff {
		diff[i] = h.out[1][i] - h.target[i]
	}
	h.loss = float32(kernel.SumSquares(diff) / float64(len(diff)))
	k := 2 / float32(len(diff))
	for i, v := range diff {
		d[i] = k * v
	}
	for i := 1; i >= 0; i-- {
		s := h.stat[i]
		x := h.x
		if i > 0 {
			x = h.out[0]
		}
		dact, dfc1, dn2, dres := f(wide), f(wide), f(c), f(c)
		kernel.LinearBackward(dact, h.g(i, "fc2.weight"), h.g(i, "fc2.bias"), d, h.act[i], h.w(i, "fc2.weight"), t, wide, c, false)
		kernel.GELUBackward(dfc1, dact, h.fc1[i])
		kernel.LinearBackward(dn2, h.g(i, "fc1.weight"), h.g(i, "fc1.bias"), dfc1, h.norm2[i], h.w(i, "fc1.weight"), t, c, wide, false)
		kernel.LayerNormBackward(dres, h.g(i, "norm2.weight"), h.g(i, "norm2.bias"), dn2, h.res1[i], s[2], s[3], h.w(i, "norm2.weight"), t, c, false)
		kernel.Add(d, d, dres)
		dmix, dqkv, dn1, dx := f(c), f(3*c), f(c), f(c)
		kernel.LinearBackward(dmix, h.g(i, "attn.proj.weight"), h.g(i, "attn.proj.bias"), d, h.mix[i], h.w(i, "attn.proj.weight"), t, c, c, false)
		kernel.AttentionBackward(dqkv, dmix, h.mix[i], s[4], h.qkv[i], h.batch, h.n, h.heads, c/h.heads)
		kernel.LinearBackward(dn1, h.g(i, "attn.qkv.weight"), h.g(i, "attn.qkv.bias"), dqkv, h.norm1[i], h.w(i, "attn.qkv.weight"), t, c, 3*c, false)
		kernel.LayerNormBackward(dx, h.g(i, "norm1.weight"), h.g(i, "norm1.bias"), dn1, x, s[0], s[1], h.w(i, "norm1.weight"), t, c, false)
		kernel.Add(d, d, dx)
	}
}

// twoBlocks is the same network as a graph.
func twoBlocks(t testing.TB, batch, n, dim, heads int) (*Program, *Params, *Tensor, *Tensor) {
	ps := NewParams(2)
	for i := range 2 {
		addBlock(ps, fmt.Sprintf("blocks.%d.", i), dim)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, p := range ps.All() { // off the initial 0 and 1
		for i := range p.W {
			p.W[i] += float32(0.1 * r.NormFloat64())
		}
	}
	g := NewGraph(true)
	x, target := g.Input("x", batch*n, dim), g.Input("target", batch*n, dim)
	Normal(1)(x.Data(), nil, r)
	Normal(1)(target.Data(), nil, r)
	y := x
	for i := range 2 {
		y = block(g, ps, fmt.Sprintf("blocks.%d.", i), y, batch, heads)
	}
	p, err := g.Compile([]Term{{g.MSE(y, target, false), 1}})
	if err != nil {
		t.Fatal(err)
	}
	return p, ps, x, target
}

// gorgonia's run of two blocks gives the bits of the loop written by hand, and
// gives them again when it runs again.
func TestSameBitsAsHandLoop(t *testing.T) {
	const batch, n, dim, heads = 2, 37, 48, 3
	p, ps, x, target := twoBlocks(t, batch, n, dim, heads)
	h := &handNet{ps: ps, batch: batch, n: n, dim: dim, heads: heads, grads: map[string][]float32{}, x: x.Data(), target: target.Data()}
	h.forward()
	h.backward()
	for again := range 3 {
		run(t, p)
		if float32(p.Loss()) != h.loss {
			t.Fatalf("run %d: loss %v, by hand %v", again, p.Loss(), h.loss)
		}
		for _, q := range ps.All() {
			if !slices.Equal(q.G, h.grads[q.Name]) {
				t.Fatalf("run %d: gradient of %s differs from the one by hand", again, q.Name)
			}
			clear(q.G)
		}
	}
}

// Another input of the same shape gives another loss.
func TestInputsAreRead(t *testing.T) {
	p, _, x, _ := twoBlocks(t, 1, 5, 12, 2)
	run(t, p)
	was := p.Loss()
	x.Data()[3] += 1
	run(t, p)
	if p.Loss() == was {
		t.Error("a changed input left the loss as it was")
	}
}

func TestSameBitsForAnyThreads(t *testing.T) {
	defer kernel.SetThreads(kernel.Threads())
	var loss float64
	grads := map[string][]float32{}
	for _, threads := range []int{1, 2, 3, 7} {
		kernel.SetThreads(threads)
		p, ps, _, _ := twoBlocks(t, 2, 37, 48, 3)
		run(t, p)
		for _, q := range ps.All() {
			if threads > 1 && !slices.Equal(grads[q.Name], q.G) {
				t.Errorf("%d threads: gradient of %s has other bits", threads, q.Name)
			}
			grads[q.Name] = q.G
		}
		if threads > 1 && p.Loss() != loss {
			t.Errorf("%d threads: loss %v, with one %v", threads, p.Loss(), loss)
		}
		loss = p.Loss()
	}
}

// Steps leave neither memory nor goroutines behind: of 3 MB that the tape
// machine asks for in 300 steps (some 120 bytes a node and step), not 64 KiB
// stay. A kernel's worker that a busy machine lets in late makes its buffers then,
// some 300 KB each and each once: they show in a few rounds at most, a leak in
// every one of them.
func TestStepsLeaveNothing(t *testing.T) {
	p, _, _, _ := twoBlocks(t, 1, 5, 12, 2)
	held := func() (heap uint64, goroutines int) {
		for range 300 {
			run(t, p)
		}
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	heap, goroutines := held()
	for round := 1; ; round++ {
		h, g := held()
		if h <= heap+64<<10 && g <= goroutines {
			return
		}
		if round == 20 {
			t.Fatalf("from %d to %d bytes of heap, from %d to %d goroutines", heap, h, goroutines, g)
		}
		heap, goroutines = h, g
	}
}
