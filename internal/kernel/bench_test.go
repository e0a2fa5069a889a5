package kernel

import (
	"fmt"
	"testing"
)

// onEachPath runs f as a sub-benchmark on each vector path.
func onEachPath(b *testing.B, f func(b *testing.B)) {
	for _, p := range usable() {
		if p.name == "go" {
			continue
		}
		b.Run(p.name, func(b *testing.B) {
			defer func(old *path) { current = old }(current)
			current = p
			f(b)
		})
	}
}

func gflops(b *testing.B, flop float64) {
	b.ReportMetric(flop*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkAttention(b *testing.B) {
	onEachPath(b, func(b *testing.B) {
		for _, s := range [][4]int{{8, 54, 6, 64}, {2, 432, 6, 64}, {1, 1728, 6, 32}} {
			batch, tokens, heads, dim := s[0], s[1], s[2], s[3]
			n := batch * tokens * heads * dim
			qkv, y, lse, g := numbers(3*n), numbers(n), numbers(n/dim), numbers(3*n)
			flop := 4 * float64(n) * float64(tokens)
			for _, half := range []bool{false, true} {
				forward, backward := Attention, AttentionBackward
				if half {
					forward, backward = AttentionBF16, AttentionBackwardBF16
				}
				b.Run(fmt.Sprintf("%v/bf16=%v/forward", s, half), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						forward(y, lse, qkv, batch, tokens, heads, dim)
					}
					gflops(b, flop)
				})
				b.Run(fmt.Sprintf("%v/bf16=%v/backward", s, half), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						backward(g, y, y, lse, qkv, batch, tokens, heads, dim)
					}
					gflops(b, 2.5*flop)
				})
			}
		}
	})
}

func BenchmarkConv3D(b *testing.B) {
	cube := func(n int) [3]int { return [3]int{n, n, n} }
	onEachPath(b, func(b *testing.B) {
		for _, s := range []ConvShape{
			{1, cube(64), 1, 16, cube(3), cube(1), cube(1)},
			{1, cube(48), 8, 8, cube(3), cube(1), cube(1)},
			{1, cube(48), 32, 32, cube(3), cube(1), cube(1)},
			{1, cube(48), 32, 64, cube(3), cube(2), cube(1)},
			{1, cube(12), 128, 128, cube(3), cube(1), cube(1)},
		} {
			x, w := numbers(volume(s.In)*s.CIn), numbers(s.COut*s.inner())
			y, dx := numbers(volume(s.Out())*s.COut), numbers(volume(s.In)*s.CIn)
			flop := 2 * float64(len(y)*s.inner())
			name := fmt.Sprintf("%d³,%d→%d,%d³,stride%d", s.In[0], s.CIn, s.COut, s.Kernel[0], s.Stride[0])
			b.Run(name+"/forward", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Conv3D(y, x, w, nil, s)
				}
				gflops(b, flop)
			})
			b.Run(name+"/backward", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					Conv3DBackward(dx, w, nil, y, x, w, s, false)
				}
				gflops(b, 2*flop)
			})
		}
	})
}

func BenchmarkElementwise(b *testing.B) {
	const rows, dim = 3456, 1536
	const n = rows * dim
	x, y, z, v := numbers(n), numbers(n), numbers(n), make([]float32, n)
	gain, bias, mean, rstd := numbers(dim), numbers(dim), numbers(rows), numbers(rows)
	onEachPath(b, func(b *testing.B) {
		for _, k := range []struct {
			name  string
			bytes int64
			f     func()
		}{
			{"add", 12 * n, func() { Add(y, x, z) }},
			{"gelu", 8 * n, func() { GELU(y, x) }},
			{"geluBackward", 12 * n, func() { GELUBackward(y, z, x) }},
			{"layerNorm", 8 * n, func() { LayerNorm(y, mean, rstd, x, gain, bias, rows, dim, 1e-6) }},
			{"layerNormBackward", 12 * n, func() { LayerNormBackward(y, gain, bias, z, x, mean, rstd, gain, rows, dim, false) }},
			{"adamW", 28 * n, func() { AdamW(z, y, v, x, 1e-3, 0.9, 0.95, 1e-8, 0.05, 1, 10) }},
		} {
			b.Run(k.name, func(b *testing.B) {
				b.SetBytes(k.bytes)
				b.ReportAllocs()
				for b.Loop() {
					k.f()
				}
			})
		}
	})
}
