package eval

import (
	"testing"

	"oncovox/dataset"
	"oncovox/volume"
)

// A nodule within lung is shown in the lung's window, one at the wall too, and
// one within soft tissue in that of soft tissue. PET keeps its own.
func TestWindowSuitsThePlace(t *testing.T) {
	geometry := volume.Grid([3]int{40, 40, 40}, [3]float64{2, 2, 2}, [3]float64{})
	g := &greys{item: dataset.Item{Unit: "HU", Scale: 1}, geometry: geometry, data: make([]float32, 40*40*40), low: -1000, high: 400}
	for i := range g.data { // lung where x is under 40 mm, tissue beyond
		g.data[i] = -850
		if i%40 >= 20 {
			g.data[i] = 40
		}
	}
	for _, tt := range []struct {
		x         float64
		name      string
		low, high float64
	}{{20, "lung window", -1350, 150}, {39, "lung window", -1350, 150}, {60, "soft-tissue window", -160, 240}} {
		g.look([3]float64{tt.x, 40, 40}, 10)
		if g.name != tt.name || g.low != tt.low || g.high != tt.high {
			t.Errorf("at x = %v mm: %s, want %s", tt.x, g.window(), tt.name)
		}
	}
	pet := &greys{item: dataset.Item{Unit: "SUV", Scale: 1}, geometry: geometry, data: g.data, high: 10, inverted: true}
	pet.look([3]float64{40, 40, 40}, 10)
	if got := pet.window(); got != "window 0 to 10 SUV, dark is high" {
		t.Errorf("PET: %s", got)
	}
}
