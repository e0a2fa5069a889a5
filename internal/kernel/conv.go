package kernel

import "fmt"

// A ConvShape says what a 3-D convolution does. Triples are in the order z, y, x.
type ConvShape struct {
	Batch               int
	In                  [3]int // D, H, W of the input, in voxels
	CIn, COut           int
	Kernel, Stride, Pad [3]int // Pad voxels of zeros are added on both sides
}

// Out returns D, H, W of the output: (In + 2·Pad - Kernel)/Stride + 1, rounded
// down.
func (s ConvShape) Out() [3]int {
	var out [3]int
	for i := range out {
		out[i] = (s.In[i]+2*s.Pad[i]-s.Kernel[i])/s.Stride[i] + 1
	}
	return out
}

func volume(side [3]int) int { return side[0] * side[1] * side[2] }

// inner is the number of products of one output value.
func (s ConvShape) inner() int { return volume(s.Kernel) * s.CIn }

func (s ConvShape) check(name string, x, w, y []float32) {
	for i := range 3 {
		if s.Kernel[i] < 1 || s.Stride[i] < 1 || s.Pad[i] < 0 || s.In[i]+2*s.Pad[i] < s.Kernel[i] || s.CIn < 1 || s.COut < 1 || s.Batch < 0 {
			panic(fmt.Sprintf("kernel: %s: shape %+v", name, s))
		}
	}
	need(name, "x", x, s.Batch*volume(s.In)*s.CIn)
	need(name, "w", w, s.COut*s.inner())
	need(name, "y", y, s.Batch*volume(s.Out())*s.COut)
}

// Conv3D convolves (in the sense of cross-correlation, as PyTorch does) x (B, D,
// H, W, CIn) with w (COut, kd, kh, kw, CIn) into y (B, D', H', W', COut). b
// (COut) is added, or nil.
func Conv3D(y, x, w, b []float32, s ConvShape) {
	s.check("Conv3D", x, w, y)
	if b != nil {
		need("Conv3D", "b", b, s.COut)
	}
	o := s.Out()
	j := correlations.get()
	j.p, j.x, j.w, j.y, j.bias = current, x, w, y, b
	j.grid = grid{batch: s.Batch, in: s.In, channels: s.CIn, out: o, taps: s.Kernel, step: s.Stride, before: s.Pad}
	j.cols, j.weights = s.COut, forwardWeights
	j.sample, j.jump = volume(o)*s.COut, [3]int{o[1] * o[2] * s.COut, o[2] * s.COut, s.COut}
	j.shape = s
	j.do()
	j.release()
}

// A correlation is a convolution, or one phase of its gradient to the input, under
// way: implicit matrix products of A, the source with zeros around it, and B, the
// packed weights. A task is some rows of outputs in one plane.
type correlation struct {
	grid
	p            *path
	shape        ConvShape
	x, w, y      []float32
	bias         []float32
	cols         int // channels of the outputs
	sample, base int // floats of y for one sample; where the first output lies
	jump         [3]int
	weights      func(j *correlation, dst []float32, panel int)
	tap          [3]int // the first tap of a phase: see backwardWeights
	packed       buffer
	rows         int // of a task
	packing      bool
}

var correlations stash[correlation]

func (j *correlation) release() {
	packed := j.packed
	*j = correlation{packed: packed}
	correlations.put(j)
}

func (j *correlation) do() {
	if j.batch == 0 || volume(j.out) == 0 {
		return
	}
	n := j.p.columns
	panels := ceil(j.cols, n)
	j.packed.floats(panels * n * volume(j.taps) * j.channels)
	j.packing = true
	parallel(panels, j)
	j.packing = false
	j.rows = j.grid.rows(slabFloats)
	parallel(j.batch*j.out[0]*ceil(j.out[1], j.rows), j)
}

// panel returns the packed weights for the outputs' channels from panel·columns.
func (j *correlation) panel(panel int) []float32 {
	size := j.p.columns * volume(j.taps) * j.channels
	return j.packed.data[panel*size : (panel+1)*size]
}

func (j *correlation) run(i int, s *scratch) {
	if j.packing {
		j.weights(j, j.panel(i), i)
		return
	}
	perPlane := ceil(j.out[1], j.rows)
	n, z, y0 := i/(perPlane*j.out[0]), i/perPlane%j.out[0], i%perPlane*j.rows
	y1 := min(j.out[1], y0+j.rows)
	slab := j.slab(s, j.x[n*volume(j.in)*j.channels:], z, y0, y1)
	x := &s.tile
	x.k, x.rs, x.ks, x.add = j.taps[2]*j.channels, j.step[2]*j.channels, 1, 0
	x.segs = slab.segments(s, j.taps)
	for from := 0; from < j.cols; from += j.p.columns {
		w := min(j.p.columns, j.cols-from)
		width := j.p.width(w)
		x.b, x.init = j.panel(from/j.p.columns), zeros[:]
		if j.bias != nil {
			x.init = s.init[:]
			copy(x.init, j.bias[from:from+w])
		}
		for y := y0; y < y1; y++ {
			row := slab.data[(y-y0)*j.step[1]*slab.row:]
			out := j.base + n*j.sample + z*j.jump[0] + y*j.jump[1] + from
			for v, h := 0, 0; v < j.out[2]; v += h {
				h = j.p.height(j.out[2] - v)
				x.a = row[v*x.rs:]
				x.write(s, j.p.tile(width, h), j.y[out+v*j.jump[2]:], j.jump[2], h, w, j.p.widths[width])
			}
		}
	}
	s.tile = tile{}
}

// forwardWeights packs rows of w (COut, taps·CIn) as columns.
func forwardWeights(j *correlation, dst []float32, panel int) {
	inner, n := j.shape.inner(), j.p.columns
	w := min(n, j.cols-panel*n)
	for l := 0; l < w; l += j.p.transLanes {
		j.p.transRows(inner, min(j.p.transLanes, w-l), j.w[(panel*n+l)*inner:], inner, dst[l:], n)
	}
}
