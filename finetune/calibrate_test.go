package finetune

import (
	"math"
	"testing"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/lesion"
)

// Oracle: scipy 1.17.1, minimize(method="trust-exact") of Platt's objective down to a
// gradient of 7e-8, which leaves about 1e-7; sklearn 1.9.1's _sigmoid_calibration
// agrees to 5e-7. The second and third are told apart, or nearly, by a threshold.
func TestPlatt(t *testing.T) {
	for _, tt := range []struct {
		x           []float64
		hits        []int
		slope, bias float64
	}{
		{[]float64{-4, -3.5, -3, -2, -1.5, -1, -0.5, 0.2, 0.5, 1}, []int{4, 7, 8, 9}, 0.7688417841138063, 0.5328092246828948},
		{[]float64{-4, -3, -2, 1, 2}, []int{3, 4}, 0.5163483075968448, 0.21210098680706702},
		{[]float64{-4.5, -4.4, -4.3, -4.2, -4, -3.9, -1, -0.8, -0.7}, []int{6, 8}, 0.6484682382292057, 0.670605258381569},
	} {
		hit := make([]bool, len(tt.x))
		for _, i := range tt.hits {
			hit[i] = true
		}
		a, b := platt(tt.x, hit)
		if !(math.Abs(a-tt.slope) <= 1e-6 && math.Abs(b-tt.bias) <= 1e-6) {
			t.Errorf("slope %v, bias %v; want %v, %v", a, b, tt.slope, tt.bias)
		}
	}
	if a, b := platt([]float64{2, 2, 2}, []bool{true, false, false}); math.IsNaN(a) || math.IsNaN(b) {
		t.Errorf("equal heats: slope %v, bias %v", a, b)
	}
}

// Heats keep their order, up to the last ones below 1 that float32 can hold.
func TestCalibrationKeepsTheOrder(t *testing.T) {
	for _, c := range []*Calibration{nil, {Temperature: 0.5, Bias: 1.5}, {Temperature: 3, Bias: -2}} {
		last := -1.0
		for _, h := range []float32{0.01, 0.5, 0.9, math.Nextafter32(0.9, 1), 1 - 2.0/(1<<24), 1 - 1.0/(1<<24), 1} {
			p := c.probability(float64(h))
			if !(p > last && p <= 1) {
				t.Errorf("%+v: heat %v is %v, that before it %v", c, h, p, last)
			}
			last = p
		}
	}
	if p := (&Calibration{Temperature: 2, Bias: 1}).probability(0.5); !(math.Abs(p-1/(1+math.Exp(-1))) <= 1e-15) {
		t.Errorf("heat 0.5 at bias 1: %v", p)
	}
}

// Hits and false detections count, doubles and ignored ones do not; without both
// kinds, and where the hotter ones are the false ones, there is nothing to fit.
func TestCurveCalibrate(t *testing.T) {
	at := func(x float64) [3]float64 { return [3]float64{x, 0, 0} }
	l := func(id string, x float64, ignore bool) lesion.Lesion {
		return lesion.Lesion{ID: id, CentreLPSMM: at(x), DiameterMM: 10, Ignore: ignore}
	}
	items := []dataset.Item{{ID: "v", Patient: "p", Lesions: []lesion.Lesion{l("a", 0, false), l("b", 100, false), l("c", 200, true)}}}
	fit := func(scores ...float64) *Calibration {
		var found []lesion.Detection
		for i, x := range []float64{0, 1, 100, 200, 50, 60, 70}[:len(scores)] {
			found = append(found, lesion.Detection{Volume: "v", CentreLPSMM: at(x), Score: scores[i]})
		}
		return newCurve(items, found, metric.InSphere).calibrate()
	}
	c := fit(0.6, 0.5, 0.55, 0.9, 0.2, 0.56, 0.1)
	if c == nil || c.Detections != 5 || c.Hits != 2 || c.Part != dataset.Val || !(c.LogLoss > 0) {
		t.Errorf("%+v", c)
	}
	if c := fit(0.6, 0.5, 0.55); c != nil {
		t.Errorf("without a false detection: %+v", c)
	}
	if c := fit(0.1, 0.05, 0.1, 0.1, 0.8, 0.9, 0.7); c != nil {
		t.Errorf("false detections are the hotter ones: %+v", c)
	}
}
