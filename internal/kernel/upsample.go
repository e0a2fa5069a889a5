package kernel

// An upsampling is one call under way; a task is a row of the destination.
type upsampling struct {
	dst, src   []float32
	d, h, w, c int // of the small grid
	row        func(j *upsampling, r int, s *scratch)
}

var upsamplings stash[upsampling]

func upsample(u upsampling, rows int) {
	j := upsamplings.get()
	*j = u
	parallel(rows, j)
	*j = upsampling{}
	upsamplings.put(j)
}

func (j *upsampling) run(r int, s *scratch) { j.row(j, r, s) }

// Upsample2 doubles each side by repeating voxels: x (B, D, H, W, C), y (B, 2D,
// 2H, 2W, C), in = D, H, W.
func Upsample2(y, x []float32, batch int, in [3]int, channels int) {
	checkUpsample("Upsample2", y, x, batch, in, channels)
	n := batch * in[0] * in[1]
	upsample(upsampling{dst: y, src: x, d: in[0], h: in[1], w: in[2], c: channels, row: (*upsampling).repeat}, 4*n)
}

func (j *upsampling) repeat(r int, _ *scratch) {
	h, w, c := j.h, j.w, j.c
	src := j.src[(r/(2*h)/2*h+r%(2*h)/2)*w*c:]
	dst := j.dst[r*2*w*c:]
	for i := range w {
		v := src[i*c : i*c+c]
		copy(dst[2*i*c:], v)
		copy(dst[(2*i+1)*c:], v)
	}
}

// Upsample2Backward is the gradient of [Upsample2]: dx (B, D, H, W, C) becomes
// the sum of the eight copies in dy (B, 2D, 2H, 2W, C). dx is overwritten.
func Upsample2Backward(dx, dy []float32, batch int, in [3]int, channels int) {
	checkUpsample("Upsample2Backward", dy, dx, batch, in, channels)
	n := batch * in[0] * in[1]
	upsample(upsampling{dst: dx, src: dy, d: in[0], h: in[1], w: in[2], c: channels, row: (*upsampling).gather}, n)
}

func (j *upsampling) gather(r int, _ *scratch) {
	h, w, c := j.h, j.w, j.c
	dst := j.dst[r*w*c:][:w*c]
	clear(dst)
	for dz := range 2 {
		for dh := range 2 {
			src := j.src[((r/h*2+dz)*2*h+r%h*2+dh)*2*w*c:]
			for i := range w {
				a, b := src[2*i*c:][:c], src[(2*i+1)*c:][:c]
				for j := range a {
					dst[i*c+j] += a[j] + b[j]
				}
			}
		}
	}
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

// blend mixes four rows of the small grid into one, then its neighbours along x.
func (j *upsampling) blend(r int, s *scratch) {
	d, h, w, c := j.d, j.h, j.w, j.c
	b, z, yy := r/(4*d*h), r/(2*h)%(2*d), r%(2*h)
	row := func(dz, dh int) []float32 {
		return j.src[((b*d+source(z, dz, d))*h+source(yy, dh, h))*w*c:][:w*c]
	}
	mix := s.floats(0, w*c)
	x0, x1, x2, x3 := row(0, 0), row(0, 1), row(1, 0), row(1, 1)
	n, f := lerp[0], lerp[1]
	for i := range mix {
		mix[i] = n*(n*x0[i]+f*x1[i]) + f*(n*x2[i]+f*x3[i])
	}
	dst := j.dst[r*2*w*c:][:2*w*c]
	for o := range 2 * w {
		near, far := mix[source(o, 0, w)*c:][:c], mix[source(o, 1, w)*c:][:c]
		out := dst[o*c:][:c]
		for i, v := range near {
			out[i] = n*v + f*far[i]
		}
	}
}

// UpsampleTrilinear2Backward is the gradient of [UpsampleTrilinear2]: dx (B, D,
// H, W, C) from dy (B, 2D, 2H, 2W, C). dx is overwritten.
func UpsampleTrilinear2Backward(dx, dy []float32, batch int, in [3]int, channels int) {
	checkUpsample("UpsampleTrilinear2Backward", dy, dx, batch, in, channels)
	n := batch * in[0] * in[1]
	upsample(upsampling{dst: dx, src: dy, d: in[0], h: in[1], w: in[2], c: channels, row: (*upsampling).spread}, n)
}

// spread adds the rows of the large grid that a row meets into one, then its
// neighbours along x.
func (j *upsampling) spread(r int, s *scratch) {
	d, h, w, c := j.d, j.h, j.w, j.c
	b, iz, ih := r/(d*h), r/h%d, r%h
	sum := s.floats(0, 2*w*c)
	clear(sum)
	for z := max(0, 2*iz-1); z <= min(2*d-1, 2*iz+2); z++ {
		for yy := max(0, 2*ih-1); yy <= min(2*h-1, 2*ih+2); yy++ {
			f := weight(z, iz, d) * weight(yy, ih, h)
			for i, v := range j.src[((b*2*d+z)*2*h+yy)*2*w*c:][:2*w*c] {
				sum[i] += f * v
			}
		}
	}
	dst := j.dst[r*w*c:][:w*c]
	clear(dst)
	for i := range w {
		for o := max(0, 2*i-1); o <= min(2*w-1, 2*i+2); o++ {
			f := weight(o, i, w)
			out := dst[i*c:][:c]
			for k, v := range sum[o*c:][:c] {
				out[k] += f * v
			}
		}
	}
}

// lerp holds the weights of the nearer and the farther of the two input voxels
// that an output voxel lies between.
var lerp = [2]float32{0.75, 0.25}

// source returns the nearer (far = 0) or the farther (far = 1) input voxel of
// output o on an axis of n input voxels.
func source(o, far, n int) int {
	return min(max(o/2+far*(2*(o%2)-1), 0), n-1)
}

// weight returns what input i counts in output o on an axis of n input voxels.
func weight(o, i, n int) float32 {
	var f float32
	for far, w := range lerp {
		if source(o, far, n) == i {
			f += w
		}
	}
	return f
}

func checkUpsample(name string, large, small []float32, batch int, in [3]int, channels int) {
	n := batch * in[0] * in[1] * in[2] * channels
	need(name, "small grid", small, n)
	need(name, "large grid", large, 8*n)
}
