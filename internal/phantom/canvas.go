package phantom

import (
	"math"
	"math/rand/v2"
)

// A canvas is a grid that solids are painted on, z, y, x in memory.
type canvas struct {
	n      [3]int // z, y, x
	step   vec    // mm between voxel centres along x, y, z
	origin vec    // place of voxel (0, 0, 0)
	v      []float32
}

func newCanvas(n [3]int, step, origin vec) *canvas {
	return &canvas{n, step, origin, make([]float32, n[0]*n[1]*n[2])}
}

func (c *canvas) at(iz, iy, ix int) vec {
	return vec{
		c.origin[0] + float64(ix)*c.step[0],
		c.origin[1] + float64(iy)*c.step[1],
		c.origin[2] + float64(iz)*c.step[2],
	}
}

// inside visits the voxels that s covers at least partly, with their index and
// how much of each it covers. Solids thinner than the edge are drawn at the
// edge's width and accordingly fainter by whoever paints them.
func (c *canvas) inside(s shape, visit func(i int, cover float32)) {
	edge := c.step[0]
	var from, to [3]int // along x, y, z
	for k := range 3 {
		n := c.n[2-k]
		from[k] = max(0, int(math.Ceil((s.lo[k]-edge/2-c.origin[k])/c.step[k])))
		to[k] = min(n-1, int(math.Floor((s.hi[k]+edge/2-c.origin[k])/c.step[k])))
	}
	for iz := from[2]; iz <= to[2]; iz++ {
		for iy := from[1]; iy <= to[1]; iy++ {
			row := (iz*c.n[1] + iy) * c.n[2]
			for ix := from[0]; ix <= to[0]; ix++ {
				if d := s.dist(c.at(iz, iy, ix)); d < edge/2 {
					visit(row+ix, float32(coverage(d, edge)))
				}
			}
		}
	}
}

// paint lays value over what is there, inside s.
func (c *canvas) paint(s shape, value float32) {
	c.inside(s, func(i int, cover float32) { c.v[i] += cover * (value - c.v[i]) })
}

// lift raises layer to the coverage of s, at most strength. Joined tubes leave
// no seam in such a layer.
func (c *canvas) lift(layer []float32, s shape, strength float32) {
	c.inside(s, func(i int, cover float32) { layer[i] = max(layer[i], cover*strength) })
}

// liftTube is lift for a tube that may be thinner than a voxel: it is then drawn
// one voxel wide with the same area of section.
func (c *canvas) liftTube(layer []float32, t tube, strength float32) {
	least := c.step[0] / 2
	mean := (t.ra + t.rb) / 2
	if mean < least {
		strength *= float32(mean * mean / (least * least))
	}
	t.ra, t.rb = max(t.ra, least), max(t.rb, least)
	c.lift(layer, t.shape(), strength)
}

// A texture is smooth noise of unit variance at its knots, which lie cell mm
// apart.
type texture struct {
	cell   float64
	n      [3]int // knots along z, y, x
	origin vec
	knots  []float32
}

func newTexture(r *rand.Rand, c *canvas, cell float64) *texture {
	t := &texture{cell: cell, origin: c.origin}
	for k := range 3 {
		t.n[k] = int(float64(c.n[k])*c.step[2-k]/cell) + 2
	}
	t.knots = make([]float32, t.n[0]*t.n[1]*t.n[2])
	for i := range t.knots {
		t.knots[i] = float32(r.NormFloat64())
	}
	return t
}

// row fills dst with the noise along row iy of slice iz of c.
func (t *texture) row(dst []float32, c *canvas, iz, iy int) {
	z, y := float64(iz)*c.step[2]/t.cell, float64(iy)*c.step[1]/t.cell
	kz, ky := int(z), int(y)
	fz, fy := ease(z-float64(kz)), ease(y-float64(ky))
	line := func(dz, dy int) []float32 { return t.knots[((kz+dz)*t.n[1]+ky+dy)*t.n[2]:] }
	l00, l01, l10, l11 := line(0, 0), line(0, 1), line(1, 0), line(1, 1)
	w00, w01, w10, w11 := (1-fz)*(1-fy), (1-fz)*fy, fz*(1-fy), fz*fy
	for ix := range dst {
		x := float64(ix) * c.step[0] / t.cell
		kx := int(x)
		fx := ease(x - float64(kx))
		lo := w00*l00[kx] + w01*l01[kx] + w10*l10[kx] + w11*l11[kx]
		hi := w00*l00[kx+1] + w01*l01[kx+1] + w10*l10[kx+1] + w11*l11[kx+1]
		dst[ix] = lo + fx*(hi-lo)
	}
}

// ease bends a share of a cell so that the noise has no creases at the knots.
func ease(f float64) float32 { return float32(f * f * (3 - 2*f)) }
