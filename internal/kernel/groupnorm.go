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
	phaseSum = iota
	phaseSquares
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
	n := float64(voxels * per)
	j.each(phaseSum, nil, 1)
	for t := range batch * groups {
		mean[t] = float32(j.group(0, t, groups, nil) / n)
	}
	j.each(phaseSquares, func(b, c int) (float32, float32, float32) { return -mean[b*groups+c/per], 0, 0 }, 1)
	for t := range batch * groups {
		rstd[t] = float32(1 / math.Sqrt(j.group(0, t, groups, nil)/n+float64(eps)))
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
		if coef == nil {
			break
		}
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

func (j *groupNorms) run(i int, _ *scratch) {
	b, at := i/j.slices, i%j.slices*j.slice
	n := min(j.size-at, j.slice)
	rows, rest := n/j.long, n%j.long
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
	case phaseSum:
		p.channelSum(rows, cols, sum, j.x[at:])
	case phaseSquares:
		p.channelSquares(rows, cols, sum, j.x[at:], f)
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
