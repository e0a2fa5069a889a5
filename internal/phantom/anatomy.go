package phantom

import (
	"math"
	"math/rand/v2"
)

// An anatomy is the course of one patient's surfaces.
type anatomy struct {
	size   float64    // this body's scale, 1 being 264 mm wide
	length float64    // extent of the scan along z, mm
	half   [2]float64 // half-width and half-depth of the body, mm
	fat    [2]float64 // thickness of the fat under the skin at the side and at the front, mm
	wave   [6]float64 // phases of the slow departures from symmetry
	dome   [2]float64 // height of the diaphragm's domes: right, left
	apex   float64    // height of the lungs' tops
	hilum  float64    // height of the hila
	spine  float64    // y of the middle of the vertebral bodies
	heart  ellipsoid
}

const right, left = 0, 1

// side tells the lung that a place with this x belongs to: x runs to the left.
func side(x float64) int {
	if x < 0 {
		return right
	}
	return left
}

// sign is the sign of x on a side.
func sign(side int) float64 { return float64(2*side - 1) }

func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }

// newAnatomy draws a body that is scanned over length mm.
func newAnatomy(r *rand.Rand, length float64) *anatomy {
	a := &anatomy{size: between(r, 0.95, 1.06), length: length}
	s := a.size
	a.half = [2]float64{132 * s, between(r, 88, 97) * s}
	a.fat = [2]float64{between(r, 6, 16), between(r, 5, 14)}
	for i := range a.wave {
		a.wave[i] = between(r, 0, 2*math.Pi)
	}
	a.dome[right] = between(r, 0.2, 0.32) * length
	a.dome[left] = a.dome[right] - between(r, 4, 14)
	a.apex = between(r, 0.93, 1.06) * length
	a.hilum = a.dome[right] + between(r, 0.31, 0.38)*length
	a.spine = 0.56 * a.half[1]
	a.heart = ellipsoid{
		centre: vec{between(r, 14, 20) * s, -0.24 * a.half[1], a.dome[left] + 0.2*length},
		r:      vec{between(r, 48, 57) * s, between(r, 33, 40) * s, between(r, 0.2, 0.24) * length},
		turn:   -between(r, 0.4, 0.7),
	}
	return a
}

// outline is the radius of a rounded box with half-sides rx, ry at the angle
// whose cosine and sine are given.
func outline(rx, ry, cos, sin float64) float64 {
	const p = 2.5
	return math.Pow(math.Pow(math.Abs(cos)/rx, p)+math.Pow(math.Abs(sin)/ry, p), -1/p)
}

// body returns how far the skin, the muscle under the fat and the inside of the
// rib cage are from the axis at angle th and height z.
func (a *anatomy) body(th, z float64) (skin, muscle, cage float64) {
	sin, cos := math.Sincos(th)
	up := z / a.length
	slow := 1 + 0.015*math.Sin(2*th+a.wave[0]) + 0.012*math.Sin(3*th+a.wave[1]+up) + 0.02*up
	skin = outline(a.half[0], a.half[1], cos, sin) * slow
	front := max(0, -sin)
	fat := a.fat[0]*cos*cos + a.fat[1]*sin*sin
	// Fat gathers in two pads at the front and thins towards the shoulders.
	fat *= 1 + 0.8*front*bump((math.Abs(cos)-0.55)/0.3)*bump((up-0.45)/0.3) - 0.3*up
	muscle = skin - max(3, fat) - 1.5*math.Sin(5*th+a.wave[2])
	taper := 1 - 0.33*up*up
	wall := 15 + 9*bump((math.Abs(cos)-0.75)/0.25)*up + 4*bump((math.Abs(cos)-0.6)/0.2)*front
	cage = outline(a.half[0]-a.fat[0]-10, a.half[1]-a.fat[1]-4, cos, sin)*slow*taper - wall*0.6
	cage = min(cage, muscle-10)
	return skin, muscle, cage
}

// mediastina are its half-widths on both sides.
func (a *anatomy) mediastina(y, z float64) [2]float64 {
	return [2]float64{a.mediastinum(right, y, z), a.mediastinum(left, y, z)}
}

// mediastinum is the half-width, on one side, of what lies between the lungs.
func (a *anatomy) mediastinum(side int, y, z float64) float64 {
	s := a.size
	y /= s
	w := 7 + 17*bump((y-4)/28) + 15*bump((y-a.spine/s)/17)
	w += 9 * bump((y-10)/17) * bump((z-a.hilum)/16)
	if side == left {
		w += 7*bump((y-32)/13) + 9*bump((y-8)/26)*bump((z-a.hilum-36)/11)
	}
	return s * (w + 1.5*math.Sin(z/17+a.wave[3+side]))
}

// diaphragm is the height of its surface over x, y, on the given side.
func (a *anatomy) diaphragm(side int, x, y float64) float64 {
	x, y = (math.Abs(x)-50*a.size)/(64*a.size), (y+10)/(62*a.size)
	return a.dome[side] - 42*(x*x+y*y)
}

// lung is the signed distance of p to the surface of the lung on its side. cage
// is how far p lies outside the rib cage, and middle the half-widths of the
// mediastinum on both sides at p's y and z.
func (a *anatomy) lung(p vec, cage float64, middle [2]float64) float64 {
	sd := side(p[0])
	d := both(cage+2, middle[sd]-math.Abs(p[0]), 8)
	if h := a.heart; math.Abs(p[2]-h.centre[2]) < h.r[2]+12 {
		d = both(d, 3-h.dist(p), 6)
	}
	d = both(d, a.diaphragm(sd, p[0], p[1])-p[2], 6)
	x, y := (math.Abs(p[0])-44*a.size)/(44*a.size), (p[1]-8)/(50*a.size)
	return both(d, p[2]-a.apex+26*(x*x+y*y), 10)
}

// lungAt is lung for a place alone.
func (a *anatomy) lungAt(p vec) float64 {
	_, _, cage := a.body(math.Atan2(p[1], p[0]), p[2])
	return a.lung(p, math.Hypot(p[0], p[1])-cage, a.mediastina(p[1], p[2]))
}

// inLung draws a place at least depth mm inside a lung and margin mm from the
// scan's ends, on the given side. It reports false if many trials found none.
func (a *anatomy) inLung(r *rand.Rand, side int, depth, margin float64) (vec, bool) {
	for range 400 {
		p := vec{
			sign(side) * between(r, 0, a.half[0]),
			between(r, -a.half[1], a.half[1]),
			between(r, margin, a.length-margin),
		}
		if a.lungAt(p) < -depth {
			return p, true
		}
	}
	return vec{}, false
}
