package kernel

import "math"

// ToBF16 rounds src to bfloat16, to nearest with ties to even. A NaN stays a
// NaN. dst is as long as src.
func ToBF16(dst []uint16, src []float32) {
	for i, v := range src {
		dst[i] = bf16(v)
	}
}

// FromBF16 widens bfloat16 to float32, exactly.
func FromBF16(dst []float32, src []uint16) {
	for i, v := range src {
		dst[i] = math.Float32frombits(uint32(v) << 16)
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

// roundAll rounds x to bfloat16.
func roundAll(x []float32) {
	for i, v := range x {
		x[i] = roundBF16(v)
	}
}
