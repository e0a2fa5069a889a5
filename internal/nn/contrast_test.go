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
