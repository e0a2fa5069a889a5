package kernel

import (
	"fmt"
	"slices"
	"time"
)

// A Peak is what the machine can do at most with [Threads] goroutines on the path
// in use.
type Peak struct {
	FP32 float64 // GFLOP/s of multiply-adds in registers
	BF16 float64 // the same on pairs of bfloat16; 0 where there is no instruction
	Read float64 // GB/s read from memory, from far more than the caches hold
}

// A Speed is how fast a kernel ran on one shape.
type Speed struct {
	Kernel string
	Shape  string
	Rate   float64 // in Unit
	Unit   string  // "GFLOP/s" or "GB/s"
	Share  float64 // of the peak of that unit
}

// A burning keeps one thread busy with multiply-adds, or with reading.
type burning struct {
	f func(n int)
	n int
	x []float32
	p *path
}

func (j *burning) run(i int, _ *scratch) {
	if j.f != nil {
		j.f(j.n)
		return
	}
	share := len(j.x) / Threads() &^ 63
	j.p.read(share, j.x[i*share:])
}

// MeasurePeak measures for some tenths of a second. now is the clock.
func MeasurePeak(now func() time.Time) Peak {
	p, t := current, float64(Threads())
	flops := func(f func(n int), each int) float64 {
		const n = 1 << 19
		s := median(now, func() { parallel(Threads(), &burning{f: f, n: n}) })
		return t * n * float64(each) / s / 1e9
	}
	peak := Peak{FP32: flops(p.burn, p.burnFlops)}
	if p.burnPairs != nil {
		peak.BF16 = flops(p.burnPairs, p.burnFlopsBF)
	}
	x := make([]float32, 64<<20)
	for i := range x { // a page that was never written is not read from memory
		x[i] = 1
	}
	s := median(now, func() { parallel(Threads(), &burning{x: x, p: p}) })
	peak.Read = float64(4*len(x)) / s / 1e9
	return peak
}

// median returns the middle of seven times that f takes, in seconds, after one run
// that does not count.
func median(now func() time.Time, f func()) float64 {
	var times []float64
	for range 8 {
		start := now()
		f()
		times = append(times, now().Sub(start).Seconds())
	}
	times = times[1:]
	slices.Sort(times)
	return times[len(times)/2]
}

// MeasureKernels runs the kernels that training spends its time in on shapes of
// the models, and compares them with peak. It takes some seconds.
func MeasureKernels(now func() time.Time, peak Peak) []Speed {
	m := &measuring{now: now, peak: peak}
	for _, s := range [][3]int{{3456, 384, 1152}, {3456, 384, 1536}, {3456, 1536, 384}, {3456, 192, 768}, {1728, 768, 768}} {
		m.gemm(s[0], s[1], s[2], false)
		if peak.BF16 > 0 {
			m.gemm(s[0], s[1], s[2], true)
		}
	}
	m.attention(8, 54, 6, 64)
	m.attention(2, 432, 6, 64)
	m.attention(1, 1728, 6, 32)
	for _, s := range [][2]int{{48, 32}, {24, 64}, {12, 128}} {
		m.conv(s[0], s[1])
	}
	m.elementwise(3456, 1536)
	return m.speeds
}

type measuring struct {
	now    func() time.Time
	peak   Peak
	speeds []Speed
}

// numbers returns n values that no kernel treats specially.
func numbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i*7919%2003)/1000 - 1
	}
	return x
}

func (m *measuring) flops(kernel, shape string, flop, peak float64, f func()) {
	rate := flop / median(m.now, f) / 1e9
	m.speeds = append(m.speeds, Speed{kernel, shape, rate, "GFLOP/s", rate / peak})
}

func (m *measuring) bytes(kernel, shape string, bytes int, f func()) {
	rate := float64(bytes) / median(m.now, f) / 1e9
	m.speeds = append(m.speeds, Speed{kernel, shape, rate, "GB/s", rate / m.peak.Read})
}

func (m *measuring) gemm(rows, in, out int, half bool) {
	x, w, y := numbers(rows*in), numbers(in*out), numbers(rows*out)
	shape, flop := fmt.Sprintf("%d×%d×%d", rows, in, out), 2*float64(rows*in*out)
	name, peak := "linear", m.peak.FP32
	if half {
		name, peak = "linear bf16", m.peak.BF16
	}
	m.flops(name, shape, flop, peak, func() { linear(name, y, x, w, nil, rows, in, out, half) })
	m.flops(name+" dx", shape, flop, peak, func() {
		product{m: rows, n: in, k: out, a: y, lda: out, b: w, ldb: in, c: x, ldc: in, alpha: 1, half: half}.do(name)
	})
	m.flops(name+" dw", shape, flop, peak, func() {
		product{transA: true, m: out, n: in, k: rows, a: y, lda: out, b: x, ldb: in, c: w, ldc: in, alpha: 1, half: half}.do(name)
	})
}

func (m *measuring) attention(batch, tokens, heads, dim int) {
	n := batch * tokens * heads * dim
	qkv, y, lse, g := numbers(3*n), numbers(n), numbers(n/dim), numbers(3*n)
	shape, flop := fmt.Sprintf("%d×%d tokens, %d×%d", batch, tokens, heads, dim), 4*float64(n)*float64(tokens)
	m.flops("attention", shape, flop, m.peak.FP32, func() { Attention(y, lse, qkv, batch, tokens, heads, dim) })
	m.flops("attention backward", shape, 2.5*flop, m.peak.FP32, func() { AttentionBackward(g, y, y, lse, qkv, batch, tokens, heads, dim) })
}

func (m *measuring) conv(side, channels int) {
	s := ConvShape{Batch: 1, In: [3]int{side, side, side}, CIn: channels, COut: channels, Kernel: [3]int{3, 3, 3}, Stride: [3]int{1, 1, 1}, Pad: [3]int{1, 1, 1}}
	n := volume(s.In) * channels
	x, w, y := numbers(n), numbers(channels*s.inner()), numbers(n)
	shape, flop := fmt.Sprintf("%d³, %d channels, 3³", side, channels), 2*float64(n*s.inner())
	m.flops("conv", shape, flop, m.peak.FP32, func() { Conv3D(y, x, w, nil, s) })
	m.flops("conv dx", shape, flop, m.peak.FP32, func() { convInput(x, y, w, s) })
	m.flops("conv dw", shape, flop, m.peak.FP32, func() { convWeights(w, y, x, s, false) })
}

func (m *measuring) elementwise(rows, dim int) {
	n := rows * dim
	a, b, c, d := numbers(n), numbers(n), numbers(n), make([]float32, n)
	gain, bias, mean, rstd := numbers(dim), numbers(dim), numbers(rows), numbers(rows)
	shape := fmt.Sprintf("%d×%d", rows, dim)
	m.bytes("add", shape, 12*n, func() { Add(c, a, b) })
	m.bytes("gelu", shape, 8*n, func() { GELU(b, a) })
	m.bytes("gelu backward", shape, 12*n, func() { GELUBackward(b, c, a) })
	m.bytes("layer norm", shape, 8*n, func() { LayerNorm(b, mean, rstd, a, gain, bias, rows, dim, 1e-6) })
	m.bytes("layer norm backward", shape, 12*n, func() { LayerNormBackward(b, gain, bias, c, a, mean, rstd, gain, rows, dim, false) })
	m.bytes("group norm", shape, 8*n, func() { GroupNorm(b, mean, rstd, a, gain, bias, 1, n/32, 32, 8, 1e-6) })
	m.bytes("sum of squares", shape, 4*n, func() { SumSquares(a) })
	m.bytes("adamw", shape, 28*n, func() { AdamW(c, b, d, a, 1e-3, 0.9, 0.95, 1e-8, 0.05, 1, 10) })
}
