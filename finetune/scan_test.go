package finetune

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"oncovox/internal/nn"
	"oncovox/volume"
)

// Every voxel lies in a window, windows begin at even voxels and overlap as
// asked.
func TestStarts(t *testing.T) {
	for _, side := range []int{8, 16, 32} {
		for n := 1; n < 150; n++ {
			for _, overlap := range []int{0, side / 4 / 2 * 2, side / 2} {
				s := starts(n, side, overlap)
				if s[0] != 0 || s[len(s)-1]+side < n {
					t.Fatalf("n %d, side %d: windows at %v", n, side, s)
				}
				for i, at := range s {
					if at%mapStride != 0 {
						t.Fatalf("n %d, side %d: a window at %d", n, side, at)
					}
					if i > 0 && (at <= s[i-1] || at > s[i-1]+side-overlap+mapStride) {
						t.Fatalf("n %d, side %d, overlap %d: windows at %v", n, side, overlap, s)
					}
				}
			}
		}
	}
}

func TestPeaks(t *testing.T) {
	g := volume.Grid([3]int{20, 20, 20}, [3]float64{1, 1, 1}, [3]float64{})
	m := &heatMap{cells: [3]int{10, 10, 10}, data: make([]float32, 1000*outCols)}
	set := func(z, y, x int, heat float32) { m.data[((z*10+y)*10+x)*outCols] = heat }
	set(2, 2, 2, 0.9)
	set(2, 2, 3, 0.8) // beside a hotter cell
	set(7, 7, 7, 0.5)
	set(7, 7, 8, 0.5)  // equal: the first is the peak
	set(5, 5, 5, 0.05) // too cold
	found := m.peaks("v", g, 0.1, 10)
	if len(found) != 2 || found[0].Score != float64(float32(0.9)) || found[1].Score != 0.5 {
		t.Fatalf("found %v", found)
	}
	// Cell 2 spans voxels 4 and 5; a log extent of 0 is one cell, two voxels.
	if want := [3]float64{4.5, 4.5, 4.5}; found[0].CentreLPSMM != want || found[0].SizeMM != [3]float64{2, 2, 2} {
		t.Errorf("found %v", found[0])
	}
	if got := m.peaks("v", g, 0.1, 1); len(got) != 1 || got[0] != found[0] {
		t.Errorf("limited to one: %v", got)
	}
}

func TestPeaksSuppress(t *testing.T) {
	g := volume.Grid([3]int{20, 20, 20}, [3]float64{1, 1, 1}, [3]float64{})
	m := &heatMap{cells: [3]int{10, 10, 10}, data: make([]float32, 1000*outCols)}
	for i, x := range []int{3, 5} {
		row := m.data[((4*10+4)*10+x)*outCols:]
		row[colHeat] = float32(0.9 - 0.1*float64(i))
		row[colSize], row[colSize+1], row[colSize+2] = 1.5, 1.5, 1.5 // about 9 voxels across
	}
	if found := m.peaks("v", g, 0.1, 10); len(found) != 1 || found[0].Score < 0.85 {
		t.Errorf("found %v, want the surer one alone", found)
	}
}

// A scan that is mirrored along axes over which the images are averaged has the
// mirrored map: heat and extents in the mirrored cells, offsets with their sign turned
// along those axes. The order of the sums alone differs: values of about 5 over 8
// images are within 1e-5. Along another axis the map of random weights is another.
func TestFlips(t *testing.T) {
	backbone, err := nn.LookupPreset("parity")
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDetector(spec{Backbone: backbone, Head: small().Head}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.ps.All() { // weights of a trained size, so that the heat differs from cell to cell
		if p.Name == headPrefix+"out.weight" {
			nn.Normal(0.5)(p.W, nil, rand.New(rand.NewPCG(3, 4)))
		}
	}
	const n = 16 // one window
	v := volume.New(volume.Grid([3]int{n, n, n}, [3]float64{2, 2, 2}, [3]float64{}))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range v.Data {
		v.Data[i] = float32(r.NormFloat64())
	}
	mapOf := func(mirrored [3]bool, flips int) *heatMap {
		w := *v
		w.Data = make([]float32, len(v.Data))
		for i := range w.Data {
			w.Data[mirror(i, n, mirrored)] = v.Data[i]
		}
		dir := filepath.Join(t.TempDir(), "v")
		if _, err := volume.Write(dir, &w); err != nil {
			t.Fatal(err)
		}
		m, err := volume.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		s, err := NewScanner(d, 3, 0.25, flips)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Map(context.Background(), m, 0)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, tt := range []struct {
		flips    int
		mirrored [3]bool
		same     bool
	}{
		{1, [3]bool{false, false, true}, false}, {4, [3]bool{false, false, true}, true}, {4, [3]bool{false, true, true}, true},
		{4, [3]bool{true, false, false}, false}, {8, [3]bool{true, false, false}, true}, {8, [3]bool{true, true, true}, true},
	} {
		want, got := mapOf([3]bool{}, tt.flips), mapOf(tt.mirrored, tt.flips)
		worst := 0.0
		for i := range len(want.data) / outCols {
			j := mirror(i, n/mapStride, tt.mirrored)
			for c := range outCols {
				w := float64(want.data[i*outCols+c])
				if a := c - colOffset; a >= 0 && a < 3 && tt.mirrored[a] {
					w = -w
				}
				worst = math.Max(worst, math.Abs(w-float64(got.data[j*outCols+c])))
			}
		}
		if same := worst <= 1e-5; same != tt.same {
			t.Errorf("%d images, mirrored %v: the map is another by %v, want it the same: %v", tt.flips, tt.mirrored, worst, tt.same)
		}
	}
}

// mirror returns where voxel i of a cube of side n goes.
func mirror(i, n int, axes [3]bool) int {
	at := [3]int{i / (n * n), i / n % n, i % n}
	for a := range 3 {
		if axes[a] {
			at[a] = n - 1 - at[a]
		}
	}
	return (at[0]*n+at[1])*n + at[2]
}
