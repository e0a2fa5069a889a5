// Package rng makes counter-based random sources: the numbers depend on a seed,
// a purpose and counters such as the step and the sample, and on nothing that
// was drawn before. There is no state to save, so a run that is resumed draws
// what an uninterrupted one would have drawn.
package rng

import "math/rand/v2"

// At returns the source for the given seed, purpose and counters. Equal
// arguments give equal sources; any other argument gives an unrelated one.
func At(seed int64, purpose string, counters ...int) *rand.Rand {
	src := Source(seed, purpose, counters...)
	return rand.New(&src)
}

// Source returns the bare source of At as a value, for loops that must not
// allocate.
func Source(seed int64, purpose string, counters ...int) rand.PCG {
	h := mix(uint64(seed))
	for _, c := range []byte(purpose) {
		h = mix(h ^ uint64(c))
	}
	h = mix(h ^ uint64(len(purpose))<<32)
	for _, c := range counters {
		h = mix(h ^ uint64(c))
	}
	return *rand.NewPCG(h, mix(h))
}

// mix is the step and output function of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
