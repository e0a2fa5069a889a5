package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// trained runs one step of a small autoencoder whose graph prepare has set up, and
// returns its program, loss and gradients.
func trained(t *testing.T, stem string, prepare func(g *Graph)) (*Program, map[string][]float32) {
	t.Helper()
	ps := NewParams(1)
	mae := NewMAE(smallConfig(stem), ps)
	g := NewGraph(true)
	prepare(g)
	crop := g.GridInput("crop", 2, cube(16), 1)
	mask := NewMask(2, 64, 16)
	r := rand.New(rand.NewPCG(3, 3))
	Normal(1)(crop.Data(), nil, r)
	mask.Set(0, 64, r.Perm(64))
	mask.Set(1, 64, r.Perm(64))
	p, err := g.Compile([]Term{{mae.Loss(g, crop, mask, true), 1}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	grads := map[string][]float32{}
	for _, q := range ps.All() {
		grads[q.Name] = slices.Clone(q.G)
	}
	return p, grads
}

// What is computed anew in the backward pass has the bits of the first time: the
// gradients of a graph that keeps everything, of the usual one, which keeps neither
// norms nor activations, and of one that keeps nothing but the inputs of blocks are
// the same, in less and less memory.
func TestRecomputeChangesNothing(t *testing.T) {
	for _, stem := range []string{"linear", "conv"} {
		for _, half := range []bool{false, true} {
			full, want := trained(t, stem, func(g *Graph) { g.bf16, g.keepAll = half, true })
			usual, got := trained(t, stem, func(g *Graph) { g.bf16 = half })
			lean, least := trained(t, stem, func(g *Graph) {
				g.bf16 = half
				g.Recompute()
			})
			for name, w := range want {
				if !slices.Equal(w, got[name]) || !slices.Equal(w, least[name]) {
					t.Errorf("%s stem, bf16 %v: gradient of %s differs where activations are computed anew", stem, half, name)
				}
			}
			if full.Loss() != usual.Loss() || full.Loss() != lean.Loss() {
				t.Errorf("%s stem, bf16 %v: losses %v, %v, %v", stem, half, full.Loss(), usual.Loss(), lean.Loss())
			}
			if !(full.ArenaBytes() > usual.ArenaBytes() && usual.ArenaBytes() > lean.ArenaBytes()) {
				t.Errorf("%s stem: arenas of %d, %d and %d bytes", stem, full.ArenaBytes(), usual.ArenaBytes(), lean.ArenaBytes())
			}
		}
	}
}

// Gradients that are accumulated over the halves of a batch are those of the whole
// one, but for the order of sums: within 1e-5 of their norm. The bias of the keys
// has none (the softmax is blind to it), so what is left of it is rounding, which
// 1e-7 leaves room for.
func TestAccumulate(t *testing.T) {
	for _, stem := range []string{"linear", "conv"} {
		c := smallConfig(stem)
		r := rand.New(rand.NewPCG(4, 4))
		crops := make([]float32, 4*c.CropVoxels())
		Normal(1)(crops, nil, r)
		var orders [4][]int
		for i := range orders {
			orders[i] = r.Perm(c.Tokens())
		}
		step := func(parts int) (float64, map[string][]float32) {
			ps := NewParams(1)
			mae := NewMAE(c, ps)
			batch := 4 / parts
			g := NewGraph(true)
			crop := g.GridInput("crop", batch, c.Crop, 1)
			mask := NewMask(batch, c.Tokens(), 16)
			p, err := g.Compile([]Term{{mae.Loss(g, crop, mask, false), 1 / float32(parts)}})
			if err != nil {
				t.Fatal(err)
			}
			loss := 0.0
			for range 2 { // a second batch overwrites the first one's
				loss = 0
				for i := range parts {
					copy(crop.Data(), crops[i*len(crop.Data()):])
					for b := range batch {
						mask.Set(b, c.Tokens(), orders[i*batch+b])
					}
					p.Accumulate(i > 0)
					run(t, p)
					loss += p.Loss()
				}
			}
			grads := map[string][]float32{}
			for _, q := range ps.All() {
				grads[q.Name] = q.G
			}
			return loss, grads
		}
		loss, want := step(1)
		for _, parts := range []int{2, 4} {
			l, got := step(parts)
			if !(math.Abs(l-loss) <= 1e-6*loss) {
				t.Errorf("%s stem, %d parts: loss %v, of the whole batch %v", stem, parts, l, loss)
			}
			for name, w := range want {
				if d, n := distance(got[name], w); !(d <= 1e-5*n+1e-7) {
					t.Errorf("%s stem, %d parts: gradient of %s differs by %v of %v", stem, parts, name, d, n)
				}
			}
		}
	}
}

// distance returns the norms of a-b and of b.
func distance(a, b []float32) (diff, norm float64) {
	for i, v := range b {
		d := float64(a[i]) - float64(v)
		diff, norm = diff+d*d, norm+float64(v)*float64(v)
	}
	return math.Sqrt(diff), math.Sqrt(norm)
}

// The loss of predictions for the hidden patches alone is that of a head that
// predicts all patches and is compared where they are hidden, and so are the
// gradients: the rows that nobody compares add exact zeros to the sums, in another
// order.
func TestMaskedHead(t *testing.T) {
	for _, normalise := range []bool{false, true} {
		step := func(masked bool) (float64, map[string][]float32) {
			ps := NewParams(1)
			c := smallConfig("linear")
			mae := NewMAE(c, ps)
			g := NewGraph(true)
			crop := g.GridInput("crop", 2, c.Crop, 1)
			mask := NewMask(2, c.Tokens(), 16)
			r := rand.New(rand.NewPCG(5, 5))
			Normal(1)(crop.Data(), nil, r)
			mask.Set(0, c.Tokens(), r.Perm(c.Tokens()))
			mask.Set(1, c.Tokens(), r.Perm(c.Tokens()))
			loss := func() *Tensor {
				if masked {
					return mae.Loss(g, crop, mask, normalise)
				}
				all := count(2 * c.Tokens())
				pred := mae.Decode(g, mae.Encode(g, crop, mask), 2, mask, all)
				return g.MSE(g.Gather(pred, mask.Hidden), g.Gather(g.Patches(crop, c.Patch, all), mask.Hidden), normalise)
			}()
			p, err := g.Compile([]Term{{loss, 1}})
			if err != nil {
				t.Fatal(err)
			}
			run(t, p)
			grads := map[string][]float32{}
			for _, q := range ps.All() {
				grads[q.Name] = q.G
			}
			return p.Loss(), grads
		}
		loss, got := step(true)
		full, want := step(false)
		if !(math.Abs(loss-full) <= 1e-6*full) {
			t.Errorf("normalised %v: loss %v, of the full head %v", normalise, loss, full)
		}
		for name, w := range want {
			if d, n := distance(got[name], w); !(d <= 1e-5*n+1e-7) {
				t.Errorf("normalised %v: gradient of %s differs by %v of %v", normalise, name, d, n)
			}
		}
	}
}

// The normalisation of targets inside the loss is NormaliseRows: the mean square of
// what a zero prediction misses, within 1e-5 of it, for rows that vectors fill and
// rows that they do not, and far from 0.
func TestNormalisedTargets(t *testing.T) {
	for _, cols := range []int{2, 7, 64, 512} {
		t.Run(fmt.Sprint(cols), func(t *testing.T) {
			const rows = 37
			g := NewGraph(false)
			x, y := g.Input("x", rows, cols), g.Input("y", rows, cols)
			r := rand.New(rand.NewPCG(6, 6))
			for i := range y.Data() {
				y.Data()[i] = float32(3 + 0.5*r.NormFloat64())
			}
			p, err := g.Compile([]Term{{g.MSE(x, y, true), 1}})
			if err != nil {
				t.Fatal(err)
			}
			run(t, p)
			NormaliseRows(y.Data(), cols)
			want := 0.0
			for _, v := range y.Data() {
				want += float64(v) * float64(v)
			}
			want /= float64(len(y.Data()))
			if !(math.Abs(p.Loss()-want) <= 1e-5*want) {
				t.Errorf("loss %v, want %v", p.Loss(), want)
			}
		})
	}
}

// With operands of 8 bits, the gradients stay near those of float32: within 3 % of
// their norm. An operand is off by up to 2^-9 of itself, 0.2 %, and a gradient of this
// network has passed some ten products.
func TestBF16Gradients(t *testing.T) {
	for _, stem := range []string{"linear", "conv"} {
		_, want := trained(t, stem, func(*Graph) {})
		_, got := trained(t, stem, (*Graph).UseBF16)
		for name, w := range want {
			if d, n := distance(got[name], w); !(d <= 0.03*n+1e-4) {
				t.Errorf("%s stem: gradient of %s differs by %v of %v", stem, name, d, n)
			}
		}
	}
}
