package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// A measured step of a small preset: every figure is there and they agree with each
// other. How fast it went is not looked at.
func TestBenchStep(t *testing.T) {
	for _, dtype := range []string{"f32", "bf16"} {
		var out strings.Builder
		if code := run([]string{"bench", "step", "--preset", "parity", "--dtype", dtype, "--steps", "2", "--json"}, &out, os.Stderr); code != exitDone {
			t.Fatalf("exit code %d", code)
		}
		var b stepBench
		if err := json.Unmarshal([]byte(out.String()), &b); err != nil {
			t.Fatal(err)
		}
		if b.DType != dtype || b.Tokens != 64 || b.Visible != 16 || b.Weights != 69832 || b.Steps != 2 || b.Batch != 8 {
			t.Errorf("%+v", b)
		}
		if !(b.SamplesPerS > 0 && b.StepMinS <= b.StepS && b.ForwardS > 0 && b.BackwardS > 0 && b.OptimiserS > 0 && b.Share > 0 && b.Loss > 0) {
			t.Errorf("%+v", b)
		}
		if _, err := os.Stat("/proc/self/stat"); err == nil && !(b.PeakRSSMB > b.ArenaMB && b.FirstStepS > 0) {
			t.Errorf("%.1f MB at most, %.1f of activations, first step after %.2f s", b.PeakRSSMB, b.ArenaMB, b.FirstStepS)
		}
	}
}
