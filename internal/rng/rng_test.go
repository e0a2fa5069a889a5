package rng

import "testing"

func TestAt(t *testing.T) {
	a := At(7, "crop", 3, 4).Uint64()
	if b := At(7, "crop", 3, 4).Uint64(); a != b {
		t.Errorf("equal arguments: %d and %d", a, b)
	}
	seen := map[uint64]string{a: "seed 7, crop 3 4"}
	for name, v := range map[string]uint64{
		"other seed":        At(8, "crop", 3, 4).Uint64(),
		"other purpose":     At(7, "mask", 3, 4).Uint64(),
		"swapped counters":  At(7, "crop", 4, 3).Uint64(),
		"fewer counters":    At(7, "crop", 3).Uint64(),
		"purpose with tail": At(7, "crop3", 4).Uint64(),
		"negative seed":     At(-7, "crop", 3, 4).Uint64(),
	} {
		if was, ok := seen[v]; ok {
			t.Errorf("%s draws the same as %s", name, was)
		}
		seen[v] = name
	}
}

// A mean of 10,000 uniform numbers, one from each of 10,000 steps, lies within
// 5 standard errors (0.289/100 each) of one half.
func TestStepsAreIndependent(t *testing.T) {
	sum := 0.0
	for step := range 10000 {
		sum += At(1, "mask", step).Float64()
	}
	if mean := sum / 10000; !(mean > 0.4855 && mean < 0.5145) {
		t.Errorf("mean of first numbers %v, want about 0.5", mean)
	}
}

func TestSourceIsAt(t *testing.T) {
	src := Source(7, "crop", 3, 4)
	if a, b := At(7, "crop", 3, 4).Uint64(), src.Uint64(); a != b {
		t.Errorf("At draws %d, Source %d", a, b)
	}
}
