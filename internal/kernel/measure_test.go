package kernel

import (
	"os"
	"testing"
	"time"
)

// The numbers are only printed: ONCOVOX_MEASURE=1 go test -run Measure -v
func TestMeasure(t *testing.T) {
	if os.Getenv("ONCOVOX_MEASURE") == "" {
		t.Skip("measures for a minute; set ONCOVOX_MEASURE to run it")
	}
	peak := MeasurePeak(time.Now)
	t.Logf("%s, %d threads: %+v", Name(), Threads(), peak)
	speeds := MeasureKernels(time.Now)
	for _, g := range Groups(speeds) {
		t.Logf("%-30s %3.1f %%, want %3.0f %%", g.Name, 100*g.Share, 100*g.Want)
	}
	for _, s := range speeds {
		t.Logf("%-20s %-24s %7.1f %s %3.0f %%", s.Kernel, s.Shape, s.Rate, s.Unit, 100*s.Share)
	}
}
