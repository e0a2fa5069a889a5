package kernel

import (
	"math"
	"time"
)

// A Peak is what the machine can do at most with [Threads] goroutines on the path
// in use. Bandwidths are those of bare loops over far more than the caches hold,
// with ordinary stores; bytes that are read and bytes that are written both count.
type Peak struct {
	FP32   float64 // GFLOP/s of multiply-adds in registers
	BF16   float64 // the same on pairs of bfloat16; 0 where there is no instruction
	Read   float64 // GB/s of reading
	Write  float64 // GB/s of writing
	Copy   float64 // GB/s of reading one array and writing another
	Update float64 // GB/s of reading an array and writing it in place
	Triad  float64 // GB/s of reading two arrays and writing a third
}

// arrayLen is the length of the arrays of bare loops and of elementwise kernels: 66
// MB, twice what a big cache holds.
const arrayLen = 43008 * 384

// A burning keeps the workers busy with one bare loop, each with its share.
type burning struct {
	f func(i int)
}

func (j *burning) run(i int, _ *scratch) { j.f(i) }

// Bare loops with the memory that they run over.
type bareLoops struct {
	now     func() time.Time
	x, y, z []float32
}

func newBareLoops(now func() time.Time) bareLoops {
	return bareLoops{now, numbers(arrayLen), numbers(arrayLen), numbers(arrayLen)}
}

// rate returns how much is done in a second where every worker does work in f, in
// the shortest of n runs. What else the machine does makes a run longer, never
// shorter.
func (l bareLoops) rate(n int, work float64, f func(i int)) float64 {
	best := math.Inf(1)
	for range n {
		best = min(best, took(l.now, func() { parallel(Threads(), &burning{f}) }))
	}
	return float64(Threads()) * work / best
}

// took returns how long f takes, in seconds.
func took(now func() time.Time, f func()) float64 {
	start := now()
	f()
	return now().Sub(start).Seconds()
}

// raise raises the bandwidths of p to what n runs of each loop reach now.
func (l bareLoops) raise(p *Peak, n int) {
	share, k := arrayLen/Threads()&^63, current
	for _, m := range []struct {
		rate  *float64
		bytes int
		f     func(x, y, z []float32)
	}{
		{&p.Read, 4, func(x, _, _ []float32) { k.read(share, x) }},
		{&p.Write, 4, func(x, _, _ []float32) { k.fill(share, x) }},
		{&p.Copy, 8, func(x, y, _ []float32) { k.copy(share, y, x) }},
		{&p.Update, 8, func(x, _, _ []float32) { k.scale(share, x, 1) }},
		{&p.Triad, 12, func(x, y, z []float32) { k.add(share, z, x, y) }},
	} {
		*m.rate = max(*m.rate, l.rate(n, float64(m.bytes*share)/1e9, func(i int) { m.f(l.x[i*share:], l.y[i*share:], l.z[i*share:]) }))
	}
}

// MeasurePeak measures for about a second, each loop in several rounds. now is the
// clock.
func MeasurePeak(now func() time.Time) Peak {
	l, k := newBareLoops(now), current
	var peak Peak
	for range 5 {
		peak.FP32 = max(peak.FP32, l.multiply(12, k.burn, k.burnFlops))
		if k.burnPairs != nil {
			peak.BF16 = max(peak.BF16, l.multiply(12, k.burnPairs, k.burnFlopsBF))
		}
		l.raise(&peak, 6)
	}
	return peak
}

// multiply returns the GFLOP/s of a loop of multiply-adds, in the best of n runs of a
// millisecond or two.
func (l bareLoops) multiply(n int, burn func(n int), flops int) float64 {
	const turns = 1 << 18
	return l.rate(n, turns*float64(flops)/1e9, func(int) { burn(turns) })
}

// numbers returns n values that no kernel treats specially, in memory such as training
// works in.
func numbers(n int) []float32 {
	x := aligned(n)
	for i := range x {
		x[i] = float32(i*7919%2003)/1000 - 1
	}
	return x
}
