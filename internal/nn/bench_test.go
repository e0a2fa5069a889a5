package nn

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"oncovox/internal/kernel"
)

// A training step of the presets without the optimiser, three quarters of the
// tokens hidden; for the conv stems the GFLOP leave out the stem.
func BenchmarkStep(b *testing.B) {
	for _, p := range Presets() {
		for _, half := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/bf16=%v/%s", p.Name, half, kernel.Name()), func(b *testing.B) {
				const batch = 8
				n := p.Tokens()
				ps := NewParams(1)
				mae := NewMAE(p.BackboneConfig, ps)
				g := NewGraph(true)
				if half {
					g.UseBF16()
				}
				crop := g.GridInput("crop", batch, p.Crop, 1)
				mask := NewMask(batch, n, n/4)
				r := rand.New(rand.NewPCG(1, 1))
				Normal(1)(crop.Data(), nil, r)
				for i := range batch {
					mask.Set(i, n, r.Perm(n))
				}
				prog, err := g.Compile([]Term{{mae.Loss(g, crop, mask, false), 1}})
				if err != nil {
					b.Fatal(err)
				}
				run(b, prog)
				b.ReportAllocs()
				for b.Loop() {
					run(b, prog)
				}
				b.ReportMetric(p.StepFlops(batch, n/4)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				b.ReportMetric(float64(prog.ArenaBytes())/1e6, "arena-MB")
			})
		}
	}
}
