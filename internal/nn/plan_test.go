package nn

import (
	"math/rand/v2"
	"strings"
	"testing"

	"oncovox/internal/kernel"
)

// No two buffers that are alive at one step overlap, and the arena is at least
// what is alive at the fullest step.
func TestPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 50 {
		var bs []*buffer
		for range 60 {
			from := r.IntN(100)
			bs = append(bs, &buffer{n: 1 + r.IntN(1000), from: from, to: from + r.IntN(30)})
		}
		top := place(bs)
		for i, a := range bs {
			if a.off < 0 || a.off%16 != 0 || a.off+a.n > top {
				t.Fatalf("trial %d: buffer at %d of %d floats in an arena of %d", trial, a.off, a.n, top)
			}
			for _, b := range bs[:i] {
				if a.from <= b.to && b.from <= a.to && a.off < b.off+b.n && b.off < a.off+a.n {
					t.Fatalf("trial %d: steps %d-%d at %d+%d and steps %d-%d at %d+%d overlap", trial, a.from, a.to, a.off, a.n, b.from, b.to, b.off, b.n)
				}
			}
		}
		full, sum := 0, 0
		for step := range 130 {
			alive := 0
			for _, b := range bs {
				if b.from <= step && step <= b.to {
					alive += b.n
				}
			}
			full = max(full, alive)
		}
		for _, b := range bs {
			sum += b.n
		}
		if top < full || top > sum+16*len(bs) {
			t.Errorf("trial %d: arena of %d, fullest step %d, all %d", trial, top, full, sum)
		}
	}
}

// A memory plan changes no bit: the gradients with one arena are those with a
// place of its own for every buffer.
func TestPlanChangesNothing(t *testing.T) {
	for _, stem := range []string{"linear", "conv"} {
		grads := map[string][]float32{}
		for _, share := range []bool{false, true} {
			p, ps, crop, _ := smallMAE(t, stem, share)
			Normal(1)(crop.Data(), nil, rand.New(rand.NewPCG(1, 1)))
			run(t, p)
			for _, q := range ps.All() {
				for i, v := range q.G {
					if share && v != grads[q.Name][i] {
						t.Fatalf("%s stem: gradient of %s differs in a shared arena", stem, q.Name)
					}
				}
				grads[q.Name] = q.G
			}
		}
	}
}

func smallConfig(stem string) BackboneConfig {
	c := BackboneConfig{Stem: stem, Crop: cube(16), Patch: cube(4), Dim: 24, Depth: 2, Heads: 3, DecDim: 12, DecDepth: 1, DecHeads: 2, PositionBase: 100}
	if stem == residualStem {
		c.StemDepth, c.Depth = 1, 0
	}
	return c
}

// smallMAE compiles a masked autoencoder. Without share, every buffer has a
// place of its own.
func smallMAE(t *testing.T, stem string, share bool) (*Program, *Params, *Tensor, *Mask) {
	t.Helper()
	ps := NewParams(1)
	mae := NewMAE(smallConfig(stem), ps)
	g := NewGraph(true)
	g.noReuse = !share
	crop := g.GridInput("crop", 2, cube(16), 1)
	mask := NewMask(2, 64, 16)
	p, err := g.Compile([]Term{{mae.Loss(g, crop, mask, true), 1}})
	if err != nil {
		t.Fatal(err)
	}
	return p, ps, crop, mask
}

func TestMistakesPanic(t *testing.T) {
	ps := NewParams(1)
	w := ps.Add("w", Zeros, 3, 3)
	for want, f := range map[string]func(g *Graph){
		"two inputs are named x": func(g *Graph) { g.Input("x", 1, 1); g.Input("x", 2, 2) },
		"w is used twice":        func(g *Graph) { x := g.Input("x", 2, 3); g.Linear(g.Linear(x, w, nil), w, nil) },
		"takes 3 columns, not 2": func(g *Graph) { g.Linear(g.Input("x", 2, 2), w, nil) },
		"two weights are named":  func(*Graph) { ps.Add("w", Zeros, 1) },
		"do not fill a crop":     func(g *Graph) { g.Patches(g.GridInput("x", 1, cube(6), 1), cube(4), nil) },
		"neither an input nor an output": func(g *Graph) {
			g.GELU(g.Input("x", 1, 1)).Data()
		},
	} {
		func() {
			defer func() {
				if msg, _ := recover().(string); !strings.HasPrefix(msg, "nn: ") || !strings.Contains(msg, want) {
					t.Errorf("panic %q, want %q", msg, want)
				}
			}()
			f(NewGraph(true))
		}()
	}
}

// A frozen weight gets no gradient, and what only it depends on is not
// differentiated.
func TestFrozen(t *testing.T) {
	ps := NewParams(1)
	a, b := ps.Add("a", XavierUniform, 3, 3), ps.Add("b", XavierUniform, 3, 3)
	nodes := func(frozen bool) int {
		a.Frozen = frozen
		g := NewGraph(true)
		x, y := g.Input("x", 2, 3), g.Input("y", 2, 3)
		Constant(1)(x.Data(), nil, nil)
		p, err := g.Compile([]Term{{g.MSE(g.Linear(g.GELU(g.Linear(x, a, nil)), b, nil), y, false), 1}})
		if err != nil {
			t.Fatal(err)
		}
		clear(a.G)
		clear(b.G)
		run(t, p)
		return p.Nodes()
	}
	all := nodes(false)
	if a.G[0] == 0 || b.G[0] == 0 {
		t.Error("a weight that is not frozen has no gradient")
	}
	if some := nodes(true); some >= all || a.G[0] != 0 || b.G[0] == 0 {
		t.Errorf("frozen: %d of %d nodes, gradients %v and %v", some, all, a.G[0], b.G[0])
	}
}

// A sum of weighted losses is differentiated as such.
func TestTerms(t *testing.T) {
	grad := func(terms ...float32) (float64, float32) {
		ps := NewParams(1)
		w := ps.Add("w", XavierUniform, 3, 3)
		g := NewGraph(true)
		x, y := g.Input("x", 2, 3), g.Input("y", 2, 3)
		Constant(1)(x.Data(), nil, nil)
		h := g.Linear(x, w, nil)
		var ts []Term
		for _, v := range terms {
			ts = append(ts, Term{g.MSE(h, y, false), v})
		}
		p, err := g.Compile(ts)
		if err != nil {
			t.Fatal(err)
		}
		run(t, p)
		return p.Loss(), w.G[0]
	}
	l1, g1 := grad(1)
	l2, g2 := grad(0.5, 2)
	if l2 != 2.5*l1 || g2 != 2.5*g1 {
		t.Errorf("loss %v and gradient %v, want 2.5 times %v and %v", l2, g2, l1, g1)
	}
}

// With bf16, the operands of linear layers carry 8 bits; the loss of a random
// network moves by less than 1 %, and it does move where a kernel has the path.
func TestBF16(t *testing.T) {
	loss := func(half bool) float64 {
		ps := NewParams(1)
		mae := NewMAE(smallConfig("linear"), ps)
		g := NewGraph(true)
		if half {
			g.UseBF16()
		}
		crop := g.GridInput("crop", 2, cube(16), 1)
		Normal(1)(crop.Data(), nil, rand.New(rand.NewPCG(1, 1)))
		p, err := g.Compile([]Term{{mae.Loss(g, crop, NewMask(2, 64, 16), true), 1}})
		if err != nil {
			t.Fatal(err)
		}
		run(t, p)
		return p.Loss()
	}
	full, half := loss(false), loss(true)
	if diff := (half - full) / full; !(diff < 0.01 && diff > -0.01) || half == full {
		t.Errorf("loss %v in float32, %v with bf16 operands on %s", full, half, kernel.Name())
	}
}
