package dicomio

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// airHU fills voxels of a CT that were not measured.
const airHU = -1000

// A rendering makes the planes of a stack: real units times factor, computed in
// float64 and rounded once. Voxels that were not measured (padding, values that are no
// number, corners that a straightened tilt leaves open) become air in CT, 0 in PET and
// the least measured value elsewhere. Several goroutines may use it.
type rendering struct {
	*stack
	spill  io.ReaderAt
	factor float64

	invert    bool    // light becomes dark within low and high
	low, high float32 // of the measured values, where survey has looked
	fill      float32 // for what was not measured
	filled    bool    // there is such
}

// render prepares the planes of st, with the values that wait in spill. Where a
// voxel may depend on all others, it looks at every plane once.
func (st *stack) render(spill io.ReaderAt, modality, unit string, factor float64, workers int) (*rendering, error) {
	r := &rendering{stack: st, spill: spill, factor: factor, invert: unit == "" && st.slices[0].inverted}
	if !r.invert && st.measured(factor) {
		return r, nil
	}
	if err := r.survey(workers); err != nil {
		return nil, err
	}
	switch {
	case unit == "HU":
		r.fill = airHU
	case modality == "PT":
	case r.invert:
		r.fill = r.low + r.high - r.high // the least, as it is rounded
		if !finite(r.fill) {
			r.fill, r.filled = 0, true
		}
	default:
		r.fill = r.low
	}
	return r, nil
}

// measured reports whether every voxel of st is a finite number for certain.
func (st *stack) measured(factor float64) bool {
	if st.straight {
		return false
	}
	for i := range st.slices {
		p := &st.slices[i].pixels
		most := math.Abs(p.slope*factor)*math.Ldexp(1, 64) + math.Abs(p.intercept*factor)
		if p.padded || p.kind >= Float32 || !(most < math.MaxFloat32) {
			return false
		}
	}
	return true
}

// survey finds the bounds of the measured values, 0 and 0 if there are none, and
// whether there are others.
func (r *rendering) survey(workers int) error {
	low, high := float32(math.MaxFloat32), float32(-math.MaxFloat32)
	var mu sync.Mutex
	var failed error
	var next atomic.Int64
	var all sync.WaitGroup
	for range max(1, min(workers, r.Shape[0])) {
		all.Go(func() {
			plane := make([]float32, r.Shape[1]*r.Shape[2])
			for z := int(next.Add(1)) - 1; z < r.Shape[0]; z = int(next.Add(1)) - 1 {
				err := r.values(plane, z)
				l, h, gaps := bounds(plane)
				mu.Lock()
				low, high, r.filled, failed = min(low, l), max(high, h), r.filled || gaps, cmp.Or(failed, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if low <= high {
		r.low, r.high = low, high
	}
	return failed
}

// plane fills buf with plane z as it is written.
func (r *rendering) plane(z int, buf []float32) ([]float32, error) {
	err := r.values(buf, z)
	if r.invert {
		for i, v := range buf {
			buf[i] = r.low + r.high - v
		}
	}
	if r.filled {
		for i, v := range buf {
			if !finite(v) {
				buf[i] = r.fill
			}
		}
	}
	return buf, err
}

// values fills dst with plane z, NaN where nothing was measured. A plane without a
// slice is interpolated linearly between the nearest that have one.
func (r *rendering) values(dst []float32, z int) error {
	i, found := slices.BinarySearch(r.planes, z)
	if found {
		return r.slice(dst, i)
	}
	above := make([]float32, len(dst))
	if err := cmp.Or(r.slice(dst, i-1), r.slice(above, i)); err != nil {
		return err
	}
	low, high := r.planes[i-1], r.planes[i]
	t := float32(z-low) / float32(high-low)
	for j, a := range dst {
		dst[j] = a + t*(above[j]-a)
	}
	return nil
}

// slice fills dst with slice i, shifted within its plane where a tilt is straightened.
func (r *rendering) slice(dst []float32, i int) error {
	p := &r.slices[i].pixels
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	*buf = slices.Grow((*buf)[:0], p.kind.Size()*r.rows*r.cols)
	raw := (*buf)[:p.kind.Size()*r.rows*r.cols]
	if _, err := r.spill.ReadAt(raw, p.offset); err != nil {
		return fmt.Errorf("reading back decoded slices: %w", err)
	}
	if !r.straight {
		p.real(dst, raw, r.factor)
		return nil
	}
	flat := make([]float32, r.rows*r.cols)
	p.real(flat, raw, r.factor)
	r.shift(dst, flat, r.planes[i])
	return nil
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

// bounds returns the least and the greatest finite value, low > high if none is, and
// whether there are values that are not.
func bounds(data []float32) (low, high float32, gaps bool) {
	low, high = math.MaxFloat32, -math.MaxFloat32
	for _, v := range data {
		if !finite(v) {
			gaps = true
			continue
		}
		low, high = min(low, v), max(high, v)
	}
	return low, high, gaps
}

func finite(v float32) bool { return v >= -math.MaxFloat32 && v <= math.MaxFloat32 }
