package kernel

import "math"

// A groupNorms is a group normalisation, forward or backward, under way. Its tasks
// are slices of one sample's voxels; the phases follow each other.
type groupNorms struct {
	p                        *path
	phase                    int
	y, x, dy                 []float32
	batch, size, channels    int // size: floats of a sample
	long, slice, slices      int // floats of a long row, of a task; tasks of a sample
	parts, pattern           buffer
	sums, coefs              []float32
	channelSums, channelDots []float64 // of each sample and channel
}

// The phases of a group normalisation.
const (
	phaseMoments = iota
	phaseScale
	phaseDots
	phaseGradient
)

var groupNormStash stash[groupNorms]

// GroupNorm normalises x (B, voxels, C) over each sample's voxels and each of
// groups equal runs of channels, then scales and shifts each channel: y =
// (x - mean)·rstd·gain + bias. mean and rstd (B, groups) are left for the
// backward pass. groups = C is instance normalisation. y may be x. Wu and He
// 2018, section 3.
func GroupNorm(y, mean, rstd, x, gain, bias []float32, batch, voxels, channels, groups int, eps float32) {
	checkGroups("GroupNorm", y, x, mean, rstd, gain, bias, batch, voxels, channels, groups)
	j := groupNormStash.get()
	j.start(batch, voxels, channels)
	j.y, j.x = y, x
	per := channels / groups
	j.phase = phaseMoments
	parallel(j.batch*j.slices, j)
	for b := range batch {
		j.moments(b, mean[b*groups:][:groups], rstd[b*groups:][:groups], float64(eps))
	}
	j.each(phaseScale, func(b, c int) (float32, float32, float32) {
		t := b*groups + c/per
		f := rstd[t] * gain[c]
		return f, bias[c] - mean[t]*f, 0
	}, 0)
	j.y, j.x = nil, nil
	groupNormStash.put(j)
}

// GroupNormBackward is the gradient of [GroupNorm], from the mean and rstd that
// it left. dx (B, voxels, C) is overwritten and may be dy; dgain and dbias (C)
// are overwritten, or added to when accumulate is set.
func GroupNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain []float32, batch, voxels, channels, groups int, accumulate bool) {
	checkGroups("GroupNormBackward", dx, x, mean, rstd, gain, dgain, batch, voxels, channels, groups)
	need("GroupNormBackward", "dy", dy, batch*voxels*channels)
	need("GroupNormBackward", "dbias", dbias, channels)
	j := groupNormStash.get()
	j.start(batch, voxels, channels)
	j.y, j.x, j.dy = dx, x, dy
	per := channels / groups
	n := float64(voxels * per)
	j.each(phaseDots, func(b, c int) (float32, float32, float32) {
		t := b*groups + c/per
		return rstd[t], -mean[t] * rstd[t], 0
	}, 2)
	for c := range channels {
		var s, d float64
		for b := range batch {
			s += j.channelSums[b*channels+c]
			d += j.channelDots[b*channels+c]
		}
		if accumulate {
			s, d = s+float64(dbias[c]), d+float64(dgain[c])
		}
		dbias[c], dgain[c] = float32(s), float32(d)
	}
	j.each(phaseGradient, func(b, c int) (float32, float32, float32) {
		t := b*groups + c/per
		r := float64(rstd[t])
		s, d := j.group(0, t, groups, gain)/n, j.group(1, t, groups, gain)/n
		return float32(-r * r * d), float32(-r*s + r*r*d*float64(mean[t])), float32(r) * gain[c]
	}, 0)
	j.y, j.x, j.dy = nil, nil, nil
	groupNormStash.put(j)
}

func checkGroups(name string, y, x, mean, rstd, gain, bias []float32, batch, voxels, channels, groups int) {
	if groups < 1 || channels%groups != 0 || voxels < 1 {
		panic("kernel: " + name + ": groups must divide channels, and there must be voxels")
	}
	need(name, "y or dx", y, batch*voxels*channels)
	need(name, "x", x, batch*voxels*channels)
	need(name, "mean", mean, batch*groups)
	need(name, "rstd", rstd, batch*groups)
	need(name, "gain", gain, channels)
	need(name, "bias or dgain", bias, channels)
}

func (j *groupNorms) start(batch, voxels, channels int) {
	j.p, j.batch, j.size, j.channels = current, batch, voxels*channels, channels
	j.long = longRow(channels)
	j.slice = sliceRows(j.long) * j.long
	j.slices = ceil(j.size, j.slice)
	j.sums = j.parts.floats(batch * j.slices * 2 * j.long)
	j.coefs = j.pattern.floats(batch * 3 * j.long)
	if n := batch * channels; len(j.channelSums) < n {
		j.channelSums, j.channelDots = make([]float64, n), make([]float64, n)
	}
}

// each runs a phase with up to three coefficients for each sample and channel, and
// folds the sums that it leaves.
func (j *groupNorms) each(phase int, coef func(b, c int) (float32, float32, float32), sums int) {
	for b := range j.batch {
		k := j.coefs[b*3*j.long:][:3*j.long]
		for c := range j.channels {
			f, h, e := coef(b, c)
			for at := c; at < j.long; at += j.channels {
				k[at], k[j.long+at], k[2*j.long+at] = f, h, e
			}
		}
	}
	j.phase = phase
	parallel(j.batch*j.slices, j)
	for b := range j.batch {
		f := folding{parts: j.sums[b*j.slices*2*j.long:], count: j.slices, stride: 2 * j.long, long: j.long, cols: j.channels}
		for k := range sums {
			out := [][]float64{j.channelSums, j.channelDots}[k][b*j.channels:]
			for c := range j.channels {
				out[c] = f.column(c)
			}
			f.parts = f.parts[min(j.long, len(f.parts)):]
		}
	}
}

// group returns the sum over the channels of group t, each weighted by gain.
func (j *groupNorms) group(which, t, groups int, gain []float32) float64 {
	per := j.channels / groups
	from := j.channelSums
	if which == 1 {
		from = j.channelDots
	}
	var s float64
	for i := range per {
		c := t%groups*per + i
		v := from[t/groups*j.channels+c]
		if gain != nil {
			v *= float64(gain[c])
		}
		s += v
	}
	return s
}

func (j *groupNorms) run(i int, s *scratch) {
	b, at := i/j.slices, i%j.slices*j.slice
	n := min(j.size-at, j.slice)
	rows, rest := n/j.long, n%j.long
	if j.phase == phaseMoments {
		j.sliceMoments(s, i, b*j.size+at, rows, rest)
		return
	}
	if rows > 0 {
		j.apply(j.p, i, b*j.size+at, rows, j.long)
	}
	if rest > 0 {
		if rows == 0 {
			clear(j.sums[i*2*j.long:][:2*j.long])
		}
		j.apply(nil, i, b*j.size+at+rows*j.long, 1, rest)
	}
}

// sliceMoments leaves, for each column of task i's long rows, its sum and its sum of
// squares around the column's own mean in the task, while the task's floats are in
// the cache.
func (j *groupNorms) sliceMoments(s *scratch, i, at, rows, rest int) {
	sum := j.sums[i*2*j.long:][:2*j.long]
	clear(sum)
	sum, squares := sum[:j.long], sum[j.long:]
	x, last := j.x[at:], j.x[at+rows*j.long:]
	if rows > 0 {
		j.p.channelSum(rows, j.long, sum, x)
	}
	channelSum(1, rest, sum, last)
	shift := s.floats(0, j.long)
	for c := range shift {
		shift[c] = -columnMean(sum, c, rows, rest)
	}
	if rows > 0 {
		j.p.channelSquares(rows, j.long, squares, x, shift)
	}
	channelSquares(1, rest, squares, last, shift)
}

// columnMean returns the mean of column c of rows rows and one more of rest columns.
func columnMean(sum []float32, c, rows, rest int) float32 {
	if c < rest {
		rows++
	}
	return sum[c] / float32(max(rows, 1))
}

// moments puts the columns' moments of sample b together: the mean of each group,
// and 1/sqrt(variance + eps). What a column adds to the squares around the group's
// mean g is Σ(x-m)² + 2·(m-g)·Σ(x-m) + n·(m-g)², with m the column's mean as it was
// rounded (Chan et al. 1979).
func (j *groupNorms) moments(b int, mean, rstd []float32, eps float64) {
	groups := len(mean)
	per, n := j.channels/groups, float64(j.size/groups)
	total, squares := j.channelSums[:groups], j.channelDots[:groups]
	clear(total)
	clear(squares)
	j.columns(b, per, func(t int, sum, _, _ float64, _ int) { total[t] += sum })
	for t := range total {
		total[t] /= n
	}
	j.columns(b, per, func(t int, sum, square, m float64, count int) {
		d := m - total[t]
		squares[t] += square + 2*d*(sum-float64(count)*m) + float64(count)*d*d
	})
	for t := range total {
		mean[t], rstd[t] = float32(total[t]), float32(1/math.Sqrt(squares[t]/n+eps))
	}
}

// columns calls f for each column of sample b's tasks: with its group, the moments
// that sliceMoments left, and how many floats it has.
func (j *groupNorms) columns(b, per int, f func(t int, sum, square, mean float64, count int)) {
	for i := range j.slices {
		n := min(j.size-i*j.slice, j.slice)
		rows, rest := n/j.long, n%j.long
		sum := j.sums[(b*j.slices+i)*2*j.long:][:2*j.long]
		for c := range j.long {
			count := rows
			if c < rest {
				count++
			}
			f(c%j.channels/per, float64(sum[c]), float64(sum[j.long+c]), float64(columnMean(sum, c, rows, rest)), count)
		}
	}
}

// apply runs the phase on rows long rows from float at, or, where p is nil, on the
// first cols columns of one.
func (j *groupNorms) apply(p *path, i, at, rows, cols int) {
	sum := j.sums[i*2*j.long:][:2*j.long]
	k := j.coefs[i/j.slices*3*j.long:]
	f, h, e := k[:j.long], k[j.long:2*j.long], k[2*j.long:3*j.long]
	if p == nil {
		p = rowwise
	} else {
		clear(sum)
	}
	switch j.phase {
	case phaseScale:
		p.channelAffine1(rows, cols, j.y[at:], j.x[at:], f, h)
	case phaseDots:
		p.channelDots(rows, cols, sum, sum[j.long:], j.dy[at:], j.x[at:], f, h)
	case phaseGradient:
		p.channelAffine2(rows, cols, j.y[at:], j.x[at:], f, h, j.dy[at:], e)
	}
}

// rowwise is the portable path, for rows that do not fill vectors.
var rowwise = portable()
