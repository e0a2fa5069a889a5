package codec

// number is a coefficient: int32 for the reversible transform, float32 for the
// irreversible one.
type number interface{ int32 | float32 }

// synthesise undoes the wavelet transform (T.800 annex F): for each resolution
// the sub-bands in the quarters of its rectangle become the samples of the rectangle.
// Rows are done before columns.
func synthesise[T number](data []T, stride int, res []j2kResolution, lift func(line []T, n, lanes, odd int)) {
	var line []T
	for r := 1; r < len(res); r++ {
		low, all := res[r-1].rect, res[r].rect
		w, h := all.w(), all.h()
		if w == 0 || h == 0 {
			continue
		}
		if n := max(w, h*columnLanes); len(line) < n {
			line = make([]T, n)
		}
		for y := range h {
			row := data[y*stride : y*stride+w]
			interleaveLine(line, row, low.w(), all.x0&1)
			lift(line, w, 1, all.x0&1)
			copy(row, line[:w])
		}
		for x := 0; x < w; x += columnLanes {
			lanes := min(columnLanes, w-x)
			columns(line, data[x:], stride, h, low.h(), lanes, all.y0&1)
			lift(line, h, lanes, all.y0&1)
			for y := range h {
				copy(data[y*stride+x:y*stride+x+lanes], line[y*lanes:(y+1)*lanes])
			}
		}
	}
}

const columnLanes = 16 // columns done together, so that a cache line is used whole

// interleaveLine puts the low half of row at the even places of the image and
// the high half at the odd ones; odd is the parity of the first place.
func interleaveLine[T number](line, row []T, low, odd int) {
	for i, v := range row[:low] {
		line[2*i+odd] = v
	}
	for i, v := range row[low:] {
		line[2*i+1-odd] = v
	}
}

// columns does the same for a few columns at once: place y of lane k is at
// y·lanes + k.
func columns[T number](line, data []T, stride, h, low, lanes, odd int) {
	for y := range h {
		to := 2*y + odd
		if y >= low {
			to = 2*(y-low) + 1 - odd
		}
		copy(line[to*lanes:(to+1)*lanes], data[y*stride:y*stride+lanes])
	}
}

// lift53 is the reversible 5/3 synthesis (F.3.8.2) of n places, each of lanes
// values.
func lift53(a []int32, n, lanes, odd int) {
	if n == 1 {
		if odd == 1 {
			for k := range lanes {
				a[k] /= 2
			}
		}
		return
	}
	if lanes == 1 {
		line53(a[:n], odd)
		return
	}
	for i := odd; i < n; i += 2 {
		l, m, r := neighbours(a, i, n, lanes)
		for k := range m {
			m[k] -= (l[k] + r[k] + 2) >> 2
		}
	}
	for i := 1 - odd; i < n; i += 2 {
		l, m, r := neighbours(a, i, n, lanes)
		for k := range m {
			m[k] += (l[k] + r[k]) >> 1
		}
	}
}

// line53 is lift53 for one lane of at least two places.
func line53(a []int32, odd int) {
	last := len(a) - 1
	if odd == 0 {
		a[0] -= (2*a[1] + 2) >> 2
	}
	for i := 2 - odd; i < last; i += 2 {
		a[i] -= (a[i-1] + a[i+1] + 2) >> 2
	}
	if last&1 == odd {
		a[last] -= (2*a[last-1] + 2) >> 2
	}
	if odd == 1 {
		a[0] += a[1]
	}
	for i := 1 + odd; i < last; i += 2 {
		a[i] += (a[i-1] + a[i+1]) >> 1
	}
	if last&1 != odd {
		a[last] += a[last-1]
	}
}

// neighbours returns place i and those beside it, mirrored at the ends.
func neighbours[T number](a []T, i, n, lanes int) (l, m, r []T) {
	before, after := i-1, i+1
	if before < 0 {
		before = after
	}
	if after >= n {
		after = i - 1
	}
	m = a[i*lanes : (i+1)*lanes]
	return a[before*lanes:][:len(m)], m, a[after*lanes:][:len(m)]
}

// Coefficients of the irreversible 9/7 filter (table F.4), to the digits that
// OpenJPEG 2.5 gives them. liftHigh should be 1/liftK, which is 0.812893; the value is
// OpenJPEG's, so that frames are equal bit for bit with what other DICOM readers,
// which nearly all use it, show: a difference of 3 in 100,000 of the high bands.
const (
	liftAlpha = -1.586134342
	liftBeta  = -0.052980118
	liftGamma = 0.882911075
	liftDelta = 0.443506852
	liftK     = 1.230174105
	liftHigh  = 1.625732422 / 2
)

// lift97 is the irreversible 9/7 synthesis (F.3.8.3). Products are rounded
// before they are added, so that every machine gives the same.
func lift97(a []float32, n, lanes, odd int) {
	if n == 1 {
		if odd == 1 {
			for k := range lanes {
				a[k] /= 2
			}
		}
		return
	}
	for i := range n {
		s := float32(liftK)
		if i&1 != odd {
			s = liftHigh
		}
		for k := range a[i*lanes : (i+1)*lanes] {
			a[i*lanes+k] *= s
		}
	}
	for step, c := range [4]float32{liftDelta, liftGamma, liftBeta, liftAlpha} {
		first := odd
		if step&1 == 1 {
			first = 1 - odd
		}
		for i := first; i < n; i += 2 {
			l, m, r := neighbours(a, i, n, lanes)
			for k := range m {
				m[k] -= float32((l[k] + r[k]) * c)
			}
		}
	}
}
