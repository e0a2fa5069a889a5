package kernel

import "unsafe"

// aligned returns n zeros that begin on a cache line.
func aligned(n int) []float32 {
	const line = 16
	s := make([]float32, n+line)
	HugePages(s)
	skip := int(-uintptr(unsafe.Pointer(&s[0]))/4) & (line - 1)
	return s[skip : skip+n : skip+n]
}
