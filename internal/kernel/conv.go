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

func (s ConvShape) taps() int { return s.Kernel[0] * s.Kernel[1] * s.Kernel[2] }

func (s ConvShape) check(name string, x, w, y []float32) {
	for i := range 3 {
		if s.Kernel[i] < 1 || s.Stride[i] < 1 || s.Pad[i] < 0 || s.In[i]+2*s.Pad[i] < s.Kernel[i] {
			panic(fmt.Sprintf("kernel: %s: shape %+v", name, s))
		}
	}
	o := s.Out()
	need(name, "x", x, s.Batch*s.In[0]*s.In[1]*s.In[2]*s.CIn)
	need(name, "w", w, s.COut*s.taps()*s.CIn)
	need(name, "y", y, s.Batch*o[0]*o[1]*o[2]*s.COut)
}

// each calls f with the input voxel and the tap of every product of output
// voxel (z, y, x) that does not fall on padding.
func (s ConvShape) each(z, y, x int, f func(voxel, tap int)) {
	for kz := range s.Kernel[0] {
		for ky := range s.Kernel[1] {
			for kx := range s.Kernel[2] {
				iz, iy, ix := z*s.Stride[0]+kz-s.Pad[0], y*s.Stride[1]+ky-s.Pad[1], x*s.Stride[2]+kx-s.Pad[2]
				if iz >= 0 && iz < s.In[0] && iy >= 0 && iy < s.In[1] && ix >= 0 && ix < s.In[2] {
					f((iz*s.In[1]+iy)*s.In[2]+ix, (kz*s.Kernel[1]+ky)*s.Kernel[2]+kx)
				}
			}
		}
	}
}

// Conv3D convolves (in the sense of cross-correlation, as PyTorch does) x (B, D,
// H, W, CIn) with w (COut, kd, kh, kw, CIn) into y (B, D', H', W', COut). b
// (COut) is added, or nil.
func Conv3D(y, x, w, b []float32, s ConvShape) {
	s.check("Conv3D", x, w, y)
	o := s.Out()
	vin, vout := s.In[0]*s.In[1]*s.In[2], o[0]*o[1]*o[2]
	each(s.Batch*vout, func(t int) {
		n, v := t/vout, t%vout
		out := y[t*s.COut:][:s.COut]
		clear(out)
		if b != nil {
			copy(out, b)
		}
		s.each(v/(o[1]*o[2]), v/o[2]%o[1], v%o[2], func(voxel, tap int) {
			in := x[(n*vin+voxel)*s.CIn:][:s.CIn]
			for co := range out {
				f := w[(co*s.taps()+tap)*s.CIn:][:s.CIn]
				var sum float32
				for i, e := range in {
					sum += e * f[i]
				}
				out[co] += sum
			}
		})
	})
}

// Conv3DBackward is the gradient of [Conv3D]. dx is overwritten, or nil to skip
// it; dw and db (nil to skip) are overwritten, or added to when accumulate is
// set.
func Conv3DBackward(dx, dw, db, dy, x, w []float32, s ConvShape, accumulate bool) {
	s.check("Conv3DBackward", x, w, dy)
	o := s.Out()
	vin, vout := s.In[0]*s.In[1]*s.In[2], o[0]*o[1]*o[2]
	if dx != nil {
		each(s.Batch, func(n int) {
			clear(dx[n*vin*s.CIn:][:vin*s.CIn])
			for v := range vout {
				g := dy[(n*vout+v)*s.COut:][:s.COut]
				s.each(v/(o[1]*o[2]), v/o[2]%o[1], v%o[2], func(voxel, tap int) {
					out := dx[(n*vin+voxel)*s.CIn:][:s.CIn]
					for co, e := range g {
						f := w[(co*s.taps()+tap)*s.CIn:][:s.CIn]
						for i := range out {
							out[i] += e * f[i]
						}
					}
				})
			}
		})
	}
	each(s.COut, func(co int) {
		out := dw[co*s.taps()*s.CIn:][:s.taps()*s.CIn]
		if !accumulate {
			clear(out)
		}
		for t := range s.Batch * vout {
			e, v := dy[t*s.COut+co], t%vout
			s.each(v/(o[1]*o[2]), v/o[2]%o[1], v%o[2], func(voxel, tap int) {
				in := x[(t/vout*vin+voxel)*s.CIn:][:s.CIn]
				for i := range in {
					out[tap*s.CIn+i] += e * in[i]
				}
			})
		}
	})
	if db != nil {
		columnSums("Conv3DBackward", db, dy, s.Batch*vout, s.COut, accumulate)
	}
}
