package kernel

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Speed is how fast a kernel ran on one shape.
type Speed struct {
	Group  string // one of the names in [Groups]
	Kernel string
	Shape  string
	Work   float64 // GFLOP, or GB that are read and written
	Rate   float64 // in Unit
	Unit   string  // "GFLOP/s" or "GB/s"
	Share  float64 // of the peak: of multiply-adds, or of a bare loop over as many arrays
}

// The groups of kernels.
const (
	gemmGroup       = "GEMM float32"
	gemmBF16Group   = "GEMM bfloat16"
	productsGroup   = "attention, products"
	attentionGroup  = "attention, whole"
	productsBFGroup = "attention bfloat16, products"
	attentionBF     = "attention bfloat16, whole"
	convGroup       = "convolution"
	elementGroup    = "elementwise, slowest"
	upsampleGroup   = "upsampling, slowest"
)

type measuring struct {
	path   *path
	loops  bareLoops
	speeds []Speed
}

// MeasureKernels runs the kernels that training spends its time in, on shapes of
// the models and on data that is larger than the caches, and compares them with
// what the bare loops of [MeasurePeak] reach meanwhile. It takes half a minute.
func MeasureKernels(now func() time.Time) []Speed {
	m := &measuring{path: current, loops: newBareLoops(now)}
	for _, half := range []bool{false, true} {
		if half && m.path.burnPairs == nil {
			continue
		}
		for _, s := range [][3]int{
			{3456, 384, 1152}, {3456, 384, 384}, {3456, 384, 1536}, {3456, 1536, 384}, {3456, 192, 576}, {3456, 192, 768},
			{1728, 768, 2304}, {1728, 768, 768}, {1728, 768, 3072}, {1728, 3072, 768},
		} {
			m.gemm(s[0], s[1], s[2], half)
		}
		for _, s := range [][4]int{{8, 54, 6, 64}, {8, 216, 6, 32}, {8, 432, 6, 64}, {2, 1728, 6, 32}} {
			m.attention(s[0], s[1], s[2], s[3], half)
		}
	}
	for _, s := range [][4]int{{48, 32, 32, 1}, {48, 32, 64, 2}, {24, 64, 64, 1}, {24, 64, 128, 2}, {12, 128, 128, 1}} {
		m.conv(s[0], s[1], s[2], s[3])
	}
	m.elementwise(384)
	m.upsampling()
	return m.speeds
}

// flops compares with multiply-adds in registers that run in turn with f: the clock
// of a machine changes.
func (m *measuring) flops(group, kernel, shape string, flop float64, f func()) {
	burn, each := m.path.burn, m.path.burnFlops
	if group == gemmBF16Group || group == productsBFGroup || group == attentionBF {
		burn, each = m.path.burnPairs, m.path.burnFlopsBF
	}
	var peak float64
	rate := flop / m.shortest(f, func() { peak = max(peak, m.loops.multiply(2, burn, each)) }) / 1e9
	m.speeds = append(m.speeds, Speed{group, kernel, shape, flop / 1e9, rate, "GFLOP/s", rate / peak})
}

// shortest returns the shortest of nine times that f takes, in seconds, after one
// run that does not count. bare runs before each.
func (m *measuring) shortest(f, bare func()) float64 {
	f()
	best := math.Inf(1)
	for range 9 {
		bare()
		best = min(best, took(m.loops.now, f))
	}
	return best
}

func (m *measuring) gemm(rows, in, out int, half bool) {
	x, w, y := numbers(rows*in), numbers(in*out), numbers(rows*out)
	shape, flop := fmt.Sprintf("%d×%d×%d", rows, in, out), 2*float64(rows*in*out)
	group, name := gemmGroup, "linear"
	if half {
		group, name = gemmBF16Group, "linear bf16"
	}
	m.flops(group, name, shape, flop, func() { linear(name, y, x, w, nil, rows, in, out, half) })
	m.flops(group, name+" dx", shape, flop, func() {
		product{m: rows, n: in, k: out, a: y, lda: out, b: w, ldb: in, c: x, ldc: in, alpha: 1, half: half}.do(name)
	})
	m.flops(group, name+" dw", shape, flop, func() {
		product{transA: true, m: out, n: in, k: rows, a: y, lda: out, b: x, ldb: in, c: w, ldc: in, alpha: 1, half: half}.do(name)
	})
}

// attention measures attention whole, and on a path whose softmax does nothing:
// that leaves the products and the copies that they need.
func (m *measuring) attention(batch, tokens, heads, dim int, half bool) {
	n := batch * tokens * heads * dim
	qkv, y, lse, g, dy := numbers(3*n), numbers(n), numbers(n/dim), numbers(3*n), numbers(n)
	for i := range qkv {
		qkv[i] *= 0.1
	}
	shape, flop := fmt.Sprintf("%d×%d tokens, %d×%d", batch, tokens, heads, dim), 4*float64(n)*float64(tokens)
	forward, backward, whole, products, name := Attention, AttentionBackward, attentionGroup, productsGroup, "attention"
	if half {
		forward, backward, whole, products, name = AttentionBF16, AttentionBackwardBF16, attentionBF, productsBFGroup, "attention bf16"
	}
	both := func(group, name string) {
		m.flops(group, name, shape, flop, func() { forward(y, lse, qkv, batch, tokens, heads, dim) })
		m.flops(group, name+" backward", shape, 2.5*flop, func() { backward(g, dy, y, lse, qkv, batch, tokens, heads, dim) })
	}
	both(whole, name)
	defer func(old *path) { current = old }(current)
	p := *current
	p.columnMax = func(int, []float32, []float32) {}
	p.columnExp = func(int, []float32, float32, []float32, []float32) {}
	p.columnGrad = func(int, []float32, []float32, float32, float32, []float32, []float32) {}
	current = &p
	both(products, name+" products")
}

func (m *measuring) conv(side, cin, cout, stride int) {
	s := ConvShape{Batch: 1, In: [3]int{side, side, side}, CIn: cin, COut: cout, Kernel: [3]int{3, 3, 3}, Stride: [3]int{stride, stride, stride}, Pad: [3]int{1, 1, 1}}
	x, w, y := numbers(volume(s.In)*cin), numbers(cout*s.inner()), numbers(volume(s.Out())*cout)
	shape, flop := fmt.Sprintf("%d³, %d→%d channels, 3³, stride %d", side, cin, cout, stride), 2*float64(len(y)*s.inner())
	m.flops(convGroup, "conv", shape, flop, func() { Conv3D(y, x, w, nil, s) })
	m.flops(convGroup, "conv dx", shape, flop, func() { convInput(x, y, w, s) })
	m.flops(convGroup, "conv dw", shape, flop, func() { convWeights(w, y, x, s, false) })
}

// traffic is how many times the array of an elementwise kernel is read and
// written, by way of access; triad: two are read and a third is written.
type traffic struct{ read, write, copied, updated, triad float64 }

// gigabytes returns what the traffic of n floats moves.
func (t traffic) gigabytes(n int) float64 {
	return 4 * float64(n) / 1e9 * (t.read + t.write + 2*t.copied + 2*t.updated + 3*t.triad)
}

// limit returns the seconds that bare loops need for the traffic of n floats.
func (t traffic) limit(n int, p Peak) float64 {
	return 4 * float64(n) / 1e9 * (t.read/p.Read + t.write/p.Write + 2*t.copied/p.Copy + 2*t.updated/p.Update + 3*t.triad/p.Triad)
}

// bytes compares with bare loops just before f and just after it: what memory can do
// changes within seconds where other machines share it, so only runs side by side can
// be compared. The share and the rate are the medians of many such comparisons.
func (m *measuring) bytes(group, kernel, shape string, n int, t traffic, f func()) {
	const turns = 15
	f()
	var shares, times []float64
	var before Peak
	m.loops.raise(&before, 1)
	for range turns {
		times = append(times, took(m.loops.now, f))
		var after Peak
		m.loops.raise(&after, 1)
		shares = append(shares, (t.limit(n, before)+t.limit(n, after))/2/times[len(times)-1])
		before = after
	}
	slices.Sort(shares)
	slices.Sort(times)
	work := t.gigabytes(n)
	m.speeds = append(m.speeds, Speed{group, kernel, shape, work, work / times[turns/2], "GB/s", shares[turns/2]})
}

func (m *measuring) elementwise(dim int) {
	n, rows := arrayLen, arrayLen/dim
	a, b, c, d := numbers(n), numbers(n), numbers(n), aligned(n)
	gain, bias, mean, rstd := numbers(dim), numbers(dim), numbers(rows), numbers(rows)
	dgain, dbias := numbers(dim), numbers(dim)
	shape := fmt.Sprintf("%d×%d", rows, dim)
	m.bytes(elementGroup, "add", shape, n, traffic{triad: 1}, func() { Add(c, a, b) })
	m.bytes(elementGroup, "add to", shape, n, traffic{read: 1, updated: 1}, func() { AddTo(c, a) })
	m.bytes(elementGroup, "gelu", shape, n, traffic{copied: 1}, func() { GELU(c, a) })
	m.bytes(elementGroup, "gelu backward", shape, n, traffic{triad: 1}, func() { GELUBackward(c, b, a) })
	m.bytes(elementGroup, "layer norm", shape, n, traffic{copied: 1}, func() { LayerNorm(c, mean, rstd, a, gain, bias, rows, dim, 1e-6) })
	m.bytes(elementGroup, "layer norm backward", shape, n, traffic{triad: 1}, func() { LayerNormBackward(c, dgain, dbias, b, a, mean, rstd, gain, rows, dim, false) })
	m.bytes(elementGroup, "column sums", shape, n, traffic{read: 1}, func() { columnSums("", dbias, a, rows, dim, false) })
	m.bytes(elementGroup, "sum of squares", shape, n, traffic{read: 1}, func() { SumSquares(a) })
	m.bytes(elementGroup, "adamw", shape, n, traffic{read: 1, updated: 3}, func() { AdamW(c, b, d, a, 1e-3, 0.9, 0.95, 1e-8, 0.05, 1, 10) })
	h := make([]uint16, n)
	m.bytes(elementGroup, "to bf16", shape, n, traffic{copied: 0.75}, func() { ToBF16(h, a) })
	m.bytes(elementGroup, "from bf16", shape, n, traffic{copied: 0.75}, func() { FromBF16(c, h) })
	shape = fmt.Sprintf("%d voxels, 32 channels", n/32)
	m.bytes(elementGroup, "instance norm", shape, n, traffic{read: 1, copied: 1}, func() { GroupNorm(c, mean, rstd, a, gain, bias, 1, n/32, 32, 32, 1e-6) })
	m.bytes(elementGroup, "instance norm backward", shape, n, traffic{read: 2, triad: 1}, func() {
		GroupNormBackward(c, dgain, dbias, b, a, mean, rstd, gain, 1, n/32, 32, 32, false)
	})
}

func (m *measuring) upsampling() {
	side := [3]int{40, 40, 40}
	large := 8 * 32 * volume(side)
	a, c := numbers(large/8), numbers(large)
	shape := "40³ to 80³, 32 channels"
	m.bytes(upsampleGroup, "upsample nearest", shape, large, traffic{read: 1. / 8, write: 1}, func() { Upsample2(c, a, 1, side, 32) })
	m.bytes(upsampleGroup, "upsample nearest backward", shape, large, traffic{read: 1, write: 1. / 8}, func() { Upsample2Backward(a, c, 1, side, 32) })
	m.bytes(upsampleGroup, "upsample trilinear", shape, large, traffic{read: 1. / 8, write: 1}, func() { UpsampleTrilinear2(c, a, 1, side, 32) })
	m.bytes(upsampleGroup, "upsample trilinear backward", shape, large, traffic{read: 1, write: 1. / 8}, func() { UpsampleTrilinear2Backward(a, c, 1, side, 32) })
}
