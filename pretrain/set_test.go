package pretrain

import (
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// preparedRow is a line of a prepared dataset's volumes.jsonl.
type preparedRow struct {
	volume.Record
	Part         string  `json:"part"`
	Scale        float64 `json:"scale"`
	Offset       float64 `json:"offset"`
	WindowLow    float64 `json:"window_low"`
	WindowHigh   float64 `json:"window_high"`
	SourceDigest string  `json:"source_digest"`
}

// blobSet writes a prepared dataset of smooth blobs, one volume a patient, with
// the patients' parts in order, and returns its folder. Its voxels have mean 0
// and deviation 1.
func blobSet(t *testing.T, side int, parts ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "dataset", "volumes"), 0o755); err != nil {
		t.Fatal(err)
	}
	var rows []preparedRow
	for i, part := range parts {
		id := fmt.Sprintf("v%02d", i)
		v := volume.New(volume.Grid([3]int{side, side, side}, [3]float64{2, 2, 2}, [3]float64{}))
		blobs(v.Data, side, rand.New(rand.NewPCG(uint64(i), 1)))
		v.Modality = "CT"
		stored, err := volume.Write(filepath.Join(dir, "dataset", "volumes", id), v)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, preparedRow{
			Record: volume.Record{
				ID: id, Patient: "p" + id, Study: "s" + id, Series: "s" + id, Modality: "CT", Unit: "HU", Shape: v.Shape,
				SpacingMM: v.SpacingMM(), Affine: v.Affine, DType: stored.DType, Digest: stored.Digest, Verdict: "volume",
			},
			Part: part, Scale: 100, WindowLow: -300, WindowHigh: 300,
		})
	}
	if err := jsonl.Write(filepath.Join(dir, "dataset", "volumes.jsonl"), rows, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := lesion.Write(filepath.Join(dir, "dataset", "lesions.jsonl"), nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// blobs fills a cube with Gaussian blobs and a little noise.
func blobs(v []float32, side int, r *rand.Rand) {
	for range 12 {
		var c [3]float64
		for i := range c {
			c[i] = r.Float64() * float64(side)
		}
		width, height := float64(side)*(0.12+0.15*r.Float64()), r.NormFloat64()
		for i := range v {
			z, y, x := float64(i/(side*side)), float64(i/side%side), float64(i%side)
			d := (z-c[0])*(z-c[0]) + (y-c[1])*(y-c[1]) + (x-c[2])*(x-c[2])
			v[i] += float32(height * math.Exp(-d/(2*width*width)))
		}
	}
	var sum, square float64
	for i := range v {
		v[i] += float32(0.02 * r.NormFloat64())
		sum += float64(v[i])
		square += float64(v[i]) * float64(v[i])
	}
	n := float64(len(v))
	mean := sum / n
	dev := math.Sqrt(square/n - mean*mean)
	for i := range v {
		v[i] = float32((float64(v[i]) - mean) / dev)
	}
}

func testEnv(t *testing.T, data, out string) stage.Env {
	t.Helper()
	if err := os.MkdirAll(out, 0o755); err != nil {
		t.Fatal(err)
	}
	return stage.Env{Seed: 7, In: map[string]string{"data": data}, Out: out, Version: "test", Log: slog.New(slog.DiscardHandler)}
}

// small is a config that trains in a moment.
func small() Config {
	c := Default()
	c.Preset, c.Steps, c.Batch, c.ValCrops, c.ValEvery, c.SaveEvery, c.Panels = "parity", 12, 2, 4, 5, 4, 2
	return c
}

// files returns the contents of all files below dir by their path.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
