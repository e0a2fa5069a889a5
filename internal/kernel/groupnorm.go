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
	j.sums = j.parts.floats(batch * j.slices * 3 * j.long)
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
		f := folding{parts: j.sums[b*j.slices*3*j.long:], count: j.slices, stride: 3 * j.long, long: j.long, cols: j.channels}
		for k := range sums {
			out := [][]float64{j.channelSums, j.channelDots}[k]
			f.columns(out[b*j.channels:][:j.channels], 0)
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

func (j *groupNorms) run(i int, _ *scratch) {
	b, at := i/j.slices, i%j.slices*j.slice
	n := min(j.size-at, j.slice)
	rows, rest := n/j.long, n%j.long
	if j.phase == phaseMoments {
		j.sliceMoments(i, b*j.size+at, rows, rest)
		return
	}
	if rows > 0 {
		j.apply(j.p, i, b*j.size+at, rows, j.long)
	}
	if rest > 0 {
		if rows == 0 {
			clear(j.sums[i*3*j.long:][:3*j.long])
		}
		j.apply(nil, i, b*j.size+at+rows*j.long, 1, rest)
	}
}

// A column's moments are taken around the mean of its first shiftRows values: of n
// values these make up at least shiftRows/n of the variance, so that float32 sums of
// squares lose little.
const shiftRows = 16

// sliceMoments leaves, for each column of task i's long rows, the sum of x + shift and
// of its square, and shift itself.
func (j *groupNorms) sliceMoments(i, at, rows, rest int) {
	sums := j.sums[i*3*j.long:][:3*j.long]
	clear(sums)
	sum, squares, shift := sums[:j.long], sums[j.long:2*j.long], sums[2*j.long:]
	x, last := j.x[at:], j.x[at+rows*j.long:]
	first := min(rows, shiftRows)
	if first > 0 {
		j.p.channelSum(first, j.long, shift, x)
	} else {
		copy(shift, last[:rest])
	}
	for c := range shift {
		shift[c] /= -float32(max(first, 1))
	}
	if rows > 0 {
		j.p.channelMoments(rows, j.long, sum, squares, x, shift)
	}
	channelMoments(1, rest, sum, squares, last, shift)
}

// moments puts the columns' moments of sample b together: the mean of each group,
// and 1/sqrt(variance + eps). What a column of n values adds to the squares around the
// group's mean m is Σ(x+s)² - 2·(m+s)·Σ(x+s) + n·(m+s)², s being its shift.
func (j *groupNorms) moments(b int, mean, rstd []float32, eps float64) {
	groups := len(mean)
	per, n := j.channels/groups, float64(j.size/groups)
	total, squares := j.channelSums[:groups], j.channelDots[:groups]
	clear(total)
	clear(squares)
	j.columns(b, per, func(t int, count, sum, _, shift float64) { total[t] += sum - count*shift })
	for t := range total {
		total[t] /= n
	}
	j.columns(b, per, func(t int, count, sum, square, shift float64) {
		d := total[t] + shift
		squares[t] += square - 2*d*sum + count*d*d
	})
	for t := range total {
		mean[t], rstd[t] = float32(total[t]), float32(1/math.Sqrt(squares[t]/n+eps))
	}
}

// columns calls f for each column of sample b's tasks: with its group, how many values
// it has, and what sliceMoments left.
func (j *groupNorms) columns(b, per int, f func(t int, count, sum, square, shift float64)) {
	for i := range j.slices {
		n := min(j.size-i*j.slice, j.slice)
		rows, rest := n/j.long, n%j.long
		sums := j.sums[(b*j.slices+i)*3*j.long:][:3*j.long]
		for c := range j.long {
			count := rows
			if c < rest {
				count++
			}
			f(c%j.channels/per, float64(count), float64(sums[c]), float64(sums[j.long+c]), float64(sums[2*j.long+c]))
		}
	}
}

// apply runs the phase on rows long rows from float at, or, where p is nil, on the
// first cols columns of one.
func (j *groupNorms) apply(p *path, i, at, rows, cols int) {
	sum := j.sums[i*3*j.long:][:3*j.long]
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
