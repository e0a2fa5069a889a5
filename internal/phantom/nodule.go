package phantom

import (
	"math"
	"math/rand/v2"
)

// A nodule is a solid whose surface lies at radius(u) from the start of its
// rays in the direction u. Its volume is that of a sphere of its diameter, and
// its centre is its centre of mass.
type nodule struct {
	centre   vec
	diameter float64
	kind     string  // solid, part-solid, ground-glass
	attached string  // none, vessel, pleura
	value    float64 // of its inside, in the modality's unit; of its solid core if part-solid
	veil     float64 // of its ground glass, which fills it around the core
	spikes   []tube  // fine strands that leave it, not part of its truth
	waves    [5]struct {
		along            vec
		phase, amplitude float64
	}
	base float64 // radius before the waves
	rays vec     // where the rays start, from the centre
}

// radius is the distance of the surface in the direction of the unit vector u.
func (n *nodule) radius(u vec) float64 {
	f := 1.0
	for _, w := range n.waves {
		f += w.amplitude * math.Sin(w.along.dot(u)+w.phase)
	}
	return n.base * f
}

// dist is the signed distance of p to the surface, measured along the ray.
func (n *nodule) dist(p vec) float64 {
	q := p.sub(n.centre).sub(n.rays)
	d := q.length()
	if d == 0 {
		return -n.base
	}
	return d - n.radius(q.scale(1/d))
}

func (n *nodule) shape() shape {
	far := 1.6 * n.base
	return shape{n.centre.sub(vec{far, far, far}), n.centre.add(vec{far, far, far}), n.dist}
}

// newNodule draws a surface of the given diameter about the origin; rough is
// the usual amplitude of its waves as a share of the radius.
func newNodule(r *rand.Rand, diameter, rough float64) *nodule {
	n := &nodule{diameter: diameter, base: 1}
	for i := range n.waves {
		w := &n.waves[i]
		w.along = vec{r.NormFloat64() * 2.2, r.NormFloat64() * 2.2, r.NormFloat64() * 2.2}
		w.phase = between(r, 0, 2*math.Pi)
		w.amplitude = rough * between(r, 0.3, 1)
	}
	// Over directions spread evenly, the volume is the mean of 4π/3 radius³ and
	// the first moment that of π radius⁴ u.
	const directions = 2000
	var cube float64
	var moment vec
	for k := range directions {
		u := spiral(k, directions)
		rad := n.radius(u)
		cube += rad * rad * rad / directions
		moment = moment.add(u.scale(rad * rad * rad * rad / directions))
	}
	n.base = diameter / 2 / math.Cbrt(cube)
	n.rays = moment.scale(-0.75 * n.base / cube)
	return n
}

// spiral is the k-th of n unit vectors spread evenly over the sphere.
func spiral(k, n int) vec {
	z := 1 - (2*float64(k)+1)/float64(n)
	s, c := math.Sincos(float64(k) * math.Pi * (3 - math.Sqrt(5)))
	q := math.Sqrt(1 - z*z)
	return vec{q * c, q * s, z}
}

// contour returns the section of n with the plane at height z as a closed
// polygon, or nil where the plane misses it.
func (n *nodule) contour(z float64) []vec {
	const corners = 40
	axis := vec{n.centre[0] + n.rays[0], n.centre[1] + n.rays[1], z}
	if n.dist(axis) >= 0 {
		return nil
	}
	out := make([]vec, corners)
	for i := range out {
		s, c := math.Sincos(2 * math.Pi * float64(i) / corners)
		lo, hi := 0.0, 1.6*n.base
		for range 30 {
			mid := (lo + hi) / 2
			if n.dist(axis.add(vec{c * mid, s * mid, 0})) < 0 {
				lo = mid
			} else {
				hi = mid
			}
		}
		out[i] = axis.add(vec{c * lo, s * lo, 0})
	}
	return out
}

// placeNodules draws the nodules of a patient. vessels are those of both lungs.
// A nodule for which no place is found is left out.
func placeNodules(cfg Config, sc scanner, a *anatomy, vessels tree, r *rand.Rand) []*nodule {
	var out []*nodule
	for range 1 + r.IntN(cfg.NodulesMax) {
		lo, hi := cfg.NoduleDiameterMM[0], cfg.NoduleDiameterMM[1]
		n := newNodule(r, lo+(hi-lo)*math.Pow(r.Float64(), 1.5), between(r, 0.02, 0.1))
		sc.fill(n, r)
		n.attached = []string{"vessel", "pleura", "none", "none", "none"}[r.IntN(5)]
		for try := range 400 {
			if try == 200 {
				n.attached = "none"
			}
			if n.place(a, vessels, r) && n.apart(out) {
				n.spiculate(r)
				out = append(out, n)
				break
			}
		}
	}
	return out
}

// place tries one place for n, according to what it is attached to. A nodule
// lies in the lung but for a hair's breadth.
func (n *nodule) place(a *anatomy, vessels tree, r *rand.Rand) bool {
	rad := n.diameter / 2
	p, ok := a.inLung(r, r.IntN(2), rad, rad+5)
	switch {
	case n.attached == "vessel" && len(vessels) > 0:
		v := vessels[r.IntN(len(vessels))]
		p = v.b.add(spiral(r.IntN(1000), 1000).scale(0.9*rad + v.rb))
		ok = v.rb > 0.8 && v.ra < 2.4
	case n.attached == "pleura" && ok:
		// Outwards until the surface touches.
		away := spiral(r.IntN(1000), 1000)
		for range 200 {
			if q := p.add(away); -a.lungAt(q) >= rad {
				p = q
			}
		}
	}
	n.centre = p
	d := -a.lungAt(p)
	switch {
	case n.attached == "pleura":
		ok = ok && d < rad+1.5
	case n.attached == "none":
		ok = ok && d > rad+3
	}
	return ok && d > 0.95*rad && p[2] > rad+5 && p[2] < a.length-rad-5
}

// apart tells whether n keeps 8 mm from all others.
func (n *nodule) apart(others []*nodule) bool {
	for _, o := range others {
		if n.centre.sub(o.centre).length() < (n.diameter+o.diameter)/2+8 {
			return false
		}
	}
	return true
}

// spiculate gives some of the larger solid nodules strands.
func (n *nodule) spiculate(r *rand.Rand) {
	if n.diameter < 9 || n.kind == "ground-glass" || r.Float64() < 0.6 {
		return
	}
	for range 5 + r.IntN(6) {
		u := spiral(r.IntN(1000), 1000)
		rad := n.radius(u)
		n.spikes = append(n.spikes, tube{
			n.centre.add(u.scale(0.8 * rad)), n.centre.add(u.scale(rad * between(r, 1.3, 1.9))), 0.8, 0.25,
		})
	}
}
