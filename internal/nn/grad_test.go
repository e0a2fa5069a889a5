package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// reshape makes a weight a differentiable (rows, cols) matrix, so that the
// gradient by an operation's inputs can be read from the weight.
func reshape(g *Graph, p *Param, rows, cols int) *Tensor {
	return g.Apply(Op{
		Name: "reshape", Rows: rows, Cols: cols, ForgetX: true,
		Forward:  func(c *Call) { copy(c.Y, c.X[0]) },
		Backward: func(c *Call) { copy(c.DX[0], c.DY) },
	}, g.Param(p))
}

// An opCase builds an operation from matrices x, made from weights, and weights
// that it adds to ps under names of its own.
type opCase struct {
	name  string
	sides [][2]int // rows and columns of each x
	build func(g *Graph, ps *Params, x []*Tensor) *Tensor
}

func opCases() []opCase {
	return []opCase{
		{"linear", [][2]int{{5, 7}}, func(g *Graph, ps *Params, x []*Tensor) *Tensor {
			return g.Linear(x[0], ps.Add("w", XavierUniform, 6, 7), ps.Add("b", Normal(1), 6))
		}},
		{"linear without bias", [][2]int{{5, 7}}, func(g *Graph, ps *Params, x []*Tensor) *Tensor {
			return g.Linear(x[0], ps.Add("w", XavierUniform, 6, 7), nil)
		}},
		{"layer norm", [][2]int{{5, 7}}, func(g *Graph, ps *Params, x []*Tensor) *Tensor {
			return g.LayerNorm(x[0], ps.Add("w", Normal(1), 7), ps.Add("b", Normal(1), 7))
		}},
		{"gelu", [][2]int{{5, 7}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor { return g.GELU(x[0]) }},
		{"attention", [][2]int{{2 * 5, 3 * 2 * 4}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.Attention(x[0], 2, 2)
		}},
		{"add", [][2]int{{5, 7}, {5, 7}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor { return g.Add(x[0], x[1]) }},
		{"add, both used again", [][2]int{{5, 7}, {5, 7}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.Concat(g.Add(x[0], x[1]), g.GELU(x[0]), g.GELU(x[1]))
		}},
		{"used three times", [][2]int{{5, 7}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.Add(g.Concat(x[0], g.GELU(x[0])), g.Concat(g.GELU(x[0]), x[0]))
		}},
		{"add rows", [][2]int{{4, 3}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.AddRows(x[0], []float32{1, 2, 3, 4, 5, 6}, []int{0, 1, 2, 3})
		}},
		{"gather", [][2]int{{6, 3}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.Gather(x[0], []int{5, 0, 3, 3})
		}},
		{"unshuffle", [][2]int{{3, 4}}, func(g *Graph, ps *Params, x []*Tensor) *Tensor {
			return g.Unshuffle(x[0], ps.Add("token", Normal(1), 4), []int{-1, 2, 0, -1, 1, -1})
		}},
		{"conv", [][2]int{{2 * 4 * 4 * 6, 3}}, func(g *Graph, ps *Params, x []*Tensor) *Tensor {
			return g.Conv3D(x[0].OnGrid(2, [3]int{4, 4, 6}), ps.Add("w", HeNormal, 5, 3, 3, 3, 3), ps.Add("b", Normal(1), 5), [3]int{1, 1, 1})
		}},
		{"conv of stride 2", [][2]int{{2 * 4 * 4 * 6, 3}}, func(g *Graph, ps *Params, x []*Tensor) *Tensor {
			return g.Conv3D(x[0].OnGrid(2, [3]int{4, 4, 6}), ps.Add("w", HeNormal, 5, 3, 3, 3, 3), nil, [3]int{2, 2, 2})
		}},
		{"group norm", [][2]int{{2 * 2 * 3 * 2, 6}}, func(g *Graph, ps *Params, x []*Tensor) *Tensor {
			return g.GroupNorm(x[0].OnGrid(2, [3]int{2, 3, 2}), ps.Add("w", Normal(1), 6), ps.Add("b", Normal(1), 6), 3)
		}},
		{"upsample", [][2]int{{2 * 2 * 3 * 2, 3}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.Upsample(x[0].OnGrid(2, [3]int{2, 3, 2}))
		}},
		{"upsample nearest", [][2]int{{2 * 2 * 3 * 2, 3}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.UpsampleNearest(x[0].OnGrid(2, [3]int{2, 3, 2}))
		}},
		{"blank", [][2]int{{2 * 2 * 4 * 2, 3}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor {
			return g.Blank(g.GELU(x[0]).OnGrid(2, [3]int{2, 4, 2}), [3]int{1, 2, 1}, []int{0, 5, 14})
		}},
		{"concat", [][2]int{{5, 3}, {5, 1}, {5, 4}}, func(g *Graph, _ *Params, x []*Tensor) *Tensor { return g.Concat(x...) }},
	}
}

// Every operation's gradient, by every input and weight, against central
// differences of the loss along a random direction and along single axes. The
// loss is float32 inside, of size about 1, so a difference over 2·0.01 carries
// an error of about 1e-5; 1 % of the slope, or 2e-3 if that is more, leaves room for the
// curvature.
func TestGradients(t *testing.T) {
	for _, c := range opCases() {
		for _, normalise := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, normalised target %v", c.name, normalise), func(t *testing.T) {
				ps := NewParams(3)
				g := NewGraph(true)
				var xs []*Tensor
				for i, s := range c.sides {
					xs = append(xs, reshape(g, ps.Add(fmt.Sprintf("x%d", i), Normal(1), s[0]*s[1]), s[0], s[1]))
				}
				y := c.build(g, ps, xs)
				target := g.Input("target", y.Rows, y.Cols)
				Normal(1)(target.Data(), nil, rand.New(rand.NewPCG(1, 2)))
				p, err := g.Compile([]Term{{g.MSE(y, target, normalise), 1}})
				if err != nil {
					t.Fatal(err)
				}
				checkGradients(t, p, ps)
			})
		}
	}
}

func checkGradients(t *testing.T, p *Program, ps *Params) {
	t.Helper()
	run(t, p)
	grads := map[string][]float32{}
	for _, q := range ps.All() {
		grads[q.Name] = append([]float32(nil), q.G...)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for _, q := range ps.All() {
		for trial := range 4 {
			dir := make([]float32, len(q.W))
			if trial == 0 {
				Normal(1/math.Sqrt(float64(len(dir))))(dir, nil, r)
			} else {
				dir[r.IntN(len(dir))] = 1
			}
			want := slope(t, p, q, dir)
			got := 0.0
			for i, d := range dir {
				got += float64(d) * float64(grads[q.Name][i])
			}
			if tol := math.Max(2e-3, 0.01*math.Abs(want)); !(math.Abs(got-want) <= tol) {
				t.Errorf("%s, direction %d: gradient %v, difference %v", q.Name, trial, got, want)
			}
		}
	}
}

// slope is the central difference of p's loss by q along dir.
func slope(t *testing.T, p *Program, q *Param, dir []float32) float64 {
	t.Helper()
	const e = 0.01
	was := append([]float32(nil), q.W...)
	loss := func(step float32) float64 {
		for i, d := range dir {
			q.W[i] = was[i] + step*d
		}
		run(t, p)
		copy(q.W, was)
		return p.Loss()
	}
	return (loss(e) - loss(-e)) / (2 * e)
}

func run(t testing.TB, p *Program) {
	t.Helper()
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
}
