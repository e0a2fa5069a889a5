package kernel

import "math"

// Attention computes softmax(Q·Kᵀ/√headDim)·V for each sample and head. qkv is
// (batch·tokens, 3·heads·headDim): a row holds q of all heads, then k, then v.
// y is (batch·tokens, heads·headDim). lse (batch, heads, tokens) receives the
// logarithm of each row's sum of exponentials, for the backward pass. No array
// of tokens×tokens is ever stored. Vaswani et al. 2017, equation 1.
func Attention(y, lse, qkv []float32, batch, tokens, heads, headDim int) {
	c := heads * headDim
	need("Attention", "qkv", qkv, batch*tokens*3*c)
	need("Attention", "y", y, batch*tokens*c)
	need("Attention", "lse", lse, batch*heads*tokens)
	scale := 1 / math.Sqrt(float64(headDim))
	each(batch*heads, func(t int) {
		b, h := t/heads, t%heads
		p := make([]float64, tokens)
		for i := range tokens {
			q := qkv[(b*tokens+i)*3*c+h*headDim:][:headDim]
			top := math.Inf(-1)
			for j := range tokens {
				k := qkv[(b*tokens+j)*3*c+c+h*headDim:][:headDim]
				var s float64
				for d := range q {
					s += float64(q[d]) * float64(k[d])
				}
				p[j] = s * scale
				top = max(top, p[j])
			}
			var sum float64
			for j := range p {
				p[j] = math.Exp(p[j] - top)
				sum += p[j]
			}
			lse[t*tokens+i] = float32(top + math.Log(sum))
			out := y[(b*tokens+i)*c+h*headDim:][:headDim]
			clear(out)
			for j := range p {
				v := qkv[(b*tokens+j)*3*c+2*c+h*headDim:][:headDim]
				f := float32(p[j] / sum)
				for d := range out {
					out[d] += f * v[d]
				}
			}
		}
	})
}

// AttentionBackward is the gradient of [Attention]: dqkv, laid out as qkv, is
// overwritten, from dy, and from y and lse as Attention left them. Dao et al.
// 2022, appendix B.
func AttentionBackward(dqkv, dy, y, lse, qkv []float32, batch, tokens, heads, headDim int) {
	c := heads * headDim
	need("AttentionBackward", "dqkv", dqkv, batch*tokens*3*c)
	need("AttentionBackward", "qkv", qkv, batch*tokens*3*c)
	need("AttentionBackward", "dy", dy, batch*tokens*c)
	scale := float32(1 / math.Sqrt(float64(headDim)))
	each(batch*heads, func(t int) {
		b, h := t/heads, t%heads
		row := func(s []float32, i, part, parts int) []float32 {
			return s[((b*tokens+i)*parts+part)*c+h*headDim:][:headDim]
		}
		for i := range tokens {
			for part := range 3 {
				clear(row(dqkv, i, part, 3))
			}
		}
		for i := range tokens {
			q, g, o := row(qkv, i, 0, 3), row(dy, i, 0, 1), row(y, i, 0, 1)
			dq := row(dqkv, i, 0, 3)
			var dot float32
			for d := range g {
				dot += g[d] * o[d]
			}
			for j := range tokens {
				k, v := row(qkv, j, 1, 3), row(qkv, j, 2, 3)
				dk, dv := row(dqkv, j, 1, 3), row(dqkv, j, 2, 3)
				var s, dp float32
				for d := range q {
					s += q[d] * k[d]
					dp += g[d] * v[d]
				}
				p := float32(math.Exp(float64(s*scale - lse[t*tokens+i])))
				ds := p * (dp - dot) * scale
				for d := range q {
					dv[d] += p * g[d]
					dq[d] += ds * k[d]
					dk[d] += ds * q[d]
				}
			}
		}
	})
}
