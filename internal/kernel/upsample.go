package kernel

// An upsampling is one call under way; a task is taskRows rows of the destination,
// or of the source where a row becomes four.
type upsampling struct {
	p          *path
	rows       int
	dst, src   []float32
	d, h, w, c int                                                // of the small grid
	row        func(j *upsampling, r int, first bool, s *scratch) // first: of its task
}

const taskRows = 8

var upsamplings stash[upsampling]

func upsample(u upsampling, rows int) {
	j := upsamplings.get()
	*j = u
	j.p, j.rows = current, rows
	if j.c%16 != 0 {
		j.p = rowwise
	}
	parallel(ceil(rows, taskRows), j)
	*j = upsampling{}
	upsamplings.put(j)
}

func (j *upsampling) run(i int, s *scratch) {
	for r := i * taskRows; r < min(j.rows, (i+1)*taskRows); r++ {
		j.row(j, r, r == i*taskRows, s)
	}
}

// largeRow returns row (2z + dz, 2y + dy) of the large grid x, for row r = (z, y) of
// the small one; z counts through all samples.
func (j *upsampling) largeRow(x []float32, r, dz, dy int) []float32 {
	z, y := r/j.h, r%j.h
	return x[((2*z+dz)*2*j.h+2*y+dy)*2*j.w*j.c:][:2*j.w*j.c]
}

// Upsample2 doubles each side by repeating voxels: x (B, D, H, W, C), y (B, 2D,
// 2H, 2W, C), in = D, H, W.
func Upsample2(y, x []float32, batch int, in [3]int, channels int) {
	checkUpsample("Upsample2", y, x, batch, in, channels)
	n := batch * in[0] * in[1]
	upsample(upsampling{dst: y, src: x, d: in[0], h: in[1], w: in[2], c: channels, row: (*upsampling).repeat}, n)
}

// repeat makes four rows of the large grid from one of the small.
func (j *upsampling) repeat(r int, _ bool, _ *scratch) {
	x := j.src[r*j.w*j.c:]
	for k := range 4 {
		j.p.repeatPairs(j.w, j.c, j.largeRow(j.dst, r, k/2, k%2), x)
	}
}

// Upsample2Backward is the gradient of [Upsample2]: dx (B, D, H, W, C) becomes
// the sum of the eight copies in dy (B, 2D, 2H, 2W, C). dx is overwritten.
func Upsample2Backward(dx, dy []float32, batch int, in [3]int, channels int) {
	checkUpsample("Upsample2Backward", dy, dx, batch, in, channels)
	n := batch * in[0] * in[1]
	upsample(upsampling{dst: dx, src: dy, d: in[0], h: in[1], w: in[2], c: channels, row: (*upsampling).gather}, n)
}

func (j *upsampling) gather(r int, _ bool, _ *scratch) {
	j.p.addPairs(j.w, j.c, j.dst[r*j.w*j.c:], j.largeRow(j.src, r, 0, 0), j.largeRow(j.src, r, 0, 1), j.largeRow(j.src, r, 1, 0), j.largeRow(j.src, r, 1, 1))
}

// UpsampleTrilinear2 doubles each side by linear interpolation between voxel
// centres, edges repeated: output o lies at input (o+0.5)/2-0.5, as in
// PyTorch's interpolate(mode="trilinear", align_corners=False). x is (B, D, H,
// W, C), y (B, 2D, 2H, 2W, C), in = D, H, W.
func UpsampleTrilinear2(y, x []float32, batch int, in [3]int, channels int) {
	checkUpsample("UpsampleTrilinear2", y, x, batch, in, channels)
	n := batch * in[0] * in[1]
	upsample(upsampling{dst: y, src: x, d: in[0], h: in[1], w: in[2], c: channels, row: (*upsampling).blend}, 4*n)
}

// blend mixes four rows of the small grid into one, and then its neighbours along
// x. The mixed row has its first and last voxel twice.
func (j *upsampling) blend(r int, _ bool, s *scratch) {
	d, h, w, c := j.d, j.h, j.w, j.c
	b, z, yy := r/(4*d*h), r/(2*h)%(2*d), r%(2*h)
	row := func(dz, dh int) []float32 {
		return j.src[((b*d+source(z, dz, d))*h+source(yy, dh, h))*w*c:][:w*c]
	}
	mix := s.floats(0, (w+2)*c)
	near, far := lerp[0], lerp[1]
	f := s.lanes[0][:4]
	f[0], f[1], f[2], f[3] = near*near, near*far, far*near, far*far
	j.p.combine(w*c, mix[c:], row(0, 0), row(0, 1), row(1, 0), row(1, 1), f)
	copy(mix[:c], mix[c:])
	copy(mix[(w+1)*c:], mix[w*c:])
	j.p.blendPairs(w, c, j.dst[r*2*w*c:], mix, near, far)
}

// UpsampleTrilinear2Backward is the gradient of [UpsampleTrilinear2]: dx (B, D,
// H, W, C) from dy (B, 2D, 2H, 2W, C). dx is overwritten.
func UpsampleTrilinear2Backward(dx, dy []float32, batch int, in [3]int, channels int) {
	checkUpsample("UpsampleTrilinear2Backward", dy, dx, batch, in, channels)
	n := batch * in[0] * in[1]
	upsample(upsampling{dst: dx, src: dy, d: in[0], h: in[1], w: in[2], c: channels, row: (*upsampling).spread}, n)
}

// spread adds the rows of the large grid that a row meets: along z into four rows,
// two of which the row before left, these into one, and then neighbours along x. At
// an edge the outermost plane, row or voxel counts once more, for the one outside: an
// edge is repeated.
func (j *upsampling) spread(r int, first bool, s *scratch) {
	h, w, c := j.h, j.w, j.c
	ih, row := r%h, 2*w*c
	ring, sum := s.floats(1, 4*row), s.floats(0, row+2*c)
	low := 2*ih - 1
	from := low + 2
	if first || ih == 0 {
		from = low
	}
	for y := max(0, from); y <= min(2*h-1, low+3); y++ {
		j.sumPlanes(ring[y%4*row:][:row], r/h, y)
	}
	var x [4][]float32
	for k := range x {
		x[k] = ring[min(max(low+k, 0), 2*h-1)%4*row:]
	}
	j.p.combine(row, sum[c:], x[0], x[1], x[2], x[3], spreads[:])
	copy(sum[:c], sum[c:])
	copy(sum[(2*w+1)*c:], sum[2*w*c:])
	j.p.gatherPairs(w, c, j.dst[r*w*c:], sum, lerp[0], lerp[1])
}

// sumPlanes sets sum to what the large grid's planes add, in row y, to plane i of the
// small grid; i counts through all samples.
func (j *upsampling) sumPlanes(sum []float32, i, y int) {
	b, iz, row := i/j.d, i%j.d, 2*j.w*j.c
	var x [4][]float32
	for k := range x {
		z := min(max(2*iz-1+k, 0), 2*j.d-1)
		x[k] = j.src[((b*2*j.d+z)*2*j.h+y)*row:]
	}
	j.p.combine(row, sum, x[0], x[1], x[2], x[3], spreads[:])
}

// lerp holds the weights of the nearer and the farther of the two input voxels
// that an output voxel lies between.
var lerp = [2]float32{0.75, 0.25}

// spreads holds what an input voxel counts in the four output voxels around it.
var spreads = [4]float32{0.25, 0.75, 0.75, 0.25}

// source returns the nearer (far = 0) or the farther (far = 1) input voxel of
// output o on an axis of n input voxels.
func source(o, far, n int) int {
	return min(max(o/2+far*(2*(o%2)-1), 0), n-1)
}

func checkUpsample(name string, large, small []float32, batch int, in [3]int, channels int) {
	n := batch * in[0] * in[1] * in[2] * channels
	need(name, "small grid", small, n)
	need(name, "large grid", large, 8*n)
}
