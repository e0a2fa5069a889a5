package phantom

import (
	"math"
	"math/rand/v2"
)

// fineness is how many painted slices make one scanned slice.
const fineness = 2

// acquire scans a painted canvas: it averages along z, blurs by the point
// spread, shades and adds noise. The result is in the modality's unit.
func (s scanner) acquire(fine *canvas, strength float64, r *rand.Rand) *canvas {
	c := thicken(fine)
	blurPlane(c, s.blurMM[0]/c.step[0])
	blurZ(c, s.blurMM[1]/c.step[2])
	if s.bias > 0 {
		s.shade(c, r)
	}
	s.addNoise(c, strength, r)
	return c
}

// thicken averages every fineness slices into one.
func thicken(fine *canvas) *canvas {
	n := [3]int{fine.n[0] / fineness, fine.n[1], fine.n[2]}
	origin := fine.origin.add(vec{0, 0, fine.step[2] * (fineness - 1) / 2})
	c := newCanvas(n, vec{fine.step[0], fine.step[1], fine.step[2] * fineness}, origin)
	slice := n[1] * n[2]
	for iz := range n[0] {
		out := c.v[iz*slice:][:slice]
		for k := range fineness {
			for i, v := range fine.v[(iz*fineness+k)*slice:][:slice] {
				out[i] += v / fineness
			}
		}
	}
	return c
}

// bell returns half a normalised Gaussian kernel, its middle first.
func bell(sigma float64) []float32 {
	if sigma <= 0 {
		return []float32{1}
	}
	n := int(math.Ceil(2.5 * sigma))
	w := make([]float64, n+1)
	sum := 0.0
	for i := range w {
		w[i] = math.Exp(-float64(i*i) / (2 * sigma * sigma))
		sum += w[i]
		if i > 0 {
			sum += w[i]
		}
	}
	out := make([]float32, n+1)
	for i := range w {
		out[i] = float32(w[i] / sum)
	}
	return out
}

// blurLine replaces the n values of v that lie stride apart, the outermost
// taken to go on for ever. tmp has length n.
func blurLine(v []float32, n, stride int, half, tmp []float32) {
	for i := range n {
		tmp[i] = v[i*stride]
	}
	for i := range n {
		sum := half[0] * tmp[i]
		for k := 1; k < len(half); k++ {
			sum += half[k] * (tmp[max(0, i-k)] + tmp[min(n-1, i+k)])
		}
		v[i*stride] = sum
	}
}

// blurPlane blurs every slice by a Gaussian of sigma pixels.
func blurPlane(c *canvas, sigma float64) {
	half := bell(sigma)
	if len(half) == 1 {
		return
	}
	tmp := make([]float32, max(c.n[1], c.n[2]))
	for iz := range c.n[0] {
		slice := c.v[iz*c.n[1]*c.n[2]:]
		for iy := range c.n[1] {
			blurLine(slice[iy*c.n[2]:], c.n[2], 1, half, tmp)
		}
		for ix := range c.n[2] {
			blurLine(slice[ix:], c.n[1], c.n[2], half, tmp)
		}
	}
}

// blurZ blurs along z by a Gaussian of sigma slices.
func blurZ(c *canvas, sigma float64) {
	half := bell(sigma)
	if len(half) == 1 {
		return
	}
	tmp := make([]float32, c.n[0])
	stride := c.n[1] * c.n[2]
	for i := range stride {
		blurLine(c.v[i:], c.n[0], stride, half, tmp)
	}
}

// shade multiplies c by a slow field between about 1-bias and 1+bias.
func (s scanner) shade(c *canvas, r *rand.Rand) {
	a, b, x0, z0 := between(r, -1, 1), between(r, -1, 1), between(r, -60, 60), between(r, 0.2, 0.8)
	high := float64(c.n[0]) * c.step[2]
	for i := range c.v {
		p := c.at(i/(c.n[1]*c.n[2]), i/c.n[2]%c.n[1], i%c.n[2])
		far := bump((p[0]-x0)/140)*bump(p[1]/120)*bump((p[2]/high-z0)/0.8)*2 - 1
		c.v[i] *= float32(1 - s.bias*(0.7*far+0.2*a*p[0]/140+0.2*b*p[1]/100))
	}
}

// addNoise adds noise that hangs together within a slice. It is Gaussian for CT;
// grows with the root of the signal for PT, as counts do; and is that of a
// magnitude for MR (Rice).
func (s scanner) addNoise(c *canvas, strength float64, r *rand.Rand) {
	if strength == 0 {
		return
	}
	first := s.noiseField(c, strength, r)
	switch s.modality {
	case "CT":
		for i := range c.v {
			c.v[i] += first.v[i]
		}
	case "PT":
		for i, v := range c.v {
			c.v[i] = max(0, v+first.v[i]*float32(math.Sqrt(float64(max(v, 0.02)))))
		}
	case "MR":
		second := s.noiseField(c, strength, r)
		for i, v := range c.v {
			c.v[i] = float32(math.Hypot(float64(v+first.v[i]), float64(second.v[i])))
		}
	}
}

// noiseField is blurred white noise whose standard deviation after the blur is
// s.noise*strength.
func (s scanner) noiseField(c *canvas, strength float64, r *rand.Rand) *canvas {
	f := newCanvas(c.n, c.step, c.origin)
	half := bell(s.grain)
	energy := half[0] * half[0]
	for _, w := range half[1:] {
		energy += 2 * w * w
	}
	scale := float32(s.noise*strength) / energy // the kernel is used along x and y
	for i := range f.v {
		f.v[i] = float32(r.NormFloat64()) * scale
	}
	blurPlane(f, s.grain)
	return f
}
