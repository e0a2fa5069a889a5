package finetune

import (
	"testing"

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
