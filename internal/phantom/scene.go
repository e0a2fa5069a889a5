package phantom

import (
	"math"
	"math/rand/v2"
)

// A scene is everything there is of one patient, before it is scanned.
type scene struct {
	*anatomy
	scanner
	organs   []part
	vessels  tree
	airways  tree
	nodules  []*nodule
	scars    tree
	blebs    []ellipsoid
	fissures [3]vec // per lobe border: height at the axis, slopes along y and x
}

// newScene draws a patient. Nodules are drawn only if ill.
func newScene(cfg Config, sc scanner, a *anatomy, ill bool, r func(purpose string) *rand.Rand) *scene {
	s := &scene{anatomy: a, scanner: sc}
	s.organs = organs(a, r("organs"))
	s.growTrees(r("trees"))
	if ill {
		s.nodules = placeNodules(cfg, sc, a, s.vessels, r("nodules"))
	}
	s.addDecoys(r("decoys"))
	return s
}

func (s *scene) growTrees(r *rand.Rand) {
	for sd := range 2 {
		x := sign(sd) * s.size
		for _, root := range []vec{{x * 31, 3, s.hilum + 4}, {x * 29, 9, s.hilum - 12}} {
			s.vessels = append(s.vessels, s.growInto(r, sd, root, 520, 0.62, 2.8)...)
		}
		carina := vec{0, 6, s.hilum + 18}
		hilum := vec{x * 33, 7, s.hilum - 2}
		main := tube{carina, hilum, 6.5, 5}
		s.airways = append(s.airways, main)
		s.airways = append(s.airways, s.growInto(r, sd, hilum, 22, 0.75, 2.3)...)
	}
	s.airways = append(s.airways, tube{vec{-1, -2, s.length + 10}, vec{0, 6, s.hilum + 18}, 8.5, 8})
}

func (s *scene) growInto(r *rand.Rand, sd int, root vec, n int, thin, power float64) tree {
	places := make([]vec, 0, n)
	for range n {
		if p, ok := s.inLung(r, sd, 3, -10); ok {
			places = append(places, p)
		}
	}
	if len(places) == 0 {
		return nil
	}
	return grow(r, root, places, thin, power)
}

// addDecoys draws what may be taken for a nodule and is none: scars, thin-walled
// blebs and the borders of the lobes. None comes near a nodule.
func (s *scene) addDecoys(r *rand.Rand) {
	far := func(p vec, mm float64) bool {
		for _, n := range s.nodules {
			if p.sub(n.centre).length() < n.diameter/2+mm {
				return false
			}
		}
		return true
	}
	for range r.IntN(s.scanner.scars + 1) {
		p, ok := s.inLung(r, r.IntN(2), 1, 4)
		if !ok || s.lungAt(p) < -7 || !far(p, 30) {
			continue
		}
		for range 2 + r.IntN(3) {
			q := p.add(vec{-sign(side(p[0])) * between(r, 4, 16), between(r, -10, 10), between(r, -8, 8)})
			s.scarLine(r, p, q)
		}
	}
	for range r.IntN(s.scanner.scars + 1) {
		size := between(r, 2.5, 7)
		if p, ok := s.inLung(r, r.IntN(2), size+0.5, 6); ok && s.lungAt(p) > -size-8 && far(p, size+6) {
			s.blebs = append(s.blebs, ellipsoid{p, vec{size, size * between(r, 0.7, 1), size * between(r, 0.8, 1.1)}, between(r, 0, 3)})
		}
	}
	for k := range s.fissures {
		s.fissures[k] = vec{between(r, -6, 6), between(r, 0.75, 1.05), between(r, -0.12, 0.12)}
	}
}

func (s *scene) scarLine(r *rand.Rand, a, b vec) {
	g := &grower{r: r}
	g.bent(a, b, between(r, 0.8, 1.8), 0.4)
	s.scars = append(s.scars, g.out...)
}

// fissure is the distance of p to the nearest border between lobes.
func (s *scene) fissure(p vec) float64 {
	f := s.fissures[side(p[0])]
	oblique := (p[2] - (s.hilum + f[0]) - f[1]*p[1] - f[2]*p[0]) / math.Sqrt(1+f[1]*f[1])
	d := math.Abs(oblique)
	if side(p[0]) == right && oblique < -2 { // the middle lobe's upper border, in front of the oblique one
		f = s.fissures[2]
		d = min(d, math.Abs(p[2]-s.hilum-f[0]-2-0.15*f[2]*p[1]-0.0012*p[1]*p[1]))
	}
	return d
}
