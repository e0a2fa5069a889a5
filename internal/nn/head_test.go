package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// headCase is PatchMSE on 11 of 16 patches of 2×2×4, so many at a time, of weight
// 0.7 in the loss.
func headCase(t *testing.T, some int, normalise bool, freeze string) (*Program, *Params) {
	t.Helper()
	ps := NewParams(4)
	x, w, b := ps.Add("x", Normal(1), 11*5), ps.Add("w", XavierUniform, 16, 5), ps.Add("b", Normal(1), 16)
	if freeze != "" {
		ps.Get(freeze).Frozen = true
	}
	g := NewGraph(true)
	grid := g.GridInput("grid", 2, [3]int{4, 4, 8}, 1)
	r := rand.New(rand.NewPCG(7, 7))
	Normal(1)(grid.Data(), nil, r)
	loss := g.patchMSE(reshape(g, x, 11, 5), w, b, grid, [3]int{2, 2, 4}, r.Perm(16)[:11], normalise, some)
	p, err := g.Compile([]Term{{loss, 0.7}})
	if err != nil {
		t.Fatal(err)
	}
	return p, ps
}

// The gradients against central differences, as in TestGradients, whether the last
// rows are fewer than the others or not.
func TestPatchMSEGradients(t *testing.T) {
	for _, some := range []int{1, 4, 11} {
		for _, normalise := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d at a time, normalised %v", some, normalise), func(t *testing.T) {
				p, ps := headCase(t, some, normalise, "")
				checkGradients(t, p, ps)
			})
		}
	}
}

// Rows at a time change the order of the sums over rows and nothing else: 1e-6 of
// the gradients' norm for 11 rows. Gradients are added up where that is asked for,
// and a frozen weight leaves the others' as they are.
func TestPatchMSEInParts(t *testing.T) {
	whole, want := headCase(t, 11, true, "")
	run(t, whole)
	same := func(what string, got []float32, name string, times float32) {
		t.Helper()
		for i, v := range want.Get(name).G {
			if !(math.Abs(float64(got[i]-times*v)) <= 1e-6) {
				t.Errorf("%s: gradient of %s: %v, want %v times %v", what, name, got[i], times, v)
			}
		}
	}
	for _, freeze := range []string{"", "x", "w", "b"} {
		p, ps := headCase(t, 4, true, freeze)
		run(t, p)
		if !(math.Abs(p.Loss()-whole.Loss()) <= 1e-6) {
			t.Errorf("%q frozen: loss %v, want %v", freeze, p.Loss(), whole.Loss())
		}
		p.Accumulate(true)
		run(t, p)
		for _, q := range ps.All() {
			times := float32(2)
			if q.Name == "x" { // reshape does not add up
				times = 1
			}
			if !q.Frozen {
				same(fmt.Sprintf("%q frozen", freeze), q.G, q.Name, times)
			}
		}
	}
}
