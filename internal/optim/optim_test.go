package optim

import (
	"math"
	"math/rand/v2"
	"testing"

	"oncovox/internal/nn"
)

// textbook is AdamW written out in float64 for one weight.
func textbook(w []float64, grads [][]float64, rates []float64, o Options, decay, clip float64) {
	m, v := make([]float64, len(w)), make([]float64, len(w))
	for t, g := range grads {
		norm := 0.0
		for _, x := range g {
			norm += x * x
		}
		norm = math.Sqrt(norm)
		scale := 1.0
		if norm > clip {
			scale = clip / norm
		}
		for i := range w {
			x := g[i] * scale
			m[i] = o.Beta1*m[i] + (1-o.Beta1)*x
			v[i] = o.Beta2*v[i] + (1-o.Beta2)*x*x
			mh := m[i] / (1 - math.Pow(o.Beta1, float64(t+1)))
			vh := v[i] / (1 - math.Pow(o.Beta2, float64(t+1)))
			w[i] -= rates[t]*decay*w[i] + rates[t]*mh/(math.Sqrt(vh)+o.Eps)
		}
	}
}

// Twenty clipped steps against the textbook in float64. Each step rounds
// weights of about 1 to float32 and moves them by 0.01, so 1e-5 is about 20
// such roundings.
func TestAdamW(t *testing.T) {
	for _, shape := range [][]int{{6, 5}, {30}, {1, 1, 30}} {
		o := Default()
		o.RateScale = func(string) float64 { return 0.5 }
		ps := nn.NewParams(1)
		p := ps.Add("w", nn.Normal(1), shape...)
		want := make([]float64, 30)
		for i, v := range p.W {
			want[i] = float64(v)
		}
		r := rand.New(rand.NewPCG(1, 1))
		a := NewAdamW(ps, o)
		var grads [][]float64
		var rates []float64
		for step := range 20 {
			g := make([]float64, 30)
			for i := range g {
				p.G[i] = float32(r.NormFloat64() * 0.3)
				g[i] = float64(p.G[i])
			}
			rate := WarmupCosine(step, 5, 20, 0.02, 0.001)
			if _, err := a.Step(rate, 1.5); err != nil {
				t.Fatal(err)
			}
			grads, rates = append(grads, g), append(rates, rate/2)
		}
		decay := 0.0
		if len(shape) == 2 {
			decay = o.Decay
		}
		textbook(want, grads, rates, o, decay, 1.5)
		for i, v := range p.W {
			if diff := math.Abs(float64(v) - want[i]); !(diff <= 1e-5) {
				t.Errorf("shape %v, weight %d: %v, want %v", shape, i, v, want[i])
			}
		}
		if a.Steps() != 20 {
			t.Errorf("%d steps, want 20", a.Steps())
		}
	}
}

func TestStepRefusesNonFinite(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		ps := nn.NewParams(1)
		p := ps.Add("w", nn.Constant(1), 2, 2)
		a := NewAdamW(ps, Default())
		p.G[3] = bad
		if _, err := a.Step(0.1, 1); err == nil {
			t.Errorf("a gradient of %v passed", bad)
		}
		if p.W[0] != 1 || a.Steps() != 0 {
			t.Errorf("a gradient of %v changed the weights", bad)
		}
	}
}

func TestFrozen(t *testing.T) {
	ps := nn.NewParams(1)
	p, q := ps.Add("p", nn.Constant(1), 2), ps.Add("q", nn.Constant(1), 2)
	p.Frozen = true
	p.G[0], q.G[0] = 100, 3
	norm, err := NewAdamW(ps, Default()).Step(0.1, 0)
	if err != nil || norm != 3 || p.W[0] != 1 || q.W[0] == 1 {
		t.Errorf("norm %v, error %v, frozen weight %v, other %v", norm, err, p.W[0], q.W[0])
	}
}

func TestWarmupCosine(t *testing.T) {
	// By hand: a quarter of the peak at the first of four steps, the peak when
	// warm, the middle half-way, the floor at the end and after it.
	for step, want := range map[int]float64{0: 0.25, 3: 1, 4: 1, 12: 0.55, 20: 0.1, 25: 0.1} {
		if got := WarmupCosine(step, 4, 21, 1, 0.1); !(math.Abs(got-want) <= 1e-12) {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
	if got := WarmupCosine(0, 0, 1, 1, 0); got != 1 {
		t.Errorf("a single step: %v, want 1", got)
	}
}

func TestLayerDecay(t *testing.T) {
	f := LayerDecay(0.5, 2)
	for name, want := range map[string]float64{
		"patch_embed.weight": 0.125, "stem.0.conv.weight": 0.125, "blocks.0.fc1.bias": 0.25,
		"blocks.1.norm1.weight": 0.5, "norm.weight": 1, "head.conv.weight": 1,
	} {
		if got := f(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
