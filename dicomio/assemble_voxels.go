package dicomio

import (
	"fmt"
	"io"
	"math"

	"oncovox/volume"
)

// airHU fills voxels of a CT that were not measured.
const airHU = -1000

// voxels reads the slices of st from the spill and returns them as a volume:
// real units times factor, computed in float64 and rounded once. Voxels that
// were not measured (padding, values that are no number, corners that a
// straightened tilt leaves open) become air in CT, 0 in PET and the least
// measured value elsewhere; filled tells whether there were any.
func (st *stack) voxels(spill io.ReaderAt, modality, unit string, factor float64) (v *volume.Volume, filled bool, err error) {
	v = volume.New(st.Geometry)
	v.Modality, v.Unit = modality, unit
	size := st.Shape[1] * st.Shape[2]
	nan := float32(math.NaN())
	if st.straight {
		for i := range v.Data {
			v.Data[i] = nan
		}
	}
	flat := make([]float32, st.rows*st.cols)
	var raw []byte
	for i, s := range st.slices {
		if n := s.pixels.kind.Size() * len(flat); cap(raw) < n {
			raw = make([]byte, n)
		} else {
			raw = raw[:n]
		}
		if _, err := spill.ReadAt(raw, s.pixels.offset); err != nil {
			return nil, false, fmt.Errorf("reading back decoded slices: %w", err)
		}
		plane := v.Data[st.planes[i]*size:][:size]
		if !st.straight {
			s.pixels.real(plane, raw, factor)
			continue
		}
		s.pixels.real(flat, raw, factor)
		st.shift(plane, flat, st.planes[i])
	}
	st.interpolate(v.Data, size)
	if unit == "" && st.slices[0].inverted {
		invert(v.Data)
	}
	return v, fillUnmeasured(v), nil
}

// real writes the values in raw, little endian, to dst in real units times
// factor. Padding becomes NaN.
func (p *stored) real(dst []float32, raw []byte, factor float64) {
	values := Stored{Kind: p.kind, Data: raw}
	values.Scale(dst, p.slope*factor, p.intercept*factor)
	if !p.padded {
		return
	}
	nan := float32(math.NaN())
	for i := range dst {
		if v := values.At(i); v >= p.padLow && v <= p.padHigh {
			dst[i] = nan
		}
	}
}

// shift moves a slice within its plane by the lean of plane z, bilinearly, into
// the wider plane dst, which is NaN where the slice does not reach.
func (st *stack) shift(dst, src []float32, z int) {
	// Voxel (y, x) of the grid shows the slice at (y+dy, x+dx).
	dy := st.first[0] - st.lean[0]*float64(z)
	dx := st.first[1] - st.lean[1]*float64(z)
	y0, x0 := math.Floor(dy), math.Floor(dx)
	fy, fx := dy-y0, dx-x0
	width := st.Shape[2]
	for y := range st.Shape[1] {
		for x := range width {
			sum := 0.0
			for corner := range 4 {
				cy, cx := corner>>1, corner&1
				w := (1 - fy + float64(cy)*(2*fy-1)) * (1 - fx + float64(cx)*(2*fx-1))
				if w == 0 {
					continue
				}
				sy, sx := y+int(y0)+cy, x+int(x0)+cx
				if sy < 0 || sy >= st.rows || sx < 0 || sx >= st.cols {
					sum = math.NaN()
					break
				}
				sum += w * float64(src[sy*st.cols+sx])
			}
			dst[y*width+x] = float32(sum)
		}
	}
}

// interpolate fills planes without a slice, linearly between the nearest that
// have one.
func (st *stack) interpolate(data []float32, size int) {
	for i := 1; i < len(st.planes); i++ {
		low, high := st.planes[i-1], st.planes[i]
		a, b := data[low*size:][:size], data[high*size:][:size]
		for z := low + 1; z < high; z++ {
			t := float32(z-low) / float32(high-low)
			dst := data[z*size:][:size]
			for j := range dst {
				dst[j] = a[j] + t*(b[j]-a[j])
			}
		}
	}
}

// bounds returns the least and the greatest finite value, 0 and 0 if none is.
func bounds(data []float32) (low, high float32) {
	low, high = math.MaxFloat32, -math.MaxFloat32
	for _, v := range data {
		if v < low && v >= -math.MaxFloat32 {
			low = v
		}
		if v > high && v <= math.MaxFloat32 {
			high = v
		}
	}
	if low > high {
		return 0, 0
	}
	return low, high
}

// invert turns light into dark within the range of data.
func invert(data []float32) {
	low, high := bounds(data)
	for i, v := range data {
		data[i] = low + high - v
	}
}

// fillUnmeasured replaces what is not a finite number, and reports whether
// there was any.
func fillUnmeasured(v *volume.Volume) bool {
	found := false
	for _, x := range v.Data {
		if !(math.Abs(float64(x)) <= math.MaxFloat32) {
			found = true
			break
		}
	}
	if !found {
		return false
	}
	fill, _ := bounds(v.Data)
	switch {
	case v.Unit == "HU":
		fill = airHU
	case v.Modality == "PT":
		fill = 0
	}
	for i, x := range v.Data {
		if !(math.Abs(float64(x)) <= math.MaxFloat32) {
			v.Data[i] = fill
		}
	}
	return true
}
