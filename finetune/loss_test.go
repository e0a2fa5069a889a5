package finetune

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"oncovox/internal/nn"
)

// The slope of the focal loss against central differences in float64. The
// step of 1e-5 leaves an error of about 1e-10 times the third derivative, and
// rounding one of about 1e-11.
func TestFocalSlope(t *testing.T) {
	for _, target := range []float64{-1, 0, 0.3, 0.9, 1} {
		for _, x := range []float64{-40, -6, -1, 0, 0.5, 3, 40} {
			const h = 1e-5
			want := (focal(x+h, target) - focal(x-h, target)) / (2 * h)
			if got := focalSlope(x, target); !(math.Abs(got-want) <= 1e-8) {
				t.Errorf("heat %v at logit %v: slope %v, want %v", target, x, got, want)
			}
		}
	}
}

// By hand from Law and Deng 2018, equation 1: at p = 1/2 a centre costs
// (1/2)^2 log 2, an empty cell (1/2)^2 log 2, one of heat 1/2 a sixteenth of that.
func TestFocal(t *testing.T) {
	quarter := math.Ln2 / 4
	for target, want := range map[float64]float64{1: quarter, 0: quarter, 0.5: quarter / 16, -1: 0} {
		if got := focal(0, target); !(math.Abs(got-want) <= 1e-15) {
			t.Errorf("heat %v: %v, want %v", target, got, want)
		}
	}
	for _, x := range []float64{-1000, 1000} {
		for _, target := range []float64{0, 0.5, 1} {
			if v := focal(x, target) + focalSlope(x, target); math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("heat %v at logit %v: not finite", target, x)
			}
		}
	}
}

// Oracle: PyTorch, see testdata/detection_loss.py. The loss is computed in float64 of
// the same float32 values and handed on as float32, of about 1: 1e-6 is ten roundings.
func TestDetectionLossParity(t *testing.T) {
	var want struct {
		Torch                  string
		Map, Heat, Box, Weight []float32
		Sample                 []float32
		Lesions, Loss          float64
		HeatLoss, Offset, Size float64
		Gradient               []float64
	}
	text, err := os.ReadFile("testdata/detection_loss.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	targets := NewTargets(2, [3]int{4, 4, 4})
	copy(targets.Heat, want.Heat)
	copy(targets.Box, want.Box)
	copy(targets.Weight, want.Weight)
	copy(targets.Sample, want.Sample)
	targets.Count = want.Lesions
	var parts Losses
	p, out := lossOf(t, targets, &parts)
	copy(out.W, want.Map)
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	got := []float64{p.Loss(), parts.Heat, parts.Offset, parts.Size}
	for i, w := range []float64{want.Loss, want.HeatLoss, want.Offset, want.Size} {
		if !(math.Abs(got[i]-w) <= 1e-6) {
			t.Errorf("%s: %v, PyTorch %v", []string{"loss", "heat", "offset", "size"}[i], got[i], w)
		}
	}
	for i, w := range want.Gradient {
		if !(math.Abs(float64(out.G[i])-w) <= 1e-6) {
			t.Errorf("cell %d, column %d: gradient %v, PyTorch %v", i/outCols, i%outCols, out.G[i], w)
		}
	}
}

// lossOf compiles the loss of a map that is a weight.
func lossOf(t *testing.T, targets *Targets, parts *Losses) (*nn.Program, *nn.Param) {
	t.Helper()
	cells := len(targets.Heat)
	out := nn.NewParams(1).Add("out", nn.Normal(1), cells, outCols)
	g := nn.NewGraph(true)
	// The weight comes in as (1, n); an operation that passes it on as a map
	// stands between.
	asMap := g.Apply(nn.Op{
		Name: "as map", Rows: cells, Cols: outCols,
		Forward:  func(c *nn.Call) { copy(c.Y, c.X[0]) },
		Backward: func(c *nn.Call) { copy(c.DX[0], c.DY) },
	}, g.Param(out))
	p, err := g.Compile([]nn.Term{{Loss: detectionLoss(g, asMap, targets, parts), Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

// The gradient of the whole loss by the map, against central differences of
// the float32 loss: it is about 5, known to 3e-7 of that, so a step of 1e-2
// leaves 1e-4, and the kinks of the absolute values are kept away.
func TestDetectionLossGradient(t *testing.T) {
	const batch, h = 2, 1e-2
	r := rand.New(rand.NewPCG(1, 2))
	targets := NewTargets(batch, [3]int{4, 4, 4})
	cells := len(targets.Heat)
	for i := range cells {
		targets.Heat[i] = float32(r.Float64() * 0.9)
	}
	targets.Heat[3], targets.Heat[9], targets.Heat[5] = 1, 1, -1
	targets.Sample[0], targets.Sample[1] = 1, 0.5
	targets.Count = 1.5
	targets.Weight[3], targets.Weight[9], targets.Weight[10] = 1, 1, 0.5

	var parts Losses
	p, out := lossOf(t, targets, &parts)
	for _, i := range []int{3, 9, 10} {
		for a := range 6 {
			targets.Box[6*i+a] = out.W[outCols*i+1+a] + []float32{0.3, -0.4}[a%2]
		}
	}
	loss := func() float64 {
		parts = Losses{}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		return parts.Total()
	}
	loss()
	grad := append([]float32(nil), out.G...)
	for i := range out.W {
		w := out.W[i]
		out.W[i] = w + h
		up := loss()
		out.W[i] = w - h
		down := loss()
		out.W[i] = w
		want := (up - down) / (2 * h)
		if diff := math.Abs(float64(grad[i]) - want); !(diff <= 2e-4) {
			t.Errorf("cell %d, column %d: gradient %v, want %v", i/outCols, i%outCols, grad[i], want)
		}
	}
}
