package dataset

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"oncovox/volume"
)

// MR has no unit: every volume is scaled by its own percentiles.
func TestMRWindows(t *testing.T) {
	a := newArchive(6)
	a.lesions, a.masks = nil, nil
	for i := range a.records {
		a.records[i].Modality, a.records[i].Unit = "MR", ""
		v := a.volumes[a.records[i].ID]
		v.Modality, v.Unit = "MR", ""
		for k := range v.Data {
			v.Data[k] *= float32(i + 1)
		}
	}
	set, _ := a.open(t, Default())
	items := set.Items("")
	for i, it := range items {
		ratio := it.WindowLow / items[0].WindowLow
		if !(math.Abs(ratio-float64(i+1)) <= 1e-6) {
			t.Errorf("window of volume %d begins at %v, that of the first at %v", i, it.WindowLow, items[0].WindowLow)
		}
	}
}

// Oracle: sorting.
func TestPercentiles(t *testing.T) {
	v := volume.New(volume.Grid([3]int{3, 7, 5}, [3]float64{1, 1, 1}, [3]float64{}))
	r := rand.New(rand.NewPCG(5, 6))
	for i := range v.Data {
		v.Data[i] = float32(i-50) + 0.25
	}
	r.Shuffle(len(v.Data), func(i, j int) { v.Data[i], v.Data[j] = v.Data[j], v.Data[i] })
	v.Data[0], v.Data[1] = v.Data[1], float32(math.NaN())
	sorted := []float64{}
	for i := range 105 {
		x := float64(i-50) + 0.25
		for _, y := range v.Data {
			if float64(y) == x {
				sorted = append(sorted, x)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "v")
	if _, err := volume.Write(dir, v); err != nil {
		t.Fatal(err)
	}
	m, err := volume.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, p := range [][2]float64{{0, 100}, {0.5, 99.5}, {25, 50}} {
		low, high := percentiles(m, p)
		n := float64(len(sorted) - 1)
		if wl, wh := sorted[int(p[0]/100*n+0.5)], sorted[int(p[1]/100*n+0.5)]; low != wl || high != wh {
			t.Errorf("percentiles %v: %v and %v, want %v and %v", p, low, high, wl, wh)
		}
	}
}
