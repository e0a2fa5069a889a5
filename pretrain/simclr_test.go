package pretrain

import (
	"path/filepath"
	"slices"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/checkpoint"
	"oncovox/internal/nn"
)

// Contrastive pretraining tells places apart better than chance by a tenth, leaves an encoder
// that a detector can begin with and no pictures, and goes on from its last state to
// the same bytes.
func TestSimCLR(t *testing.T) {
	parts := slices.Repeat([]string{dataset.Train, dataset.Val}, 10)
	data := blobSet(t, 24, parts...)
	cfg := small()
	cfg.Method, cfg.Batch, cfg.Steps, cfg.ValEvery, cfg.SaveEvery, cfg.ValCrops = methodSimCLR, 8, 500, 250, 250, 64
	cfg.LearningRate = 3e-3
	out := filepath.Join(t.TempDir(), "out")
	got := train(t, cfg, data, out)
	s := readSummary(t, got)
	t.Logf("training loss %.4f, validation loss %.4f, chance %.4f", s.TrainLoss, s.ValLoss, s.References[0].Loss)
	if !(s.ValLoss < 0.9*s.References[0].Loss) {
		t.Errorf("validation loss %v is not under 0.9 of chance, %v", s.ValLoss, s.References[0].Loss)
	}
	for name := range got {
		if filepath.Dir(name) == "reconstructions" {
			t.Errorf("left %s", name)
		}
	}
	f, err := checkpoint.Read(filepath.Join(out, "backbone.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	ps := nn.NewParams(1)
	nn.NewBackbone(s.Backbone, ps)
	if err := f.Assign(ps, nil, nn.LeftBehind); err != nil {
		t.Error(err)
	}
	same(t, got, train(t, cfg, data, out))
}

// The two views of a pair differ, and other pairs are other ones.
func TestDrawPairs(t *testing.T) {
	set, err := dataset.Open(blobSet(t, 24, dataset.Train))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	b, err := small().backbone()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSource(set, set.Items(dataset.Train), b, maskUniform, 1, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	n := b.CropVoxels()
	crops, again := make([]float32, 4*n), make([]float32, 4*n)
	s.drawPairs(crops, 4, 7)
	s.drawPairs(again, 4, 7)
	if !slices.Equal(crops, again) {
		t.Error("drawn again they are others")
	}
	for i := range 4 {
		for j := range i {
			if slices.Equal(crops[i*n:(i+1)*n], crops[j*n:(j+1)*n]) {
				t.Errorf("views %d and %d are equal", i, j)
			}
		}
	}
}
