package optim

import (
	"math"
	"strings"
	"testing"

	"oncovox/internal/nn"
)

// A step of Train is a run of the program and a Step; a loss that is not finite
// changes no weight.
func TestTrain(t *testing.T) {
	build := func() (*nn.Params, *nn.Program, *nn.Tensor) {
		ps := nn.NewParams(1)
		w := ps.Add("w", nn.Normal(1), 2, 3)
		g := nn.NewGraph(true)
		x, target := g.Input("x", 4, 3), g.Input("target", 4, 2)
		p, err := g.Compile([]nn.Term{{Loss: g.MSE(g.Linear(x, w, nil), target, false), Weight: 1}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Data() {
			x.Data()[i] = float32(i%5) - 2
		}
		return ps, p, x
	}
	ps, p, x := build()
	a := NewAdamW(ps, Default())
	loss, norm, err := a.Train(p, 1, func(int) {}, 0.1, 1)
	if err != nil || a.Steps() != 1 {
		t.Fatalf("%d steps, error %v", a.Steps(), err)
	}
	other, q, _ := build()
	if err := q.Run(); err != nil {
		t.Fatal(err)
	}
	b := NewAdamW(other, Default())
	want, err := b.Step(0.1, 1)
	if err != nil || norm != want || loss != q.Loss() {
		t.Errorf("loss %v and norm %v, want %v and %v; error %v", loss, norm, q.Loss(), want, err)
	}
	for i, v := range ps.Get("w").W {
		if v != other.Get("w").W[i] {
			t.Errorf("weight %d: %v, want %v", i, v, other.Get("w").W[i])
		}
	}
	before := append([]float32(nil), ps.Get("w").W...)
	x.Data()[0] = float32(math.NaN())
	if _, _, err := a.Train(p, 1, func(int) {}, 0.1, 1); err == nil || !strings.Contains(err.Error(), "learning_rate") || a.Steps() != 1 {
		t.Errorf("a loss of NaN: error %v, %d steps", err, a.Steps())
	}
	for i, v := range ps.Get("w").W {
		if v != before[i] {
			t.Errorf("a loss of NaN changed weight %d", i)
		}
	}
}
