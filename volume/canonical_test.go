package volume

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// fillByPlace gives each voxel a value that tells its place in the patient.
func fillByPlace(v *Volume) {
	i := 0
	for z := range v.Shape[0] {
		for y := range v.Shape[1] {
			for x := range v.Shape[2] {
				p := v.LPS([3]float64{float64(z), float64(y), float64(x)})
				v.Data[i] = float32(p[0] + 1.7*p[1] - 0.6*p[2])
				i++
			}
		}
	}
}

// Oracle: a canonical volume that is filled anew by place has the voxels that
// turning brought there, within 1e-3 (float32 of values up to 2000); its axes
// point to head, back and left; and it is its own canonical form.
func TestCanonicalKeepsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := New(drawGeometry(t))
		fillByPlace(v)
		got := v.Canonical()
		want := New(got.Geometry)
		fillByPlace(want)
		for i := range want.Data {
			if diff := math.Abs(float64(got.Data[i] - want.Data[i])); !(diff <= 1e-3) {
				t.Fatalf("voxel %d: %v, want %v", i, got.Data[i], want.Data[i])
			}
		}
		for a := range 3 {
			if got.Affine[2-a][a] <= 0 {
				t.Fatalf("axis %d of %v runs backwards", a, got.Affine)
			}
		}
		if again := got.Geometry.Canonical(); again != got.Geometry {
			t.Fatalf("canonical form of %v is %v", got.Geometry, again)
		}
	})
}

func TestMaskCanonicalTurnsLikeTheVolume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGeometry(t)
		v, m := New(g), NewMask(g)
		for i := range m.Labels {
			m.Labels[i] = uint8(i)
			v.Data[i] = float32(m.Labels[i])
		}
		cv, cm := v.Canonical(), m.Canonical()
		if cv.Geometry != cm.Geometry {
			t.Fatalf("grids %v and %v", cv.Geometry, cm.Geometry)
		}
		for i := range cm.Labels {
			if float32(cm.Labels[i]) != cv.Data[i] {
				t.Fatalf("voxel %d: label %d, intensity %v", i, cm.Labels[i], cv.Data[i])
			}
		}
	})
}
