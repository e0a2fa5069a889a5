package checkpoint

import "math"

// dtypes are the numbers that tensors may lie in a file as, with their bytes.
var dtypes = map[string]uint64{"F32": 4, "F16": 2}

// dtype returns how the tensors of f lie in the file.
func (f File) dtype() string {
	if f.Half {
		return "F16"
	}
	return "F32"
}

// toHalf returns the bits of the float16 (IEEE 754 binary16) nearest to v, ties to
// even; beyond 65504 it is infinite.
func toHalf(v float32) uint16 {
	b := math.Float32bits(v)
	sign, exponent, fraction := uint16(b>>16&0x8000), int(b>>23&0xff)-127, b&0x7fffff
	switch {
	case exponent == 128 && fraction != 0:
		return sign | 0x7c00 | max(uint16(fraction>>13), 1) // still no number
	case exponent > 15:
		return sign | 0x7c00
	case exponent < -25:
		return sign
	case exponent < -14: // subnormal: the leading one is written out
		return sign | uint16(roundOff(fraction|0x800000, uint(-exponent-1)))
	}
	// A carry out of the fraction goes into the exponent, as it should.
	return sign + uint16(exponent+15)<<10 + uint16(roundOff(fraction, 13))
}

// roundOff returns v without its n lowest bits, rounded, ties to even.
func roundOff(v uint32, n uint) uint32 {
	half, rest, kept := uint32(1)<<(n-1), v&(1<<n-1), v>>n
	if rest > half || rest == half && kept&1 == 1 {
		kept++
	}
	return kept
}

// fromHalf returns the number with the bits h of a float16.
func fromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0:
		v := math.Ldexp(float64(fraction), -24)
		return float32(math.Copysign(v, 1-2*float64(sign>>31)))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
