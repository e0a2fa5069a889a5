package dataset

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// An archive is what a test gives to prepare in place of an ingest stage.
type archive struct {
	records []volume.Record
	lesions []lesion.Lesion
	volumes map[string]*volume.Volume
	masks   map[string]*volume.Mask
}

// newArchive makes a CT of 20×24×24 voxels for each of n patients: a soft ball
// in air with noise of its own. Of each four patients the first two have a
// lesion, the third is labelled without one, and the fourth is not labelled.
func newArchive(n int) *archive {
	a := &archive{volumes: map[string]*volume.Volume{}, masks: map[string]*volume.Mask{}}
	for p := range n {
		id := fmt.Sprintf("v%02d", p)
		v := newScan(uint64(p))
		r := volume.Record{
			ID: id, Patient: fmt.Sprintf("p%02d", p), Study: "st" + id, Series: "se" + id, Frame: "fr" + id,
			Modality: "CT", Unit: "HU", Verdict: "volume", Labelled: p%4 < 3, Manufacturer: "A", Digest: "d" + id,
		}
		a.volumes[id] = v
		a.records = append(a.records, r)
		if p%4 < 2 {
			centre := [3]int{8 + p%3, 10, 12}
			m := volume.NewMask(v.Geometry)
			for i := range m.Labels {
				dz, dy, dx := i/576-centre[0], i/24%24-centre[1], i%24-centre[2]
				if dz*dz+dy*dy+dx*dx <= 4 {
					m.Labels[i], v.Data[i] = 1, 300
				}
			}
			a.masks[id] = m
			a.lesions = append(a.lesions, lesion.Lesion{
				ID: "l" + id, Volume: id, Patient: r.Patient, SizeMM: [3]float64{10, 10, 12.5}, DiameterMM: 10, Label: 1,
				CentreLPSMM: v.LPS([3]float64{float64(centre[0]), float64(centre[1]), float64(centre[2])}),
			})
		}
	}
	return a
}

// newScan returns a volume whose slices run to the feet, as many CTs do.
func newScan(seed uint64) *volume.Volume {
	g := volume.Grid([3]int{20, 24, 24}, [3]float64{2.5, 2, 2}, [3]float64{-20, -20, 400})
	g.Affine[2][0] = -2.5
	v := volume.New(g)
	v.Modality, v.Unit = "CT", "HU"
	r := rand.New(rand.NewPCG(seed, 1))
	cy, cx := 11+2*r.Float64(), 11+2*r.Float64()
	for i := range v.Data {
		y, x := float64(i/24%24)-cy, float64(i%24)-cx
		v.Data[i] = -1000
		if y*y+x*x < 81 {
			v.Data[i] = float32(math.Round(40 + 60*r.NormFloat64()))
		}
	}
	return v
}

// write leaves the archive as an ingest stage would.
func (a *archive) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, kind := range []string{"volumes", "masks"} {
		if err := os.Mkdir(filepath.Join(dir, kind), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range a.records {
		r := &a.records[i]
		v := a.volumes[r.ID]
		r.Shape, r.Affine, r.SpacingMM = v.Shape, v.Affine, v.SpacingMM()
		st, err := volume.Write(filepath.Join(dir, "volumes", r.ID), v)
		if err != nil {
			t.Fatal(err)
		}
		r.DType = st.DType
		if m := a.masks[r.ID]; m != nil {
			if _, err := volume.WriteMask(filepath.Join(dir, "masks", r.ID), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := volume.WriteRecords(filepath.Join(dir, "volumes.jsonl"), a.records); err != nil {
		t.Fatal(err)
	}
	if err := lesion.Write(filepath.Join(dir, "lesions.jsonl"), a.lesions); err != nil {
		t.Fatal(err)
	}
	return dir
}

// prepare runs the stage on the archive and returns its folder.
func (a *archive) prepare(t testing.TB, cfg Config) (out string, err error) {
	t.Helper()
	out = t.TempDir()
	env := stage.Env{Seed: 7, In: map[string]string{"volumes": a.write(t)}, Out: out}
	return out, Run(context.Background(), cfg, env)
}

// open prepares the archive and opens the set.
func (a *archive) open(t testing.TB, cfg Config) (*Set, string) {
	t.Helper()
	out, err := a.prepare(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set, out
}
