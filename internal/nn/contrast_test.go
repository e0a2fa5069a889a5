package nn

import (
	"math"
	"testing"
)

// The loss of four views by hand: unit vectors along two axes, the partners
// alike, so that every row has one cosine of 1 (its partner) and two of 0.
func TestNTXent(t *testing.T) {
	g := NewGraph(false)
	x := g.Input("x", 4, 2)
	copy(x.Data(), []float32{3, 0, 0, 2, 5, 0, 0, 1})
	y := g.NTXent(x, 0.5)
	p, err := g.Compile(nil, y)
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	want := math.Log(math.Exp(2)+2) - 2
	if got := float64(y.Data()[0]); !(math.Abs(got-want) <= 1e-6) {
		t.Errorf("loss %v, want %v", got, want)
	}
}

// Loss and gradient of torch.nn.functional.normalize and cross_entropy in float64,
// PyTorch 2.15, at a temperature of 0.2. Float32 inputs and results leave 1e-7 of
// the largest.
func TestNTXentEqualsPyTorch(t *testing.T) {
	ps := NewParams(1)
	w := ps.Add("x", Zeros, 12)
	copy(w.W, []float32{0.3, -1.2, 0.5, 1.1, 0.4, -0.7, 0.2, -0.9, 0.8, 0.6, 0.9, -0.1})
	g := NewGraph(true)
	p, err := g.Compile([]Term{{g.NTXent(reshape(g, w, 4, 3), 0.2), 1}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	if want := 0.003974921690270873; !(math.Abs(p.Loss()-want) <= 1e-8) {
		t.Errorf("loss %v, want %v", p.Loss(), want)
	}
	for i, want := range []float64{
		0.007997776336327114, 0.00021958496638476398, -0.004271661882472834, 0.005852364254508994, -0.015336513403306879, 0.00043285045519591246,
		0.004648247215914205, 0.0015488372168223023, 0.0005803800649465405, -0.0034900256537659276, 0.0031894838764277055, 0.007765200965253766,
	} {
		if got := float64(w.G[i]); !(math.Abs(got-want) <= 1e-8) {
			t.Errorf("gradient %d: %v, want %v", i, got, want)
		}
	}
}

// The gradients through pooling, cosines and softmax, by central differences.
func TestGradientsOfContrast(t *testing.T) {
	ps := NewParams(4)
	g := NewGraph(true)
	x := reshape(g, ps.Add("x", Normal(1), 6*3*5), 18, 5)
	p, err := g.Compile([]Term{{g.NTXent(g.MeanRows(x, 6), 0.2), 1}})
	if err != nil {
		t.Fatal(err)
	}
	checkGradients(t, p, ps)
}
