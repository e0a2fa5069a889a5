package finetune

import (
	"testing"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/lesion"
)

// Oracle: the rules of LUNA16, counted by hand.
func TestCurve(t *testing.T) {
	at := func(x float64) [3]float64 { return [3]float64{x, 0, 0} }
	l := func(id string, x float64) lesion.Lesion {
		return lesion.Lesion{ID: id, CentreLPSMM: at(x), DiameterMM: 10}
	}
	ignored := l("c", 200)
	ignored.Ignore = true
	items := []dataset.Item{
		{ID: "v1", Patient: "p1", Lesions: []lesion.Lesion{l("a", 0), l("b", 100), ignored}},
		{ID: "v2", Patient: "p2"},
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
	}, metric.InSphere)
	if c.counts.Scans != 2 || c.counts.Lesions != 2 || c.counts.False != 2 || c.counts.Ignored != 1 || c.counts.Doubles != 1 {
		t.Fatalf("%+v", c.counts)
	}
	for rate, want := range map[float64][3]float64{0.25: {0.5, 0.9, 0}, 0.5: {0.5, 0.7, 0.5}, 1: {1, 0.5, 1}} {
		if s, th, wrong := c.at(rate); [3]float64{s, th, wrong} != want {
			t.Errorf("at %v FP/scan: sensitivity %v, threshold %v, %v FP/scan; want %v", rate, s, th, wrong, want)
		}
	}
	if p := c.points(); len(p.Points) != 7 || p.Part != dataset.Val || len(p.Patients) != 2 || p.Points[2].ValFPPerScan != 0.5 {
		t.Errorf("points %+v", p)
	}
}

// Where the surest detection is wrong nothing may count at a low rate.
func TestCurveWithoutThreshold(t *testing.T) {
	items := []dataset.Item{{ID: "v", Patient: "p", Lesions: []lesion.Lesion{{ID: "a", DiameterMM: 10}}}}
	c := newCurve(items, []lesion.Detection{{Volume: "v", CentreLPSMM: [3]float64{80}, Score: 0.9}, {Volume: "v", Score: 0.8}}, metric.InSphere)
	if s, th, wrong := c.at(0.5); s != 0 || th != 1 || wrong != 0 {
		t.Errorf("sensitivity %v, threshold %v, %v FP/scan; want 0, 1, 0", s, th, wrong)
	}
}
