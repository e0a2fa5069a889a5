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
			a := newArchive(4)
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

// Oracle: the definition of a distance, place by place, on prints of three volumes.
func TestLikenessDistance(t *testing.T) {
	var places [3]string
	prints := make([]likeness, 3)
	for i, seed := range []uint64{1, 2, 3} {
		r := rand.New(rand.NewPCG(seed, 0))
		prints[i] = likeness{make([]uint64, 2), make([]uint64, 2)}
		for bit := range 128 {
			switch c := "+-0"[r.IntN(3)]; c {
			case '+':
				prints[i].rises[bit/64] |= 1 << (bit % 64)
				places[i] += "+"
			case '-':
				prints[i].falls[bit/64] |= 1 << (bit % 64)
				places[i] += "-"
			default:
				places[i] += "0"
			}
		}
	}
	differ, byChance := 0.0, 0.0
	for bit := range 128 {
		if places[0][bit] == '0' && places[1][bit] == '0' {
			continue
		}
		if places[0][bit] != places[1][bit] {
			differ++
		}
		chance := 1.0
		for _, c := range "+-0" {
			n := 1.0
			for i := range places {
				if rune(places[i][bit]) == c {
					n++
				}
			}
			chance -= n / 6 * n / 6
		}
		byChance += chance
	}
	// Prints of fewer than 100 places that say something are blank.
	chance := chances(prints)
	if d := prints[0].distance(prints[1], chance, 9); !math.IsNaN(d) {
		t.Errorf("blank prints are %v apart", d)
	}
	for i := range prints {
		prints[i].rises = append(prints[i].rises, ^uint64(0), ^uint64(0))
		prints[i].falls = append(prints[i].falls, 0, 0)
	}
	chance = chances(prints)
	byChance += 128 * (1 - (16.0+1+1)/36)
	if d := prints[0].distance(prints[1], chance, 9); !(math.Abs(d-differ/byChance) <= 1e-12) {
		t.Errorf("distance %v, want %v", d, differ/byChance)
	}
	if d := prints[0].distance(prints[0], chance, 0); d != 0 {
		t.Errorf("a print is %v from itself", d)
	}
	if d := prints[0].distance(prints[1], chance, 0); !math.IsInf(d, 1) {
		t.Errorf("distance %v, want to be told only that it is more than 0", d)
	}
}
