package kernel

import (
	"math"
	"testing"
)

func refAttention(qkv []float64, batch, tokens, heads, dim int) (y, lse []float64) {
	c := heads * dim
	y, lse = make([]float64, batch*tokens*c), make([]float64, batch*heads*tokens)
	for i := range batch * heads * tokens {
		b, h, q := i/(heads*tokens), i/tokens%heads, i%tokens
		p := make([]float64, tokens)
		top, sum := math.Inf(-1), 0.0
		for k := range p {
			for d := range dim {
				p[k] += qkv[(b*tokens+q)*3*c+h*dim+d] * qkv[(b*tokens+k)*3*c+c+h*dim+d]
			}
			p[k] /= math.Sqrt(float64(dim))
			top = max(top, p[k])
		}
		for k := range p {
			p[k] = math.Exp(p[k] - top)
			sum += p[k]
		}
		lse[i] = top + math.Log(sum)
		for k := range p {
			for d := range dim {
				y[(b*tokens+q)*c+h*dim+d] += p[k] / sum * qkv[(b*tokens+k)*3*c+2*c+h*dim+d]
			}
		}
	}
	return y, lse
}

// refAttentionGrad is the textbook gradient, checked numerically below.
func refAttentionGrad(dy, qkv []float64, batch, tokens, heads, dim int) []float64 {
	c := heads * dim
	g := make([]float64, len(qkv))
	y, lse := refAttention(qkv, batch, tokens, heads, dim)
	scale := 1 / math.Sqrt(float64(dim))
	for i := range batch * heads * tokens {
		b, h, q := i/(heads*tokens), i/tokens%heads, i%tokens
		row := func(k, part int) int { return (b*tokens+k)*3*c + part*c + h*dim }
		out := (b*tokens+q)*c + h*dim
		var total float64
		for d := range dim {
			total += dy[out+d] * y[out+d]
		}
		for k := range tokens {
			var s, dp float64
			for d := range dim {
				s += qkv[row(q, 0)+d] * qkv[row(k, 1)+d]
				dp += dy[out+d] * qkv[row(k, 2)+d]
			}
			p := math.Exp(s*scale - lse[i])
			ds := p * (dp - total) * scale
			for d := range dim {
				g[row(k, 2)+d] += p * dy[out+d]
				g[row(q, 0)+d] += ds * qkv[row(k, 1)+d]
				g[row(k, 1)+d] += ds * qkv[row(q, 0)+d]
			}
		}
	}
	return g
}

// The oracle is in float64; tolerance: some float32 roundings of sums of up to
// 600 terms of size 1.
func TestAttention(t *testing.T) {
	for k, s := range [][4]int{{1, 1, 1, 1}, {2, 3, 2, 5}, {1, 33, 3, 16}, {1, 54, 2, 64}, {1, 130, 1, 32}, {1, 270, 1, 24}, {1, 290, 1, 48}, {2, 16, 2, 33}, {1, 128, 1, 96}} {
		r := seeded(k)
		b, n, h, d := s[0], s[1], s[2], s[3]
		qkv, dy := random(r, b*n*3*h*d), random(r, b*n*h*d)
		for i := range qkv {
			qkv[i] *= 3
		}
		y0, lse0 := refAttention(wide(qkv), b, n, h, d)
		g0 := refAttentionGrad(wide(dy), wide(qkv), b, n, h, d)
		onEveryPath(t, func(t *testing.T) {
			y, lse, g := make([]float32, len(dy)), make([]float32, b*h*n), random(r, len(qkv))
			Attention(y, lse, qkv, b, n, h, d)
			same(t, "y", y, y0, 5e-6)
			same(t, "lse", lse, lse0, 5e-6)
			AttentionBackward(g, dy, y, lse, qkv, b, n, h, d)
			same(t, "dqkv", g, g0, 2e-5)

			// bfloat16 keeps 8 bits: q, k and v are rounded by up to 2^-9 of themselves,
			// so a score of up to 9·dim/√dim·(1/3)² moves by a few hundredths.
			AttentionBF16(y, lse, qkv, b, n, h, d)
			same(t, "y in bf16", y, y0, 0.06)
			same(t, "lse in bf16", lse, lse0, 0.03)
			for i := range g {
				g[i] = float32(math.NaN())
			}
			AttentionBackwardBF16(g, dy, y, lse, qkv, b, n, h, d)
			same(t, "dqkv in bf16", g, g0, 0.1)
		})
	}
}

func TestAttentionGradient(t *testing.T) {
	r := seeded(3)
	qkv, dy := random(r, 2*5*3*2*3), random(r, 2*5*2*3)
	want := gradient(func(x []float64) []float64 { y, _ := refAttention(x, 2, 5, 2, 3); return y }, qkv, dy)
	for i, g := range refAttentionGrad(wide(dy), wide(qkv), 2, 5, 2, 3) {
		if !(math.Abs(g-want[i]) <= 1e-7) {
			t.Fatalf("dqkv[%d] = %v, numerically %v", i, g, want[i])
		}
	}
}
