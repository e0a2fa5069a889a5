package kernel

// Conv3DBackward is the gradient of [Conv3D]. dx is overwritten, or nil to skip
// it; dw and db (nil to skip) are overwritten, or added to when accumulate is
// set.
func Conv3DBackward(dx, dw, db, dy, x, w []float32, s ConvShape, accumulate bool) {
	s.check("Conv3DBackward", x, w, dy)
	need("Conv3DBackward", "dw", dw, s.COut*s.inner())
	if dx != nil {
		need("Conv3DBackward", "dx", dx, s.Batch*volume(s.In)*s.CIn)
		convInput(dx, dy, w, s)
	}
	convWeights(dw, dy, x, s, accumulate)
	if db != nil {
		columnSums("Conv3DBackward", db, dy, s.Batch*volume(s.Out()), s.COut, accumulate)
	}
}

// convInput computes dx. Input voxels with the same remainder by the stride, a
// phase, meet the same taps, so each phase is a correlation of step 1 with dy:
// voxel stride·i + phase meets tap r + stride·t at output i + q - t, where
// phase + pad = stride·q + r.
func convInput(dx, dy, w []float32, s ConvShape) {
	j := correlations.get()
	in, size := s.In, volume(s.In)*s.CIn
	if s.Kernel[0] < s.Stride[0] || s.Kernel[1] < s.Stride[1] || s.Kernel[2] < s.Stride[2] {
		clear(dx[:s.Batch*size]) // some phases meet no tap
	}
	for at := range volume(s.Stride) {
		phase := [3]int{at / (s.Stride[1] * s.Stride[2]), at / s.Stride[2] % s.Stride[1], at % s.Stride[2]}
		g := grid{batch: s.Batch, in: s.Out(), channels: s.COut, step: [3]int{1, 1, 1}}
		var tap [3]int
		for i, st := range s.Stride {
			q, r := (phase[i]+s.Pad[i])/st, (phase[i]+s.Pad[i])%st
			tap[i] = r
			g.taps[i] = max(0, ceil(s.Kernel[i]-r, st))
			g.out[i] = max(0, ceil(in[i]-phase[i], st))
			g.before[i] = g.taps[i] - 1 - q
		}
		if volume(g.taps) == 0 {
			continue
		}
		j.grid, j.p, j.x, j.w, j.y, j.cols = g, current, dy, w, dx, s.CIn
		j.shape, j.tap, j.weights, j.sample = s, tap, backwardWeights, size
		plane, row := in[1]*in[2]*s.CIn, in[2]*s.CIn
		j.jump = [3]int{s.Stride[0] * plane, s.Stride[1] * row, s.Stride[2] * s.CIn}
		j.base = phase[0]*plane + phase[1]*row + phase[2]*s.CIn
		j.do()
	}
	j.release()
}

// backwardWeights packs, for each tap of a phase from the last to the first, the
// rows of w for its COut channels.
func backwardWeights(j *correlation, dst []float32, panel int) {
	s, n := j.shape, j.p.columns
	from := panel * n
	for z := range j.taps[0] {
		for y := range j.taps[1] {
			for x := range j.taps[2] {
				kz := j.tap[0] + (j.taps[0]-1-z)*s.Stride[0]
				ky := j.tap[1] + (j.taps[1]-1-y)*s.Stride[1]
				kx := j.tap[2] + (j.taps[2]-1-x)*s.Stride[2]
				src := j.w[((kz*s.Kernel[1]+ky)*s.Kernel[2]+kx)*s.CIn+from:]
				out := dst[((z*j.taps[1]+y)*j.taps[2]+x)*s.COut*n:]
				w := min(n, j.cols-from)
				for l := 0; l < w; l += j.p.copyLanes {
					j.p.copyRows(s.COut, min(j.p.copyLanes, w-l), src[l:], s.inner(), out[l:], n)
				}
			}
		}
	}
}

// A convGrad computes dw. For each tap of z and y, the sum over outputs of input
// times dy is a product of the source read along x and of packed dy. A task is a
// share of the rows of outputs; shares are added in order at the end.
type convGrad struct {
	grid
	p          *path
	shape      ConvShape
	x, dy, dw  []float32
	rows       int // of a block of outputs
	blocks     int
	shares     int
	parts      buffer // each (kd, kh, kw, CIn, COut)
	accumulate bool
	folding    bool
}

var convGrads stash[convGrad]

// convShares is into how many sums dw is split, fewer where they would fill more
// than shareFloats; it fixes the order of the sums.
const (
	convShares  = 8
	shareFloats = 2 << 20
)

func convWeights(dw, dy, x []float32, s ConvShape, accumulate bool) {
	j := convGrads.get()
	*j = convGrad{p: current, shape: s, x: x, dy: dy, dw: dw, accumulate: accumulate, parts: j.parts}
	j.grid = grid{batch: s.Batch, in: s.In, channels: s.CIn, out: s.Out(), taps: s.Kernel, step: s.Stride, before: s.Pad}
	j.rows = j.grid.rows(2 * slabFloats)
	j.blocks = s.Batch * j.out[0] * ceil(j.out[1], j.rows)
	j.shares = min(j.blocks, max(2, min(convShares, shareFloats/(s.inner()*s.COut))))
	j.parts.floats(j.shares * s.inner() * s.COut)
	if j.blocks == 0 { // no samples: the sum of nothing
		j.shares = 1
		clear(j.parts.floats(s.inner() * s.COut))
	} else {
		parallel(j.shares, j)
	}
	j.folding = true
	parallel(ceil(s.inner(), j.p.transLanes), j)
	*j = convGrad{parts: j.parts}
	convGrads.put(j)
}

func (j *convGrad) run(i int, s *scratch) {
	if j.folding {
		j.fold(i, s)
		return
	}
	size := j.shape.inner() * j.shape.COut
	clear(j.parts.data[i*size : (i+1)*size])
	for b := i * j.blocks / j.shares; b < (i+1)*j.blocks/j.shares; b++ {
		j.block(s, b, j.parts.data[i*size:(i+1)*size])
	}
	s.tile = tile{}
}

// block adds the products of block b of the outputs to part.
func (j *convGrad) block(s *scratch, b int, part []float32) {
	perPlane := ceil(j.out[1], j.rows)
	n, z, y0 := b/(perPlane*j.out[0]), b/perPlane%j.out[0], b%perPlane*j.rows
	y1 := min(j.out[1], y0+j.rows)
	slab := j.slab(s, j.x[n*volume(j.in)*j.channels:], z, y0, y1)
	voxels := (y1 - y0) * j.out[2]
	cols, cout := j.p.columns, j.shape.COut
	dy := j.dy[((n*j.out[0]+z)*j.out[1]+y0)*j.out[2]*cout:]
	panel := s.floats(1, voxels*cols)
	m := j.taps[2] * j.channels
	x := &s.tile
	x.k, x.rs, x.ks, x.add, x.init = j.out[2], 1, j.step[2]*j.channels, 1, zeros[:]
	for from := 0; from < cout; from += cols {
		w := min(cols, cout-from)
		width := j.p.width(w)
		for l := 0; l < w; l += j.p.copyLanes {
			j.p.copyRows(voxels, min(j.p.copyLanes, w-l), dy[from+l:], cout, panel[l:], cols)
		}
		x.b = panel
		s.segs = s.segs[:0]
		for y := range y1 - y0 {
			s.segs = append(s.segs, y*j.step[1]*slab.row)
		}
		x.segs = s.segs
		for t := range j.taps[0] * j.taps[1] {
			src := slab.data[t/j.taps[1]*slab.plane+t%j.taps[1]*slab.row:]
			out := part[t*m*cout+from:]
			for r, h := 0, 0; r < m; r += h {
				h = j.p.height(m - r)
				x.a = src[r:]
				x.write(s, j.p.tile(width, h), out[r*cout:], cout, h, w, j.p.widths[width])
			}
		}
	}
}

// fold adds the shares of some rows of the sums, transposes them and writes them to
// dw.
func (j *convGrad) fold(i int, s *scratch) {
	inner, cout, lanes := j.shape.inner(), j.shape.COut, j.p.transLanes
	k, n := i*lanes, min(lanes, inner-i*lanes)
	sum, trans := s.floats(0, n*cout), s.floats(1, cout*lanes)
	copy(sum, j.parts.data[k*cout:])
	for share := 1; share < j.shares; share++ {
		for c, v := range j.parts.data[(share*inner+k)*cout:][:n*cout] {
			sum[c] += v
		}
	}
	j.p.transRows(cout, n, sum, cout, trans, lanes)
	for c := range cout {
		dst, row := j.dw[c*inner+k:][:n], trans[c*lanes:][:n]
		if !j.accumulate {
			copy(dst, row)
			continue
		}
		for l, v := range row {
			dst[l] += v
		}
	}
}
