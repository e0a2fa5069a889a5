package finetune

import (
	"testing"

	"oncovox/dataset"
	"oncovox/internal/nn"
	"oncovox/lesion"
	"oncovox/volume"
)

// BenchmarkStep is one training step of the default detector, without the
// drawing of crops and the optimiser.
func BenchmarkStep(b *testing.B) {
	cfg := Default()
	backbone, err := nn.LookupPreset(cfg.Preset)
	if err != nil {
		b.Fatal(err)
	}
	d, err := newDetector(spec{Backbone: backbone, Head: cfg.Head}, 1)
	if err != nil {
		b.Fatal(err)
	}
	g := nn.NewGraph(true)
	_, out := d.build(g, cfg.Batch)
	targets := NewTargets(cfg.Batch, backbone.Crop)
	it := &dataset.Item{
		Geometry: volume.Grid(backbone.Crop, [3]float64{1, 1, 1}, [3]float64{}),
		Lesions:  []lesion.Lesion{{CentreLPSMM: [3]float64{9, 9, 9}, SizeMM: [3]float64{8, 8, 8}}},
	}
	targets.Draw(0, dataset.Crop{Item: it, Placement: dataset.Placement{Size: backbone.Crop}}, 1)
	p, err := g.Compile([]nn.Term{{Loss: detectionLoss(g, out, targets, nil), Weight: 1}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Run(); err != nil {
			b.Fatal(err)
		}
	}
}
