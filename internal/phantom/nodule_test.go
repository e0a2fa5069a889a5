package phantom

import (
	"math"
	"testing"

	"oncovox/internal/rng"
)

// area is that of a polygon at one height, and its centre of mass.
func area(polygon []vec) (float64, vec) {
	var sum float64
	var moment vec
	for i, a := range polygon {
		b := polygon[(i+1)%len(polygon)]
		cross := a[0]*b[1] - b[0]*a[1]
		sum += cross / 2
		moment = moment.add(a.add(b).scale(cross / 6))
	}
	return sum, vec{moment[0] / sum, moment[1] / sum, polygon[0][2]}
}

// Oracle: the sphere of the nodule's diameter. Sections 0.1 mm apart hold its
// volume within 3 % (a polygon of 40 corners loses 0.4 %, and a cap that the axis
// misses is left out), about its centre within 0.15 mm.
func TestContoursEncloseNodule(t *testing.T) {
	for k := range 20 {
		r := rng.At(1, "test", k)
		n := newNodule(r, between(r, 6, 20), 0.1)
		n.centre = vec{30, -20, 90}
		const step = 0.1
		var volume float64
		var moment vec
		for z := 70.0; z < 110; z += step {
			if c := n.contour(z); c != nil {
				a, at := area(c)
				volume += a * step
				moment = moment.add(at.scale(a * step))
			}
		}
		want := math.Pi / 6 * n.diameter * n.diameter * n.diameter
		if !(math.Abs(volume/want-1) < 0.03) {
			t.Errorf("nodule %d: contours hold %v mm³, its sphere %v", k, volume, want)
		}
		if off := moment.scale(1 / volume).sub(n.centre).length(); !(off < 0.15) {
			t.Errorf("nodule %d: contours lie %v mm off its centre", k, off)
		}
	}
}

// Oracle: the sphere. The outlines that an archive holds, each taken for its
// slice's thickness, make up the volume of nodules of 10 mm or more within 15 %.
func TestRegionsHoldVolume(t *testing.T) {
	for number := 1; number <= 10; number++ {
		p := newPatient(Default(), 2, number)
		for i, n := range p.scene.nodules {
			g := p.regions()[1+i]
			volume := 0.0
			for _, outline := range g.outlines {
				a, _ := area(outline)
				volume += a * p.step[2]
			}
			want := math.Pi / 6 * n.diameter * n.diameter * n.diameter
			if n.diameter >= 10 && !(math.Abs(volume/want-1) < 0.15) {
				t.Errorf("patient %d: %s holds %v mm³, its sphere %v", number, g.name, volume, want)
			}
			if len(g.slices) < 2 {
				t.Errorf("patient %d: %s is on %d slices", number, g.name, len(g.slices))
			}
		}
	}
}

// Oracle: the anatomy. A nodule's sphere lies in a lung to 0.05 of its radius and
// in the scanned range; nodules keep apart; each has the kind its scanner knows.
func TestNodulesLieInLungs(t *testing.T) {
	kinds, attached, diameters := map[string]int{}, map[string]int{}, 0.0
	total := 0
	for number := 1; number <= 40; number++ {
		p := newPatient(Default(), 11, number)
		if p.label == healthy && len(p.scene.nodules) > 0 {
			t.Errorf("patient %d is healthy and has nodules", number)
		}
		if p.label == marked && len(p.scene.nodules) == 0 {
			t.Errorf("patient %d is marked and has no nodule", number)
		}
		for i, n := range p.scene.nodules {
			rad := n.diameter / 2
			if d := -p.scene.lungAt(n.centre); !(d > 0.95*rad) {
				t.Errorf("patient %d: centre %v mm deep in the lung, radius %v", number, d, rad)
			}
			if z := n.centre[2]; !(z > rad && z < p.scene.length-rad) {
				t.Errorf("patient %d: nodule leaves the scan", number)
			}
			for _, o := range p.scene.nodules[:i] {
				if !(n.centre.sub(o.centre).length() > rad+o.diameter/2) {
					t.Errorf("patient %d: nodules overlap", number)
				}
			}
			kinds[n.kind]++
			attached[n.attached]++
			diameters += n.diameter
			total++
		}
	}
	for _, count := range []int{kinds["solid"], kinds["part-solid"], kinds["ground-glass"], attached["vessel"], attached["pleura"], attached["none"]} {
		if count < 2 {
			t.Errorf("a kind of nodule is missing: %v %v", kinds, attached)
			break
		}
	}
	if mean := diameters / float64(total); !(mean > 8 && mean < 13) {
		t.Errorf("mean diameter %v mm, want small ones the more frequent", mean)
	}
	t.Logf("%d nodules, mean %.1f mm, %v, %v", total, diameters/float64(total), kinds, attached)
}
