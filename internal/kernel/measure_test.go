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
	for _, s := range MeasureKernels(time.Now, peak) {
		t.Logf("%-20s %-24s %7.1f %s %3.0f %%", s.Kernel, s.Shape, s.Rate, s.Unit, 100*s.Share)
	}
}
