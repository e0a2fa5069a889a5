package kernel

import (
	"math"
	"runtime"
)

// portable returns the path in plain Go.
func portable() *path {
	p := &path{
		name: "go", columns: 4, heights: []int{2, 1}, widths: []int{4},
		tile: tileKernel, copyLanes: 4, transLanes: 4,
		copyLines: copyLines, copyRows: copyRows, transRows: transRows,
		gelu: gelu, geluGrad: geluGrad, add: add, scale: scale, sumSquares: sumSquares, adamW: adamW,
		columnMax: columnMax, columnExp: columnExp, columnGrad: columnGrad, columnScale: columnScale,
		channelSum: channelSum, channelMoments: channelMoments, channelDots: channelDots,
		channelAffine1: channelAffine1, channelAffine2: channelAffine2,
		layerNorm: layerNorm, layerNormGrad: layerNormGrad,
		combine: combine, repeatPairs: repeatPairs, addPairs: addPairs, blendPairs: blendPairs, gatherPairs: gatherPairs,
		round: round, toBF16: toBF16, fromBF16: fromBF16,
		burn: burn, burnFlops: 2 * 24, read: read, fill: fill,
		copy: func(n int, y, x []float32) { copy(y, x[:n]) },
	}
	return p.planned()
}

// copyLines is copyRows for w <= 16, which each row may be filled up to. What lies
// ahead floats beyond a row may be fetched with it; it need not exist.
func copyLines(n, w int, src []float32, ld int, dst []float32, stride, _ int) {
	copyRows(n, w, src, ld, dst, stride)
}

// copyRows copies n rows of w floats, w at most the path's copyLanes, and may
// fill up each with zeros to that width.
func copyRows(n, w int, src []float32, ld int, dst []float32, stride int) {
	for i := range n {
		copy(dst[i*stride:], src[i*ld:i*ld+w])
	}
}

// transRows writes column j of rows rows of src as a row at dst + j·stride; rows
// is at most the path's transLanes, to which each row may be filled up.
func transRows(cols, rows int, src []float32, ld int, dst []float32, stride int) {
	for i := range rows {
		for j, v := range src[i*ld : i*ld+cols] {
			dst[j*stride+i] = v
		}
	}
}

func gelu(n int, y, x []float32) {
	for i, v := range x[:n] {
		y[i] = max(v, 0) - min(float32(math.Abs(float64(v))), 20)*normalTail(v)
	}
}

func geluGrad(n int, dx, dy, x []float32) {
	for i, v := range x[:n] {
		a := math.Abs(float64(v))
		slope := normalTail(v) - float32(min(a, 20)*math.Exp(-a*a/2)/math.Sqrt(2*math.Pi))
		if v >= 0 {
			slope = 1 - slope
		}
		dx[i] = dy[i] * slope
	}
}

// normalTail returns Φ(-|x|).
func normalTail(x float32) float32 {
	return float32(math.Erfc(math.Abs(float64(x))/math.Sqrt2) / 2)
}

func exp2(x float32) float32 { return float32(math.Exp2(float64(x))) }

func add(n int, y, a, b []float32) {
	y, b = y[:n], b[:n]
	for i, v := range a[:n] {
		y[i] = v + b[i]
	}
}

func scale(n int, x []float32, f float32) {
	for i := range x[:n] {
		x[i] *= f
	}
}

func sumSquares(n int, x []float32) (s float64) {
	for _, v := range x[:n] {
		s += float64(v) * float64(v)
	}
	return s
}

// adamW updates n weights; f holds 16 times each: beta1, 1-beta1, beta2,
// 1-beta2, gradScale, lr/(1-beta1^t), 1/sqrt(1-beta2^t), eps, 1-lr·decay.
func adamW(n int, w, m, v, g, f []float32) {
	w, m, v = w[:n], m[:n], v[:n]
	for i, d := range g[:n] {
		d *= f[4*16]
		m[i] = f[0]*m[i] + f[16]*d
		v[i] = f[2*16]*v[i] + f[3*16]*(d*d)
		root := float32(math.Sqrt(float64(v[i])))
		w[i] = w[i]*f[8*16] - f[5*16]*m[i]/(root*f[6*16]+f[7*16])
	}
}

// columnMax sets top[j] to the largest of it and column j of the n rows of the
// panel s.
func columnMax(n int, s, top []float32) {
	for i := range 4 * n {
		if s[i] > top[i%4] {
			top[i%4] = s[i]
		}
	}
}

// columnExp replaces s[i][j] by 2^(scale·s[i][j] - shift[j]) and adds each column
// to sum.
func columnExp(n int, s []float32, scale float32, shift, sum []float32) {
	for i := range 4 * n {
		s[i] = exp2(scale*s[i] - shift[i%4])
		sum[i%4] += s[i]
	}
}

// columnGrad replaces s[i][j] by p = 2^(scale·s[i][j] - shift[j]) and g[i][j] by
// back·p·(g[i][j] - dot[j]).
func columnGrad(n int, s, g []float32, scale, back float32, shift, dot []float32) {
	for i := range 4 * n {
		s[i] = exp2(scale*s[i] - shift[i%4])
		g[i] = back * s[i] * (g[i] - dot[i%4])
	}
}

// columnScale multiplies column j of the panel by f[j].
func columnScale(n int, s, f []float32) {
	for i := range 4 * n {
		s[i] *= f[i%4]
	}
}

// channelSum adds the rows of x to sum.
func channelSum(rows, cols int, sum, x []float32) {
	for r := range rows {
		for j, v := range x[r*cols : r*cols+cols] {
			sum[j] += v
		}
	}
}

// channelMoments adds x + shift[j] of each row to sum, and its square to more.
func channelMoments(rows, cols int, sum, more, x, shift []float32) {
	for r := range rows {
		for j, v := range x[r*cols : r*cols+cols] {
			v += shift[j]
			sum[j] += v
			more[j] += v * v
		}
	}
}

// channelDots adds the rows of a to sum, and a·(x·scale[j] + shift[j]) to more.
func channelDots(rows, cols int, sum, more, a, x, scale, shift []float32) {
	for r := range rows {
		g := a[r*cols : r*cols+cols]
		for j, v := range x[r*cols : r*cols+cols] {
			sum[j] += g[j]
			more[j] += g[j] * (v*scale[j] + shift[j])
		}
	}
}

// channelAffine1 writes y = x·f[j] + h[j].
func channelAffine1(rows, cols int, y, x, f, h []float32) {
	for r := range rows {
		out := y[r*cols : r*cols+cols]
		for j, v := range x[r*cols : r*cols+cols] {
			out[j] = v*f[j] + h[j]
		}
	}
}

// channelAffine2 writes y = x·f[j] + h[j] + a·e[j].
func channelAffine2(rows, cols int, y, x, f, h, a, e []float32) {
	for r := range rows {
		out, g := y[r*cols:r*cols+cols], a[r*cols:r*cols+cols]
		for j, v := range x[r*cols : r*cols+cols] {
			out[j] = v*f[j] + h[j] + g[j]*e[j]
		}
	}
}

// layerNorm normalises one row of n floats; mean[0] and rstd[0] are its own.
func layerNorm(n int, y, x, gain, bias []float32, eps float32, mean, rstd []float32) {
	var s, q float32
	for _, v := range x[:n] {
		s += v
	}
	m := s / float32(n)
	for _, v := range x[:n] {
		q += (v - m) * (v - m)
	}
	r := 1 / float32(math.Sqrt(float64(q/float32(n)+eps)))
	for i, v := range x[:n] {
		y[i] = (v-m)*r*gain[i] + bias[i]
	}
	mean[0], rstd[0] = m, r
}

// layerNormGrad is the gradient of layerNorm for one row; it adds to dgain and
// dbias.
func layerNormGrad(n int, dx, dy, x, gain []float32, mean, rstd float32, dgain, dbias []float32) {
	var a, b float32
	for i, g := range dy[:n] {
		h := (x[i] - mean) * rstd
		dgain[i] += g * h
		dbias[i] += g
		a += g * gain[i]
		b += g * gain[i] * h
	}
	a, b = a/float32(n), b/float32(n)
	for i, g := range dy[:n] {
		dx[i] = (g*gain[i] - a - (x[i]-mean)*rstd*b) * rstd
	}
}

// combine writes y = f[0]·x0 + f[1]·x1 + f[2]·x2 + f[3]·x3.
func combine(n int, y, x0, x1, x2, x3, f []float32) {
	x1, x2, x3, y = x1[:n], x2[:n], x3[:n], y[:n]
	for i, v := range x0[:n] {
		y[i] = f[0]*v + f[1]*x1[i] + f[2]*x2[i] + f[3]*x3[i]
	}
}

// repeatPairs writes y[2v] = y[2v+1] = x[v] for each voxel v of c channels.
func repeatPairs(voxels, c int, y, x []float32) {
	for v := range voxels {
		copy(y[2*v*c:][:c], x[v*c:])
		copy(y[(2*v+1)*c:][:c], x[v*c:])
	}
}

// addPairs writes y[v] = s[2v] + s[2v+1], with s = x0 + x1 + x2 + x3.
func addPairs(voxels, c int, y, x0, x1, x2, x3 []float32) {
	for v := range voxels {
		for i := 2 * v * c; i < 2*v*c+c; i++ {
			y[i-v*c] = x0[i] + x1[i] + x2[i] + x3[i] + (x0[i+c] + x1[i+c] + x2[i+c] + x3[i+c])
		}
	}
}

// blendPairs writes y[2v] = near·x[v+1] + far·x[v] and y[2v+1] = near·x[v+1] +
// far·x[v+2].
func blendPairs(voxels, c int, y, x []float32, near, far float32) {
	for v := range voxels {
		for i := range c {
			at := v*c + i
			m := near * x[at+c]
			y[at+v*c], y[at+v*c+c] = m+far*x[at], m+far*x[at+2*c]
		}
	}
}

// gatherPairs writes y[v] = near·(x[2v+1] + x[2v+2]) + far·(x[2v] + x[2v+3]).
func gatherPairs(voxels, c int, y, x []float32, near, far float32) {
	for v := range voxels {
		for i := range c {
			at := 2*v*c + i
			y[v*c+i] = near*(x[at+c]+x[at+2*c]) + far*(x[at]+x[at+3*c])
		}
	}
}

// burn does 24 multiply-adds n times.
func burn(n int) {
	var s [8]float32
	for range n {
		for range 3 {
			for i := range s {
				s[i] = s[i]*s[i] + 1
			}
		}
	}
	runtime.KeepAlive(s)
}

// read reads n floats.
func read(n int, x []float32) {
	var s float32
	for _, v := range x[:n] {
		s += v
	}
	runtime.KeepAlive(s)
}

// fill writes n floats.
func fill(n int, x []float32) {
	for i := range x[:n] {
		x[i] = 1
	}
}
