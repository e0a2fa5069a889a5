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
}

// arrayLen is the length of the arrays of bare loops and of elementwise kernels: 66
// MB, twice what a big cache holds.
const arrayLen = 43008 * 384

// A burning keeps the workers busy with one bare loop, each with its share.
type burning struct {
	f func(i int)
}

func (j *burning) run(i int, _ *scratch) { j.f(i) }

// bare returns how long it takes until every worker has run f once, in seconds.
func bare(now func() time.Time, f func(i int)) float64 {
	return shortest(now, 40, func() { parallel(Threads(), &burning{f}) })
}

// shortest returns the shortest of n times that f takes, in seconds, after one run
// that does not count. What else the machine does makes a time longer, never shorter.
func shortest(now func() time.Time, n int, f func()) float64 {
	f()
	best := math.Inf(1)
	for range n {
		start := now()
		f()
		best = min(best, now().Sub(start).Seconds())
	}
	return best
}

// MeasurePeak measures for about a second. now is the clock.
func MeasurePeak(now func() time.Time) Peak {
	p, t := current, float64(Threads())
	flops := func(f func(n int), each int) float64 {
		const n = 1 << 18 // a millisecond or two
		return t * n * float64(each) / bare(now, func(int) { f(n) }) / 1e9
	}
	peak := Peak{FP32: flops(p.burn, p.burnFlops)}
	if p.burnPairs != nil {
		peak.BF16 = flops(p.burnPairs, p.burnFlopsBF)
	}
	x, y := numbers(arrayLen), numbers(arrayLen)
	rate := func(bytes int, f func(x, y []float32)) float64 {
		share := arrayLen / Threads() &^ 63
		return t * float64(bytes*share) / bare(now, func(i int) { f(x[i*share:][:share], y[i*share:]) }) / 1e9
	}
	peak.Read = rate(4, func(x, _ []float32) { p.read(len(x), x) })
	peak.Write = rate(4, func(x, _ []float32) { p.fill(len(x), x) })
	peak.Copy = rate(8, func(x, y []float32) { p.copy(len(x), y, x) })
	peak.Update = rate(8, func(x, _ []float32) { p.scale(len(x), x, 1) })
	return peak
}

// numbers returns n values that no kernel treats specially.
func numbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*7919%2003)/1000 - 1
	}
	return x
}
