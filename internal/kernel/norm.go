package kernel

import "math"

// LayerNorm writes y = (x - mean)·rstd·gain + bias for each row of x (rows,
// dim), with the row's mean and 1/sqrt(variance + eps), which it also leaves in
// mean and rstd (rows). The variance is the biased one. y may be x. Ba et al.
// 2016, equation 4.
func LayerNorm(y, mean, rstd, x, gain, bias []float32, rows, dim int, eps float32) {
	need("LayerNorm", "y", y, rows*dim)
	need("LayerNorm", "x", x, rows*dim)
	each(rows, func(r int) {
		v, out := x[r*dim:][:dim], y[r*dim:][:dim]
		var s float64
		for _, e := range v {
			s += float64(e)
		}
		m := s / float64(dim)
		var q float64
		for _, e := range v {
			q += (float64(e) - m) * (float64(e) - m)
		}
		rs := float32(1 / math.Sqrt(q/float64(dim)+float64(eps)))
		mu := float32(m)
		mean[r], rstd[r] = mu, rs
		for i, e := range v {
			out[i] = (e-mu)*rs*gain[i] + bias[i]
		}
	})
}

// LayerNormBackward is the gradient of [LayerNorm], from the mean and rstd that
// it left. dx (rows, dim) is overwritten and may be dy; dgain and dbias (dim)
// are overwritten, or added to when accumulate is set.
func LayerNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain []float32, rows, dim int, accumulate bool) {
	need("LayerNormBackward", "dx", dx, rows*dim)
	each((dim+15)/16, func(t int) {
		for i := t * 16; i < min(dim, t*16+16); i++ {
			var sg, sb float64
			for r := range rows {
				g := float64(dy[r*dim+i])
				sg += g * float64((x[r*dim+i]-mean[r])*rstd[r])
				sb += g
			}
			if accumulate {
				dgain[i] += float32(sg)
				dbias[i] += float32(sb)
			} else {
				dgain[i], dbias[i] = float32(sg), float32(sb)
			}
		}
	})
	each(rows, func(r int) {
		g, v, out := dy[r*dim:][:dim], x[r*dim:][:dim], dx[r*dim:][:dim]
		var a, b float64
		for i, e := range g {
			d := float64(e * gain[i])
			a += d
			b += d * float64((v[i]-mean[r])*rstd[r])
		}
		ma, mb := float32(a/float64(dim)), float32(b/float64(dim))
		for i, e := range g {
			out[i] = rstd[r] * (e*gain[i] - ma - (v[i]-mean[r])*rstd[r]*mb)
		}
	})
}

// GroupNorm normalises x (B, voxels, C) over each sample's voxels and each of
// groups equal runs of channels, then scales and shifts each channel: y =
// (x - mean)·rstd·gain + bias. mean and rstd (B, groups) are left for the
// backward pass. groups = C is instance normalisation. y may be x. Wu and He
// 2018, section 3.
func GroupNorm(y, mean, rstd, x, gain, bias []float32, batch, voxels, channels, groups int, eps float32) {
	checkGroups("GroupNorm", y, x, batch, voxels, channels, groups)
	per := channels / groups
	each(batch*groups, func(t int) {
		b, g := t/groups, t%groups
		var s, q float64
		for v := range voxels {
			for _, e := range x[(b*voxels+v)*channels+g*per:][:per] {
				s += float64(e)
			}
		}
		n := float64(voxels * per)
		m := s / n
		for v := range voxels {
			for _, e := range x[(b*voxels+v)*channels+g*per:][:per] {
				q += (float64(e) - m) * (float64(e) - m)
			}
		}
		mu, rs := float32(m), float32(1/math.Sqrt(q/n+float64(eps)))
		mean[t], rstd[t] = mu, rs
		for v := range voxels {
			at := (b*voxels+v)*channels + g*per
			for i := range per {
				y[at+i] = (x[at+i]-mu)*rs*gain[g*per+i] + bias[g*per+i]
			}
		}
	})
}

// GroupNormBackward is the gradient of [GroupNorm], from the mean and rstd that
// it left. dx (B, voxels, C) is overwritten and may be dy; dgain and dbias (C)
// are overwritten, or added to when accumulate is set.
func GroupNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain []float32, batch, voxels, channels, groups int, accumulate bool) {
	checkGroups("GroupNormBackward", dx, dy, batch, voxels, channels, groups)
	per := channels / groups
	each(groups, func(g int) {
		sg, sb := make([]float64, per), make([]float64, per)
		for b := range batch {
			m, rs := mean[b*groups+g], rstd[b*groups+g]
			var a, c float64
			for v := range voxels {
				at := (b*voxels+v)*channels + g*per
				for i := range per {
					d, h := dy[at+i], (x[at+i]-m)*rs
					sb[i] += float64(d)
					sg[i] += float64(d * h)
					a += float64(d * gain[g*per+i])
					c += float64(d * gain[g*per+i] * h)
				}
			}
			n := float64(voxels * per)
			ma, mc := float32(a/n), float32(c/n)
			for v := range voxels {
				at := (b*voxels+v)*channels + g*per
				for i := range per {
					dx[at+i] = rs * (dy[at+i]*gain[g*per+i] - ma - (x[at+i]-m)*rs*mc)
				}
			}
		}
		for i := range per {
			if accumulate {
				dgain[g*per+i] += float32(sg[i])
				dbias[g*per+i] += float32(sb[i])
			} else {
				dgain[g*per+i], dbias[g*per+i] = float32(sg[i]), float32(sb[i])
			}
		}
	})
}

func checkGroups(name string, y, x []float32, batch, voxels, channels, groups int) {
	if groups < 1 || channels%groups != 0 {
		panic("kernel: " + name + ": groups must divide channels")
	}
	need(name, "output", y, batch*voxels*channels)
	need(name, "input", x, batch*voxels*channels)
}
