package finetune

import (
	"math"
	"testing"

	"oncovox/dataset"
	"oncovox/lesion"
)

func TestCurve(t *testing.T) {
	at := func(x float64) [3]float64 { return [3]float64{x, 0, 0} }
	l := func(id string, x float64) lesion.Lesion {
		return lesion.Lesion{ID: id, CentreLPSMM: at(x), DiameterMM: 10}
	}
	ignored := l("c", 200)
	ignored.Ignore = true
	items := []dataset.Item{
		{ID: "v1", Lesions: []lesion.Lesion{l("a", 0), l("b", 100), ignored}},
		{ID: "v2"},
	}
	d := func(v string, x, score float64) lesion.Detection {
		return lesion.Detection{Volume: v, CentreLPSMM: at(x), Score: score}
	}
	c := newCurve(items, []lesion.Detection{
		d("v1", 1, 0.9),    // finds a
		d("v1", 2, 0.8),    // a again: counts neither way
		d("v1", 199, 0.85), // ignored: counts neither way
		d("v2", 0, 0.7),    // false
		d("v1", 95, 0.6),   // 5 mm off: not strictly inside
		d("v1", 95.1, 0.5), // finds b
	}, inSphere)
	if c.scans != 2 || c.lesions != 2 || len(c.marks) != 4 {
		t.Fatalf("%+v", c)
	}
	for rate, want := range map[float64][2]float64{0.25: {0.5, 0.9}, 0.5: {0.5, 0.7}, 1: {1, 0.5}} {
		if s, th, _ := c.at(rate); s != want[0] || th != want[1] {
			t.Errorf("at %v FP/scan: sensitivity %v, threshold %v; want %v", rate, s, th, want)
		}
	}
	// a at precision 1, b at 2 of 4.
	if got := c.ap(); !(math.Abs(got-0.75) <= 1e-12) {
		t.Errorf("AP %v, want 0.75", got)
	}
	if got, want := c.cpm(), (0.5*3+1*4)/7.0; !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("CPM %v, want %v", got, want)
	}
}
