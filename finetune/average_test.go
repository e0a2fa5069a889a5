package finetune

import (
	"math"
	"math/rand/v2"
	"testing"

	"oncovox/internal/nn"
)

// Oracle: the recursion in float64. The average begins with the first weights, keeps
// t/(t+9) of itself at step t until that reaches the decay, and then the decay. Sixty
// roundings of numbers near 1 to float32 are within 4e-6.
func TestAverage(t *testing.T) {
	backbone, err := nn.LookupPreset("parity")
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDetector(spec{Backbone: backbone, Head: small().Head}, 1)
	if err != nil {
		t.Fatal(err)
	}
	const decay = 0.8
	a, err := newAverage(d, decay)
	if err != nil {
		t.Fatal(err)
	}
	w := d.ps.Get("head.out.weight").W
	got := a.ps.Get("head.out.weight").W
	want := make([]float64, len(w))
	for i, v := range w {
		if got[i] != v {
			t.Fatalf("weight %d begins as %v, the detector's as %v", i, got[i], v)
		}
		want[i] = float64(v)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for step := 1; step <= 60; step++ {
		for i := range w {
			w[i] = float32(r.NormFloat64())
		}
		a.follow(d.ps, step)
		keep := math.Min(decay, float64(step)/float64(step+9))
		for i, v := range w {
			want[i] = keep*want[i] + (1-keep)*float64(v)
		}
	}
	for i := range want {
		if diff := math.Abs(float64(got[i]) - want[i]); !(diff <= 4e-6) {
			t.Errorf("weight %d: %v, want %v", i, got[i], want[i])
		}
	}
}
