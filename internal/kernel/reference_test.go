package kernel

import (
	"math"
	"testing"
)

// same fails unless got is within tol·(1 + |want|) of want, element by element.
func same(t *testing.T, what string, got []float32, want []float64, tol float64) {
	t.Helper()
	for i, w := range want {
		if diff := math.Abs(float64(got[i]) - w); !(diff <= tol*(1+math.Abs(w))) {
			t.Fatalf("%s[%d] = %v, want %v (difference %.2g)", what, i, got[i], w, diff)
		}
	}
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// gradient returns the numeric gradient of Σ f(x)·g with respect to x, by central
// differences in float64.
func gradient(f func(x []float64) []float64, x, g []float32) []float64 {
	const h = 1e-5
	at, d := wide(x), make([]float64, len(x))
	for i := range x {
		v := at[i]
		at[i] = v + h
		up := dot(f(at), g)
		at[i] = v - h
		d[i] = (up - dot(f(at), g)) / (2 * h)
		at[i] = v
	}
	return d
}

func dot(y []float64, g []float32) float64 {
	var s float64
	for i, v := range y {
		s += v * float64(g[i])
	}
	return s
}

func refConv(x, w, b []float64, s ConvShape) []float64 {
	o := s.Out()
	y := make([]float64, s.Batch*volume(o)*s.COut)
	for i := range y {
		co, v := i%s.COut, i/s.COut
		n, oz, oy, ox := v/volume(o), v/(o[1]*o[2])%o[0], v/o[2]%o[1], v%o[2]
		if b != nil {
			y[i] = b[co]
		}
		for t := range volume(s.Kernel) {
			z := oz*s.Stride[0] + t/(s.Kernel[1]*s.Kernel[2]) - s.Pad[0]
			yy := oy*s.Stride[1] + t/s.Kernel[2]%s.Kernel[1] - s.Pad[1]
			xx := ox*s.Stride[2] + t%s.Kernel[2] - s.Pad[2]
			if z < 0 || z >= s.In[0] || yy < 0 || yy >= s.In[1] || xx < 0 || xx >= s.In[2] {
				continue
			}
			at := (((n*s.In[0]+z)*s.In[1]+yy)*s.In[2] + xx) * s.CIn
			for c := range s.CIn {
				y[i] += x[at+c] * w[(co*volume(s.Kernel)+t)*s.CIn+c]
			}
		}
	}
	return y
}

// refConvGrad returns dx and dw: the convolution is linear in each, so its
// gradient is the same sum with the roles changed.
func refConvGrad(dy, x, w []float64, s ConvShape) (dx, dw []float64) {
	o := s.Out()
	dx, dw = make([]float64, len(x)), make([]float64, len(w))
	for i := range s.Batch * volume(o) * s.COut {
		co, v := i%s.COut, i/s.COut
		n, oz, oy, ox := v/volume(o), v/(o[1]*o[2])%o[0], v/o[2]%o[1], v%o[2]
		for t := range volume(s.Kernel) {
			z := oz*s.Stride[0] + t/(s.Kernel[1]*s.Kernel[2]) - s.Pad[0]
			yy := oy*s.Stride[1] + t/s.Kernel[2]%s.Kernel[1] - s.Pad[1]
			xx := ox*s.Stride[2] + t%s.Kernel[2] - s.Pad[2]
			if z < 0 || z >= s.In[0] || yy < 0 || yy >= s.In[1] || xx < 0 || xx >= s.In[2] {
				continue
			}
			at := (((n*s.In[0]+z)*s.In[1]+yy)*s.In[2] + xx) * s.CIn
			wt := (co*volume(s.Kernel) + t) * s.CIn
			for c := range s.CIn {
				dx[at+c] += dy[i] * w[wt+c]
				dw[wt+c] += dy[i] * x[at+c]
			}
		}
	}
	return dx, dw
}

var convShapes = []ConvShape{
	{1, [3]int{1, 1, 1}, 1, 1, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 0}},
	{2, [3]int{3, 4, 5}, 3, 5, [3]int{3, 3, 3}, [3]int{1, 1, 1}, [3]int{1, 1, 1}},
	{1, [3]int{6, 5, 17}, 1, 8, [3]int{3, 3, 3}, [3]int{2, 2, 2}, [3]int{1, 1, 1}},
	{1, [3]int{7, 6, 5}, 8, 33, [3]int{5, 5, 5}, [3]int{1, 1, 1}, [3]int{2, 2, 2}},
	{2, [3]int{4, 5, 6}, 16, 16, [3]int{2, 2, 2}, [3]int{2, 2, 2}, [3]int{0, 0, 0}},
	{1, [3]int{5, 4, 29}, 17, 40, [3]int{3, 2, 3}, [3]int{1, 2, 2}, [3]int{1, 0, 1}},
	{1, [3]int{4, 4, 4}, 2, 3, [3]int{1, 1, 1}, [3]int{2, 2, 2}, [3]int{0, 0, 0}},
	{1, [3]int{5, 6, 7}, 4, 2, [3]int{3, 3, 3}, [3]int{1, 1, 1}, [3]int{2, 3, 2}},
	{3, [3]int{2, 3, 4}, 32, 65, [3]int{1, 1, 1}, [3]int{1, 1, 1}, [3]int{0, 0, 0}},
	{1, [3]int{3, 40, 62}, 16, 12, [3]int{3, 3, 3}, [3]int{1, 1, 1}, [3]int{1, 1, 1}},
}

// The oracle sums in float64. Tolerance: float32 sums of up to 10⁴ products of
// numbers below 1.
func TestConv3D(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for k, s := range convShapes {
			r := seeded(k)
			x, w, b := random(r, s.Batch*volume(s.In)*s.CIn), random(r, s.COut*s.inner()), random(r, s.COut)
			y := make([]float32, s.Batch*volume(s.Out())*s.COut)
			Conv3D(y, x, w, b, s)
			same(t, "y", y, refConv(wide(x), wide(w), wide(b), s), 2e-5)
			Conv3D(y, x, w, nil, s)
			same(t, "y without bias", y, refConv(wide(x), wide(w), nil, s), 2e-5)

			dy := random(r, len(y))
			dx, dw, db := random(r, len(x)), random(r, len(w)), random(r, s.COut)
			dx0, dw0 := refConvGrad(wide(dy), wide(x), wide(w), s)
			sum := make([]float64, s.COut)
			for i, v := range dy {
				sum[i%s.COut] += float64(v)
			}
			Conv3DBackward(dx, dw, db, dy, x, w, s, false)
			same(t, "dx", dx, dx0, 1e-4)
			same(t, "dw", dw, dw0, 3e-4)
			same(t, "db", db, sum, 2e-5)
			Conv3DBackward(nil, dw, db, dy, x, w, s, true)
			for i := range dw0 {
				dw0[i] *= 2
			}
			same(t, "accumulated dw", dw, dw0, 3e-4)
		}
	})
}

// TestConv3DGradient checks the oracle of TestConv3D itself, numerically.
func TestConv3DGradient(t *testing.T) {
	s, r := convShapes[2], seeded(9)
	s.COut = 2
	x, w := random(r, volume(s.In)), random(r, s.COut*s.inner())
	dy := random(r, volume(s.Out())*s.COut)
	dx, dw := refConvGrad(wide(dy), wide(x), wide(w), s)
	nx := gradient(func(x []float64) []float64 { return refConv(x, wide(w), nil, s) }, x, dy)
	nw := gradient(func(w []float64) []float64 { return refConv(wide(x), w, nil, s) }, w, dy)
	for i := range dx {
		if !(math.Abs(dx[i]-nx[i]) <= 1e-6) {
			t.Fatalf("dx[%d] = %v, numerically %v", i, dx[i], nx[i])
		}
	}
	for i := range dw {
		if !(math.Abs(dw[i]-nw[i]) <= 1e-6) {
			t.Fatalf("dw[%d] = %v, numerically %v", i, dw[i], nw[i])
		}
	}
}

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
	onEveryPath(t, func(t *testing.T) {
		for k, s := range [][4]int{{1, 1, 1, 1}, {2, 3, 2, 5}, {1, 33, 3, 16}, {1, 54, 2, 64}, {1, 130, 1, 32}, {1, 270, 1, 24}, {1, 290, 1, 48}, {2, 16, 2, 33}, {1, 128, 1, 96}} {
			r := seeded(k)
			b, n, h, d := s[0], s[1], s[2], s[3]
			qkv := random(r, b*n*3*h*d)
			for i := range qkv {
				qkv[i] *= 3
			}
			y, lse := make([]float32, b*n*h*d), make([]float32, b*h*n)
			Attention(y, lse, qkv, b, n, h, d)
			y0, lse0 := refAttention(wide(qkv), b, n, h, d)
			same(t, "y", y, y0, 5e-6)
			same(t, "lse", lse, lse0, 5e-6)
			dy, g := random(r, len(y)), random(r, len(qkv))
			AttentionBackward(g, dy, y, lse, qkv, b, n, h, d)
			g0 := refAttentionGrad(wide(dy), wide(qkv), b, n, h, d)
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
		}
	})
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

func TestLinear(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		r := seeded(4)
		rows, in, out := 61, 35, 47
		x, w, b, dy := random(r, rows*in), random(r, out*in), random(r, out), random(r, rows*out)
		s := ConvShape{Batch: rows, In: [3]int{1, 1, 1}, CIn: in, COut: out, Kernel: [3]int{1, 1, 1}, Stride: [3]int{1, 1, 1}}
		y := make([]float32, rows*out)
		Linear(y, x, w, b, rows, in, out)
		same(t, "y", y, refConv(wide(x), wide(w), wide(b), s), 1e-5)
		dx, dw, db := random(r, len(x)), random(r, len(w)), random(r, len(b))
		dx0, dw0 := refConvGrad(wide(dy), wide(x), wide(w), s)
		LinearBackward(dx, dw, db, dy, x, w, rows, in, out, false)
		same(t, "dx", dx, dx0, 1e-5)
		same(t, "dw", dw, dw0, 1e-5)
		sum := make([]float64, out)
		for i, v := range dy {
			sum[i%out] += float64(v)
		}
		same(t, "db", db, sum, 1e-5)
		LinearBackward(nil, dw, nil, dy, x, w, rows, in, out, true)
		for i := range dw0 {
			dw0[i] *= 2
		}
		same(t, "accumulated dw", dw, dw0, 1e-5)
	})
}

func refNorm(x, gain, bias []float64, batch, voxels, channels, groups int, eps float64) (y, mean, rstd []float64) {
	per := channels / groups
	y = make([]float64, len(x))
	for t := range batch * groups {
		b, g := t/groups, t%groups
		at := func(i int) int { return (b*voxels+i/per)*channels + g*per + i%per }
		n := voxels * per
		var m, v float64
		for i := range n {
			m += x[at(i)] / float64(n)
		}
		for i := range n {
			v += (x[at(i)] - m) * (x[at(i)] - m) / float64(n)
		}
		r := 1 / math.Sqrt(v+eps)
		mean, rstd = append(mean, m), append(rstd, r)
		for i := range n {
			y[at(i)] = (x[at(i)]-m)*r*gain[g*per+i%per] + bias[g*per+i%per]
		}
	}
	return y, mean, rstd
}

// refNormGrad is the closed form; TestNormGradient checks it numerically.
func refNormGrad(dy, x, gain []float64, batch, voxels, channels, groups int, eps float64) (dx, dgain, dbias []float64) {
	_, mean, rstd := refNorm(x, gain, make([]float64, channels), batch, voxels, channels, groups, eps)
	per := channels / groups
	n := float64(voxels * per)
	dx, dgain, dbias = make([]float64, len(x)), make([]float64, channels), make([]float64, channels)
	for t := range batch * groups {
		var a, c float64
		for pass := range 2 {
			for i := range voxels * per {
				ch := t%groups*per + i%per
				at := (t/groups*voxels+i/per)*channels + ch
				h := (x[at] - mean[t]) * rstd[t]
				g := dy[at] * gain[ch]
				if pass == 0 {
					a, c = a+g/n, c+g*h/n
					dgain[ch] += dy[at] * h
					dbias[ch] += dy[at]
				} else {
					dx[at] = rstd[t] * (g - a - h*c)
				}
			}
		}
	}
	return dx, dgain, dbias
}

func TestNormGradient(t *testing.T) {
	r := seeded(5)
	x, gain, dy := random(r, 2*5*6), random(r, 6), random(r, 60)
	bias := make([]float64, 6)
	dx, dgain, _ := refNormGrad(wide(dy), wide(x), wide(gain), 2, 5, 6, 3, 1e-5)
	nx := gradient(func(x []float64) []float64 { y, _, _ := refNorm(x, wide(gain), bias, 2, 5, 6, 3, 1e-5); return y }, x, dy)
	ng := gradient(func(g []float64) []float64 { y, _, _ := refNorm(wide(x), g, bias, 2, 5, 6, 3, 1e-5); return y }, gain, dy)
	for i, v := range append(dx, dgain...) {
		if w := append(nx, ng...)[i]; !(math.Abs(v-w) <= 1e-7) {
			t.Fatalf("gradient %d = %v, numerically %v", i, v, w)
		}
	}
}

// Layer normalisation is group normalisation of rows of one voxel in one group.
func TestLayerNorm(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for k, d := range []int{1, 7, 16, 31, 48, 192, 384, 400} {
			r, rows := seeded(k), 37
			x, gain, bias, dy := random(r, rows*d), random(r, d), random(r, d), random(r, rows*d)
			y, mean, rstd := make([]float32, rows*d), make([]float32, rows), make([]float32, rows)
			LayerNorm(y, mean, rstd, x, gain, bias, rows, d, 1e-3)
			y0, mean0, rstd0 := refNorm(wide(x), wide(gain), wide(bias), rows, 1, d, 1, float64(float32(1e-3)))
			same(t, "y", y, y0, 1e-5)
			same(t, "mean", mean, mean0, 1e-6)
			same(t, "rstd", rstd, rstd0, 1e-5)
			dx, dgain, dbias := random(r, rows*d), random(r, d), random(r, d)
			LayerNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain, rows, d, false)
			dx0, dgain0, dbias0 := refNormGrad(wide(dy), wide(x), wide(gain), rows, 1, d, 1, float64(float32(1e-3)))
			same(t, "dx", dx, dx0, 2e-5)
			same(t, "dgain", dgain, dgain0, 1e-5)
			same(t, "dbias", dbias, dbias0, 1e-5)
		}
	})
}

func TestGroupNorm(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for k, s := range [][4]int{{1, 1, 2, 1}, {2, 5, 6, 3}, {2, 1000, 8, 8}, {3, 77, 32, 4}, {1, 5000, 24, 24}, {2, 33, 128, 1}, {1, 9, 3, 1}} {
			r := seeded(k)
			b, v, c, g := s[0], s[1], s[2], s[3]
			x, gain, bias, dy := random(r, b*v*c), random(r, c), random(r, c), random(r, b*v*c)
			y, mean, rstd := make([]float32, len(x)), make([]float32, b*g), make([]float32, b*g)
			GroupNorm(y, mean, rstd, x, gain, bias, b, v, c, g, 1e-3)
			y0, mean0, rstd0 := refNorm(wide(x), wide(gain), wide(bias), b, v, c, g, float64(float32(1e-3)))
			same(t, "y", y, y0, 1e-5)
			same(t, "mean", mean, mean0, 1e-6)
			same(t, "rstd", rstd, rstd0, 1e-5)
			dx, dgain, dbias := random(r, len(x)), random(r, c), random(r, c)
			GroupNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain, b, v, c, g, false)
			dx0, dgain0, dbias0 := refNormGrad(wide(dy), wide(x), wide(gain), b, v, c, g, float64(float32(1e-3)))
			same(t, "dx", dx, dx0, 2e-5)
			same(t, "dgain", dgain, dgain0, 2e-5)
			same(t, "dbias", dbias, dbias0, 2e-5)
		}
	})
}

func refUpsample(x []float64, batch int, in [3]int, c int, linear bool) []float64 {
	y := make([]float64, 8*len(x))
	out := [3]int{2 * in[0], 2 * in[1], 2 * in[2]}
	for i := range y {
		v, ch := i/c, i%c
		o := [3]int{v / (out[1] * out[2]) % out[0], v / out[2] % out[1], v % out[2]}
		for corner := range 8 {
			f, at := 1.0, v/volume(out)
			for a := range 3 {
				p := (float64(o[a])+0.5)/2 - 0.5
				lo := math.Floor(p)
				w, idx := 1-(p-lo), int(lo)
				if corner>>a&1 == 1 {
					w, idx = p-lo, idx+1
				}
				if !linear {
					w, idx = float64(1-corner>>a&1), o[a]/2
				}
				f *= w
				at = at*in[a] + min(max(idx, 0), in[a]-1)
			}
			y[i] += f * x[at*c+ch]
		}
	}
	return y
}

func TestUpsample(t *testing.T) {
	for k, in := range [][3]int{{1, 1, 1}, {2, 3, 4}, {3, 1, 2}} {
		r := seeded(k)
		x, dy := random(r, 2*volume(in)*3), random(r, 16*volume(in)*3)
		y, dx := make([]float32, len(dy)), make([]float32, len(x))
		Upsample2(y, x, 2, in, 3)
		same(t, "nearest", y, refUpsample(wide(x), 2, in, 3, false), 0)
		Upsample2Backward(dx, dy, 2, in, 3)
		same(t, "its gradient", dx, gradient(func(x []float64) []float64 { return refUpsample(x, 2, in, 3, false) }, x, dy), 1e-5)
		UpsampleTrilinear2(y, x, 2, in, 3)
		same(t, "trilinear", y, refUpsample(wide(x), 2, in, 3, true), 1e-6)
		UpsampleTrilinear2Backward(dx, dy, 2, in, 3)
		same(t, "its gradient", dx, gradient(func(x []float64) []float64 { return refUpsample(x, 2, in, 3, true) }, x, dy), 1e-5)
	}
}
