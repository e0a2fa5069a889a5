package dataset

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

func TestLeaksAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		leak func(a *archive)
		want string
	}{
		"frame of reference": {func(a *archive) {
			for i := range a.records {
				a.records[i].Frame = "shared"
			}
		}, "same frame of reference shared"},
		"study": {func(a *archive) {
			for i := range a.records {
				a.records[i].Study = "shared"
			}
		}, "same study shared"},
		"voxels": {func(a *archive) {
			for id := range a.volumes {
				a.volumes[id] = newScan(3)
				a.volumes[id].Affine[0][3] += float64(len(id)) // elsewhere in the room
			}
		}, "same voxels"},
		"a copy with noise and another size": {func(a *archive) {
			base := newScan(3)
			for i, r := range a.records {
				rng := rand.New(rand.NewPCG(uint64(i), 9))
				v := base.ResampleSpacing([3]float64{2.5, 1.8, 1.8})
				for k := range v.Data {
					v.Data[k] = float32(math.Round(float64(v.Data[k]) + 5*rng.NormFloat64()))
				}
				a.volumes[r.ID] = v
			}
		}, "near-duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(6)
			a.masks, a.lesions = nil, nil
			tt.leak(a)
			out, err := a.prepare(t, Default())
			if !errors.Is(err, stage.ErrGate) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want ErrGate and %q", err, tt.want)
			}
			var l LeakageReport
			if err := jsonl.ReadValue(filepath.Join(out, "leakage.json"), &l); err != nil {
				t.Fatal(err)
			}
			if l.Found == 0 || len(l.Findings) == 0 {
				t.Errorf("the proof is not written: %+v", l)
			}
		})
	}
}

// What one patient's volumes share is no leak.
func TestSamePatientMayShare(t *testing.T) {
	a := newArchive(8)
	a.lesions, a.masks = nil, nil
	for i := range a.records {
		pair := fmt.Sprint(i / 2)
		a.records[i].Patient, a.records[i].Study, a.records[i].Frame = "p"+pair, "s"+pair, "f"+pair
		a.volumes[a.records[i].ID] = newScan(uint64(i / 2))
	}
	if _, err := a.prepare(t, Default()); err != nil {
		t.Error(err)
	}
}
