package kernel

import "math"

// A conversion is one between float32 and bfloat16 under way.
type conversion struct {
	p     *path
	wide  []float32
	half  []uint16
	widen bool
}

var conversions stash[conversion]

// ToBF16 rounds src to bfloat16, to nearest with ties to even. A NaN stays a
// NaN. dst is as long as src.
func ToBF16(dst []uint16, src []float32) {
	if len(dst) < len(src) {
		panic("kernel: ToBF16: dst is shorter than src")
	}
	convert(src, dst[:len(src)], false)
}

// FromBF16 widens bfloat16 to float32, exactly. dst is as long as src.
func FromBF16(dst []float32, src []uint16) {
	need("FromBF16", "dst", dst, len(src))
	convert(dst[:len(src)], src, true)
}

func convert(wide []float32, half []uint16, widen bool) {
	j := conversions.get()
	*j = conversion{current, wide, half, widen}
	parallel(ceil(len(half), blockLen), j)
	*j = conversion{}
	conversions.put(j)
}

func (j *conversion) run(i int, _ *scratch) {
	lo, hi := i*blockLen, min(len(j.half), (i+1)*blockLen)
	n := (hi - lo) &^ 15
	wide, half := j.wide[lo:hi], j.half[lo:hi]
	switch {
	case j.widen:
		if n > 0 {
			j.p.fromBF16(n, wide, half)
		}
		fromBF16(hi-lo-n, wide[n:], half[n:])
	default:
		if n > 0 {
			j.p.toBF16(n, half, wide)
		}
		toBF16(hi-lo-n, half[n:], wide[n:])
	}
}

func toBF16(n int, y []uint16, x []float32) {
	for i, v := range x[:n] {
		y[i] = bf16(v)
	}
}

func fromBF16(n int, y []float32, x []uint16) {
	for i, v := range x[:n] {
		y[i] = math.Float32frombits(uint32(v) << 16)
	}
}

func bf16(v float32) uint16 {
	u := math.Float32bits(v)
	if v != v {
		return uint16(u>>16) | 0x40 // quiet, and no carry into infinity
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// roundBF16 returns v rounded to bfloat16.
func roundBF16(v float32) float32 { return math.Float32frombits(uint32(bf16(v)) << 16) }

// round rounds n floats to bfloat16.
func round(n int, x []float32) {
	for i, v := range x[:n] {
		x[i] = roundBF16(v)
	}
}

// roundAll rounds x to bfloat16.
func (p *path) roundAll(x []float32) {
	n := len(x) &^ 15
	if n > 0 {
		p.round(n, x)
	}
	round(len(x)-n, x[n:])
}
