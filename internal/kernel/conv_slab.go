package kernel

// A grid is how outputs lie on the voxels of a source (B, D, H, W, C): output o
// and tap t of an axis meet at voxel o·step + t - before, which counts as zero
// outside the source.
type grid struct {
	batch                   int
	in                      [3]int
	channels                int
	out, taps, step, before [3]int
}

// slabFloats is the size that a task's part of the source should not exceed, so
// that it stays in the second-level cache beside the weights.
const slabFloats = 48 << 10

// rows returns how many rows of outputs a task takes for a slab of some floats. It
// depends on the shape alone.
func (g *grid) rows(floats int) int {
	row := g.taps[0] * g.width() * g.channels
	r := (floats/row-g.taps[1])/g.step[1] + 1
	return min(max(r, 1), g.out[1])
}

// width is the number of voxels that a row of outputs reaches over.
func (g *grid) width() int { return (g.out[2]-1)*g.step[2] + g.taps[2] }

// A slab is the part of a source that some rows of outputs need, with the zeros
// around it. Voxel (z, y, x) is at z·plane + y·row + x·channels.
type slab struct {
	data       []float32
	plane, row int
}

// slab copies what rows y0 to y1 of plane z of the outputs need from sample x.
func (g *grid) slab(s *scratch, x []float32, z, y0, y1 int) slab {
	c := g.channels
	if b, ok := g.inside(x, z, y0); ok {
		return b
	}
	height := (y1-y0-1)*g.step[1] + g.taps[1]
	b := slab{row: g.width() * c}
	b.plane = height * b.row
	b.data = s.floats(0, g.taps[0]*b.plane)
	left := -g.before[2] // the voxel at the start of a row
	lo, hi := max(left, 0), min(left+g.width(), g.in[2])
	for t := range g.taps[0] {
		iz := z*g.step[0] + t - g.before[0]
		for r := range height {
			iy := y0*g.step[1] + r - g.before[1]
			dst := b.data[t*b.plane+r*b.row:][:b.row]
			if iz < 0 || iz >= g.in[0] || iy < 0 || iy >= g.in[1] || lo >= hi {
				clear(dst)
				continue
			}
			clear(dst[:(lo-left)*c])
			copy(dst[(lo-left)*c:], x[((iz*g.in[1]+iy)*g.in[2]+lo)*c:][:(hi-lo)*c])
			clear(dst[(hi-left)*c:])
		}
	}
	return b
}

// inside returns the source itself where no output reaches over its edge.
func (g *grid) inside(x []float32, z, y0 int) (slab, bool) {
	for i := range 3 {
		if g.before[i] > 0 || (g.out[i]-1)*g.step[i]+g.taps[i]-g.before[i] > g.in[i] {
			return slab{}, false
		}
	}
	b := slab{row: g.in[2] * g.channels}
	b.plane = g.in[1] * b.row
	at := (z*g.step[0]-g.before[0])*b.plane + (y0*g.step[1]-g.before[1])*b.row - g.before[2]*g.channels
	b.data = x[at:]
	return b, true
}

// segments lists where the taps of each z and y begin.
func (b slab) segments(s *scratch, taps [3]int) []int {
	s.segs = s.segs[:0]
	for z := range taps[0] {
		for y := range taps[1] {
			s.segs = append(s.segs, z*b.plane+y*b.row)
		}
	}
	return s.segs
}
