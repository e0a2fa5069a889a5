package finetune

import (
	"math"
	"testing"

	"oncovox/dataset"
	"oncovox/lesion"
	"oncovox/volume"
)

func cropOf(lesions ...lesion.Lesion) dataset.Crop {
	it := &dataset.Item{
		Geometry: volume.Grid([3]int{40, 40, 40}, [3]float64{2, 2, 2}, [3]float64{}),
		Lesions:  lesions,
	}
	return dataset.Crop{Item: it, Placement: dataset.Placement{Origin: [3]int{10, 10, 10}, Size: [3]int{16, 16, 16}}}
}

func TestDraw(t *testing.T) {
	targets := NewTargets(2, [3]int{16, 16, 16})
	// Voxel (18, 21, 14) of the volume, so (8, 11, 4) of the crop, so cell
	// (3.75, 5.25, 1.75): the central cell is (4, 5, 2).
	targets.Draw(1, cropOf(lesion.Lesion{CentreLPSMM: [3]float64{28, 42, 36}, SizeMM: [3]float64{12, 12, 12}, DiameterMM: 12}), 1)
	at := 8*8*8 + (4*8+5)*8 + 2
	if targets.Heat[at] != 1 || targets.Weight[at] != 1 || targets.Count != 1 {
		t.Fatalf("central cell: heat %v, weight %v, count %v", targets.Heat[at], targets.Weight[at], targets.Count)
	}
	for a, want := range [3]float64{-0.25, 0.25, -0.25} {
		if got := targets.Box[6*at+a]; !(math.Abs(float64(got)-want) <= 1e-6) {
			t.Errorf("offset %d: %v, want %v", a, got, want)
		}
		if got, want := targets.Box[6*at+3+a], math.Log(3); !(math.Abs(float64(got)-want) <= 1e-6) {
			t.Errorf("log extent %d: %v, want %v", a, got, want)
		}
	}
	for i, h := range targets.Heat[:8*8*8] {
		if h != 0 {
			t.Fatalf("cell %d of the other sample has heat %v", i, h)
		}
	}
	targets.Clear()
	for i := range targets.Heat {
		if targets.Heat[i] != 0 || targets.Weight[i] != 0 {
			t.Fatalf("cell %d is not empty after Clear", i)
		}
	}
}

func TestDrawIgnored(t *testing.T) {
	targets := NewTargets(1, [3]int{16, 16, 16})
	l := lesion.Lesion{CentreLPSMM: [3]float64{36, 36, 36}, SizeMM: [3]float64{12, 12, 12}, DiameterMM: 12, Ignore: true}
	targets.Draw(0, cropOf(l), 1)
	at := (4*8+4)*8 + 4
	if targets.Heat[at] != -1 || targets.Weight[at] != 0 || targets.Count != 0 {
		t.Errorf("heat %v, weight %v, count %v; want nothing asked", targets.Heat[at], targets.Weight[at], targets.Count)
	}
}

// What was drawn for a turned and flipped crop, read off as a detection, is the
// lesion again: targets and peaks are inverses of each other.
func TestTargetsAndPeaksAgree(t *testing.T) {
	l := lesion.Lesion{CentreLPSMM: [3]float64{31, 43, 37}, SizeMM: [3]float64{10, 14, 18}, DiameterMM: 14}
	for quarter := range 4 {
		for _, flip := range [][3]bool{{}, {true, false, true}, {false, true, false}} {
			c := cropOf(l)
			c.Quarter, c.Flip = quarter, flip
			targets := NewTargets(1, c.Size)
			targets.Draw(0, c, 1)
			m := &heatMap{cells: targets.Cells, data: make([]float32, outCols*len(targets.Heat))}
			for i, h := range targets.Heat {
				m.data[i*outCols] = h
				copy(m.data[i*outCols+1:(i+1)*outCols], targets.Box[6*i:6*i+6])
			}
			// The crop as a grid of its own, placed where it lies in the patient.
			g := volume.Geometry{Shape: c.Size}
			zero := c.Item.Geometry.LPS(c.ToVolume([3]float64{}))
			for a := range 3 {
				var one [3]float64
				one[a] = 1
				step := c.Item.Geometry.LPS(c.ToVolume(one))
				for row := range 3 {
					g.Affine[row][a] = step[row] - zero[row]
					g.Affine[row][3] = zero[row]
				}
			}
			found := m.peaks("v", g, 0.9, 10)
			if len(found) != 1 {
				t.Fatalf("quarter %d, flip %v: %d detections", quarter, flip, len(found))
			}
			for a := range 3 {
				if d := math.Abs(found[0].CentreLPSMM[a] - l.CentreLPSMM[a]); !(d <= 1e-5) {
					t.Errorf("quarter %d, flip %v: centre %v, want %v", quarter, flip, found[0].CentreLPSMM, l.CentreLPSMM)
				}
				if d := math.Abs(found[0].SizeMM[a] - l.SizeMM[a]); !(d <= 1e-4) {
					t.Errorf("quarter %d, flip %v: size %v, want %v", quarter, flip, found[0].SizeMM, l.SizeMM)
				}
			}
		}
	}
}
