package phantom

import "math"

// A vec is a place or a direction in the patient's own coordinates: x, y, z in mm.
type vec [3]float64

func (a vec) add(b vec) vec           { return vec{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }
func (a vec) sub(b vec) vec           { return vec{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }
func (a vec) scale(s float64) vec     { return vec{a[0] * s, a[1] * s, a[2] * s} }
func (a vec) dot(b vec) float64       { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
func (a vec) length() float64         { return math.Sqrt(a.dot(a)) }
func (a vec) to(b vec, t float64) vec { return a.add(b.sub(a).scale(t)) }

// A shape is a solid: its signed distance in mm, negative inside, and the box
// beyond which it is nowhere negative.
type shape struct {
	lo, hi vec
	dist   func(p vec) float64
}

// A tube runs straight from a to b, round at both ends, its radius going from
// ra to rb.
type tube struct {
	a, b   vec
	ra, rb float64
}

// shape returns the solid. Its distance is exact where the radius is constant.
func (t tube) shape() shape {
	r := max(t.ra, t.rb)
	var s shape
	for i := range 3 {
		s.lo[i] = min(t.a[i], t.b[i]) - r
		s.hi[i] = max(t.a[i], t.b[i]) + r
	}
	ab := t.b.sub(t.a)
	along := ab.scale(1 / max(ab.dot(ab), 1e-12))
	s.dist = func(p vec) float64 {
		x, y, z := p[0]-t.a[0], p[1]-t.a[1], p[2]-t.a[2]
		h := min(1, max(0, x*along[0]+y*along[1]+z*along[2]))
		x, y, z = x-h*ab[0], y-h*ab[1], z-h*ab[2]
		return math.Sqrt(x*x+y*y+z*z) - t.ra - h*(t.rb-t.ra)
	}
	return s
}

// An ellipsoid has half-axes r, the first two turned by turn radians about z.
type ellipsoid struct {
	centre, r vec
	turn      float64
}

// dist returns a signed distance that is exact to first order at the surface
// (the value of the implicit function over the length of its gradient).
func (e ellipsoid) dist(p vec) float64 {
	s, c := math.Sincos(e.turn)
	q := p.sub(e.centre)
	x, y, z := (c*q[0]+s*q[1])/e.r[0], (c*q[1]-s*q[0])/e.r[1], q[2]/e.r[2]
	k := math.Sqrt(x*x + y*y + z*z)
	x, y, z = x/e.r[0], y/e.r[1], z/e.r[2]
	g := math.Sqrt(x*x + y*y + z*z)
	if g == 0 {
		return -min(e.r[0], e.r[1], e.r[2])
	}
	return k * (k - 1) / g
}

func (e ellipsoid) shape() shape {
	r := max(e.r[0], e.r[1])
	reach := vec{r, r, e.r[2]}
	return shape{e.centre.sub(reach), e.centre.add(reach), e.dist}
}

// grown returns e with every half-axis mm longer.
func (e ellipsoid) grown(mm float64) ellipsoid {
	e.r = e.r.add(vec{mm, mm, mm})
	return e
}

// both is the intersection of two solids, given their signed distances, its
// edge rounded over about k mm.
func both(a, b, k float64) float64 {
	h := max(k-math.Abs(a-b), 0) / k
	return max(a, b) + h*h*k/4
}

// bump is a bell of height 1 at 0 that falls to 1/e at 1, and is 0 beyond 3.
func bump(x float64) float64 {
	if x < -3 || x > 3 {
		return 0
	}
	return math.Exp(-x * x)
}

// coverage is the share of a voxel that lies inside a surface at signed
// distance d, for an edge width mm wide.
func coverage(d, width float64) float64 {
	return min(1, max(0, 0.5-d/width))
}
