package phantom

import (
	"math"
	"math/rand/v2"
)

// angles is how many directions the outlines of a slice are tabulated for.
const angles = 180

// A polar is where the columns and rows of a canvas lie around the body's axis.
type polar struct {
	radius []float32 // mm, rows*columns
	turn   []float32 // 0 to angles
}

func newPolar(c *canvas) polar {
	p := polar{make([]float32, c.n[1]*c.n[2]), make([]float32, c.n[1]*c.n[2])}
	for i := range p.radius {
		at := c.at(0, i/c.n[2], i%c.n[2])
		p.radius[i] = float32(math.Hypot(at[0], at[1]))
		th := math.Atan2(at[1], at[0])
		p.turn[i] = float32(math.Mod(th/(2*math.Pi)+1, 1) * angles)
	}
	return p
}

// outlines are the surfaces around one slice by angle, its first entry repeated at the end.
type outlines struct{ skin, muscle, cage [angles + 1]float32 }

func (a *anatomy) outlines(z float64) *outlines {
	var o outlines
	for i := range angles + 1 {
		s, m, c := a.body(2*math.Pi*float64(i)/angles, z)
		o.skin[i], o.muscle[i], o.cage[i] = float32(s), float32(m), float32(c)
	}
	return &o
}

func lookUp(table *[angles + 1]float32, turn float32) float32 {
	i := min(int(turn), angles-1)
	return table[i] + (turn-float32(i))*(table[i+1]-table[i])
}

// render paints s on a grid of n voxels (z, y, x) of the given step and origin.
func (s *scene) render(n [3]int, step, origin vec, r *rand.Rand) *canvas {
	c := newCanvas(n, step, origin)
	where := newPolar(c)
	s.paintTrunk(c, where, r)
	s.paintTable(c)
	for _, o := range s.organs {
		c.paint(o.shape, s.value[o.tissue])
	}
	lung := s.paintLungs(c, where, r)
	s.paintTrees(c, lung)
	s.paintFindings(c, lung)
	return c
}

// paintTrunk paints the layers of the body's wall and fills the cage with fat.
func (s *scene) paintTrunk(c *canvas, where polar, r *rand.Rand) {
	slow, fine := newTexture(r, c, 24), newTexture(r, c, 5)
	a, b := make([]float32, c.n[2]), make([]float32, c.n[2])
	edge := c.step[0]
	for i := range c.v {
		c.v[i] = s.value[air]
	}
	for iz := range c.n[0] {
		o := s.outlines(c.origin[2] + float64(iz)*c.step[2])
		for iy := range c.n[1] {
			slow.row(a, c, iz, iy)
			fine.row(b, c, iz, iy)
			flat := iy * c.n[2]
			row := c.v[iz*c.n[1]*c.n[2]+flat:][:c.n[2]]
			for ix := range row {
				rad, turn := where.radius[flat+ix], where.turn[flat+ix]
				dSkin := float64(rad - lookUp(&o.skin, turn))
				if dSkin > edge {
					continue
				}
				dMuscle := float64(rad - lookUp(&o.muscle, turn))
				dCage := float64(rad - lookUp(&o.cage, turn))
				if dCage < -1-edge {
					row[ix] = s.value[fat] + s.soft*b[ix]
					continue
				}
				v := row[ix]
				v += float32(coverage(dSkin, edge)) * (s.value[skin] - v)
				v += float32(coverage(dSkin+2, edge)) * (s.value[fat] - v)
				flesh := s.value[muscle] + muscleFat(dMuscle, a[ix])*(s.value[fat]-s.value[muscle])
				v += float32(coverage(dMuscle, edge)) * (flesh - v)
				v += float32(coverage(dCage+1, edge)) * (s.value[fat] - v)
				row[ix] = v + s.soft*b[ix]*float32(coverage(dSkin, edge))
			}
		}
	}
}

// muscleFat is the share of fat between the layers of muscle, d mm (negative)
// under their surface: sheets about 16 mm apart, which noise bends and thins.
func muscleFat(d float64, noise float32) float32 {
	phase := d/16 + 0.55*float64(noise)
	phase -= math.Floor(phase)
	return float32(bump((phase-0.5)*12) * min(1, max(0.15, 0.6+0.5*float64(noise))))
}

// paintTable paints the shell of the table under the body.
func (s *scene) paintTable(c *canvas) {
	const bend = 420.0
	top := s.half[1]*1.04 + 7
	c.paint(shape{
		vec{-400, top - 28, -1e3}, vec{400, top + 2, s.length + 1e3},
		func(p vec) float64 {
			d := math.Hypot(p[0], p[1]-(top-bend)) - bend
			return math.Abs(d) - 1.5
		},
	}, s.value[table])
}

// paintLungs lays the lungs over what is there and returns how much of every
// voxel they cover.
func (s *scene) paintLungs(c *canvas, where polar, r *rand.Rand) []float32 {
	slow, fine := newTexture(r, c, 22), newTexture(r, c, 3.1)
	a, b := make([]float32, c.n[2]), make([]float32, c.n[2])
	lung := make([]float32, len(c.v))
	for iz := range c.n[0] {
		o := s.outlines(c.origin[2] + float64(iz)*c.step[2])
		for iy := range c.n[1] {
			slow.row(a, c, iz, iy)
			fine.row(b, c, iz, iy)
			flat := iy * c.n[2]
			start := iz*c.n[1]*c.n[2] + flat
			first := c.at(iz, iy, 0)
			middle := s.mediastina(first[1], first[2])
			for ix := range c.n[2] {
				dCage := float64(where.radius[flat+ix] - lookUp(&o.cage, where.turn[flat+ix]))
				if dCage > 0 {
					continue
				}
				p := c.at(iz, iy, ix)
				cover := float32(coverage(s.lung(p, dCage, middle), c.step[0]))
				if cover == 0 {
					continue
				}
				lung[start+ix] = cover
				v := s.value[lungTissue] + s.gravity*float32(p[1])/100 + s.lungSlow*a[ix] + s.lungFine*b[ix]
				sheet := float32(coverage(s.fissure(p)-0.4, c.step[0])) * float32(0.8/c.step[0])
				v += sheet * 0.5 * (s.value[muscle] - v)
				c.v[start+ix] += cover * (v - c.v[start+ix])
			}
		}
	}
	return lung
}

// paintTrees lays vessels and airways into the lungs; the walls of the large
// airways lie in the mediastinum too.
func (s *scene) paintTrees(c *canvas, lung []float32) {
	vessel := make([]float32, len(c.v))
	for _, t := range s.vessels {
		c.liftTube(vessel, t, 1)
	}
	for _, t := range s.scars {
		c.liftTube(vessel, t, 0.8)
	}
	wall, lumen := make([]float32, len(c.v)), make([]float32, len(c.v))
	for _, t := range s.airways {
		outer := t
		outer.ra, outer.rb = 1.12*t.ra+0.5, 1.12*t.rb+0.5
		c.liftTube(wall, outer, 1)
		c.liftTube(lumen, t, 1)
	}
	for i, cover := range vessel {
		if cover *= lung[i]; cover > 0 {
			c.v[i] += cover * (s.value[blood] - c.v[i])
		}
		if wall[i] > 0 {
			c.v[i] += wall[i] * (s.value[airwayWall] - c.v[i])
			c.v[i] += lumen[i] * (s.value[air] - c.v[i])
		}
	}
}

// paintFindings lays blebs and nodules into the lungs.
func (s *scene) paintFindings(c *canvas, lung []float32) {
	for _, e := range s.blebs {
		c.paint(e.grown(0.9).shape(), s.value[lungTissue]+0.35*(s.value[muscle]-s.value[lungTissue]))
		c.paint(e.shape(), s.value[air]+0.1*(s.value[lungTissue]-s.value[air]))
	}
	for _, n := range s.nodules {
		spikes := make([]float32, 0)
		if len(n.spikes) > 0 {
			spikes = make([]float32, len(c.v))
		}
		for _, t := range n.spikes {
			c.liftTube(spikes, t, 0.7)
		}
		for i, cover := range spikes {
			c.v[i] += cover * lung[i] * (float32(n.value) - c.v[i])
		}
		if n.kind != "part-solid" {
			c.paint(n.shape(), float32(n.value))
			continue
		}
		c.paint(n.shape(), float32(n.veil))
		core := *n
		core.base *= 0.55
		c.paint(core.shape(), float32(n.value))
	}
}
