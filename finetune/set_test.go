package finetune

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// side of the volumes of ballSet, in voxels of 2 mm.
const side = 24

// ballSet prepares a dataset of patients with one bright ball each in noise,
// and returns its folder.
func ballSet(t *testing.T, patients int) string {
	t.Helper()
	in := t.TempDir()
	if err := os.MkdirAll(filepath.Join(in, "volumes"), 0o755); err != nil {
		t.Fatal(err)
	}
	var records []volume.Record
	var lesions []lesion.Lesion
	for i := range patients {
		id := fmt.Sprintf("v%02d", i)
		v, l := ball(id, uint64(i))
		stored, err := volume.Write(filepath.Join(in, "volumes", id), v)
		if err != nil {
			t.Fatal(err)
		}
		lesions = append(lesions, l)
		records = append(records, volume.Record{
			ID: id, Patient: "p" + id, Study: "st" + id, Series: "se" + id, Frame: "f" + id,
			Modality: "CT", Unit: "HU", Shape: v.Shape, SpacingMM: v.SpacingMM(), Affine: v.Affine,
			DType: stored.DType, Digest: stored.Digest, Verdict: "volume", Labelled: true,
		})
	}
	if err := volume.WriteRecords(filepath.Join(in, "volumes.jsonl"), records); err != nil {
		t.Fatal(err)
	}
	if err := lesion.Write(filepath.Join(in, "lesions.jsonl"), lesions); err != nil {
		t.Fatal(err)
	}
	env := testEnv(t, filepath.Join(t.TempDir(), "data"), map[string]string{"volumes": in})
	if err := dataset.Run(context.Background(), dataset.Default(), env); err != nil {
		t.Fatal(err)
	}
	return env.Out
}

func ball(id string, seed uint64) (*volume.Volume, lesion.Lesion) {
	r := rand.New(rand.NewPCG(seed, 5))
	v := volume.New(volume.Grid([3]int{side, side, side}, [3]float64{2, 2, 2}, [3]float64{}))
	v.Modality, v.Unit = "CT", "HU"
	radius := 3 + r.Float64()
	var c [3]float64
	for a := range c {
		c[a] = radius + r.Float64()*(side-1-2*radius)
	}
	for i := range v.Data {
		z, y, x := float64(i/(side*side)), float64(i/side%side), float64(i%side)
		d := math.Sqrt((z-c[0])*(z-c[0]) + (y-c[1])*(y-c[1]) + (x-c[2])*(x-c[2]))
		v.Data[i] = float32(math.Round(-700 + 700/(1+math.Exp(2*(d-radius))) + 60*r.NormFloat64()))
	}
	mm := 4 * radius
	return v, lesion.Lesion{
		ID: "l" + id, Volume: id, Patient: "p" + id, CentreLPSMM: v.LPS(c),
		SizeMM: [3]float64{mm, mm, mm}, DiameterMM: mm,
	}
}

func testEnv(t *testing.T, out string, in map[string]string) stage.Env {
	t.Helper()
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	return stage.Env{Seed: 3, In: in, Out: out, Log: slog.New(slog.DiscardHandler)}
}

// small is a config that trains in seconds.
func small() Config {
	c := Default()
	c.Preset, c.Head = "parity", HeadConfig{Dim: 16, Detail: 8}
	c.Steps, c.Batch, c.LearningRate, c.LayerDecay = 12, 2, 3e-3, 1
	c.ValEvery, c.SaveEvery = 5, 4
	return c
}
