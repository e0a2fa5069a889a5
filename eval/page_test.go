package eval

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Where detections come from a file, the report claims nothing of pictures that
// were not drawn, of the parts of a split, or of training.
func TestReportOfFiles(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(evaluated(t, t.TempDir(), "given", 0.9, 1), "report.html"))
	must(t, err)
	html := string(b)
	for _, wrong := range []string{"No lesion was found", "Gallery", "may flatter it", "was trained or chosen", "Comparison with", "vendor (unknown)"} {
		if strings.Contains(html, wrong) {
			t.Errorf("the report says %q", wrong)
		}
	}
	for _, right := range []string{"Whether the detector was trained on these scans is not known here", "no picture was drawn", "chosen on the part “val”"} {
		if !strings.Contains(html, right) {
			t.Errorf("the report does not say %q", right)
		}
	}
}

func TestMostFirst(t *testing.T) {
	if got := mostFirst(map[string]int{"b": 2, "a": 2, "c": 9, "d": 1}); !slices.Equal(got, []string{"c", "a", "b", "d"}) {
		t.Errorf("order %v, want by falling count, then by name", got)
	}
}

// Ticks are round, within the axis, three to seven, and zero has no sign.
func TestRoundTicks(t *testing.T) {
	for _, axis := range [][2]float64{{0, 1}, {1, 450}, {-0.31, 0.87}, {0, 7.3}, {0.0012, 0.0049}, {-5, 100000}} {
		ticks := roundTicks(axis[0], axis[1])
		if len(ticks) < 3 || len(ticks) > 7 {
			t.Errorf("%v: %d ticks", axis, len(ticks))
		}
		for _, k := range ticks {
			if k.Value < axis[0] || k.Value > axis[1] || len(k.Label) > 8 || k.Label == "\u22120" {
				t.Errorf("%v: tick %v %q", axis, k.Value, k.Label)
			}
		}
	}
	if one := roundTicks(3, 3); len(one) != 1 || one[0].Label != "3" {
		t.Errorf("an axis of one value: %v", one)
	}
}
