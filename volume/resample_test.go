package volume

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// ramp fills v with a linear function of the place in the patient.
func ramp(v *Volume) { fillByPlace(v) }

// Oracle: a linear function of the place is reproduced wherever no tap leaves
// the grid, within 2e-4 (float32 sums of values up to 200), for spacings from a
// third to four times the old one.
func TestRampsAreReproduced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := New(Grid([3]int{12, 13, 11}, [3]float64{2, 1, 1.5}, [3]float64{-9, 4, 20}))
		ramp(v)
		var spacing [3]float64
		for a, old := range v.SpacingMM() {
			spacing[a] = old * rapid.Float64Range(0.33, 4).Draw(t, "ratio")
		}
		got := v.ResampleSpacing(spacing)
		want := New(got.Geometry)
		ramp(want)
		for z := range got.Shape[0] {
			for y := range got.Shape[1] {
				for x := range got.Shape[2] {
					if !interior(v.Geometry, got.Geometry, [3]int{z, y, x}) {
						continue
					}
					if diff := math.Abs(float64(got.At(z, y, x) - want.At(z, y, x))); !(diff <= 2e-4) {
						t.Fatalf("spacing %v, voxel (%d, %d, %d): %v, want %v", spacing, z, y, x, got.At(z, y, x), want.At(z, y, x))
					}
				}
			}
		}
	})
}

// interior reports whether the voxel of to is made without leaving from.
func interior(from, to Geometry, voxel [3]int) bool {
	at := from.Index(to.LPS([3]float64{float64(voxel[0]), float64(voxel[1]), float64(voxel[2])}))
	old, now := from.SpacingMM(), to.SpacingMM()
	for a := range 3 {
		reach := 1 + max(1, now[a]/old[a])/2
		if at[a]-reach < 0 || at[a]+reach > float64(from.Shape[a]-1) {
			return false
		}
	}
	return true
}

// Oracle: the definition, by sampling. A place takes the mean, over a step
// around it, of the input samples nearest to each place there; the whole is
// then moved by linear interpolation so that a ramp comes out right. 20,000
// places a sample give 1e-3.
func TestAxisTapsAgainstDefinition(t *testing.T) {
	x := make([]float64, 17)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range x {
		x[i] = r.NormFloat64()
	}
	at := func(k int) float64 { return x[min(max(k, 0), len(x)-1)] }
	for _, step := range []float64{0.4, 1, 1.3, 2, 2.7, 3.5, -1.6} {
		start := 3.2
		if step < 0 {
			start = 13.4
		}
		for j, tap := range axisTaps(5, len(x), start, step) {
			centre := start + step*float64(j)
			got := 0.0
			for i, w := range tap.weights {
				got += float64(w) * x[tap.first+i]
			}
			width := max(1, math.Abs(step)) // a step of 1 is linear interpolation
			if math.Abs(step) <= 1 {
				width = 1
			}
			const n = 20000
			mean := 0.0
			for i := range n {
				mean += math.Floor(centre+width*((float64(i)+0.5)/n-0.5)+0.5) / n
			}
			shift := centre - mean
			toward := 1
			if shift < 0 {
				toward = -1
			}
			want := 0.0
			for i := range n {
				k := int(math.Floor(centre + width*((float64(i)+0.5)/n-0.5) + 0.5))
				want += ((1-math.Abs(shift))*at(k) + math.Abs(shift)*at(k+toward)) / n
			}
			if diff := math.Abs(got - want); !(diff <= 1e-3) {
				t.Errorf("step %v, sample %d: %v, want %v", step, j, got, want)
			}
		}
	}
}

// Oracle: means of blocks, in float64, where the spacing doubles and trebles;
// tolerance a few roundings of float32.
func TestWholeRatiosAreBlockMeans(t *testing.T) {
	v := New(Grid([3]int{4, 6, 9}, [3]float64{1, 1, 1}, [3]float64{}))
	r := rand.New(rand.NewPCG(3, 4))
	for i := range v.Data {
		v.Data[i] = float32(r.NormFloat64())
	}
	got := v.ResampleSpacing([3]float64{2, 3, 3})
	if got.Shape != [3]int{2, 2, 3} {
		t.Fatalf("shape %v", got.Shape)
	}
	for z := range 2 {
		for y := range 2 {
			for x := range 3 {
				want := 0.0
				for i := range 18 {
					want += float64(v.At(2*z+i/9, 3*y+i/3%3, 3*x+i%3)) / 18
				}
				if diff := math.Abs(float64(got.At(z, y, x)) - want); !(diff <= 1e-6) {
					t.Errorf("voxel (%d, %d, %d): %v, want %v", z, y, x, got.At(z, y, x), want)
				}
			}
		}
	}
}

// The centre of the grid stays where it is, the spacing is as asked, and an
// equal grid gives equal voxels.
func TestWithSpacingKeepsCentre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGeometry(t)
		var spacing [3]float64
		for a := range 3 {
			spacing[a] = rapid.Float64Range(0.5, 9).Draw(t, "spacing")
		}
		to := g.WithSpacing(spacing)
		for a, s := range to.SpacingMM() {
			if !(math.Abs(s-spacing[a]) <= 1e-9) {
				t.Fatalf("spacing %v, want %v", to.SpacingMM(), spacing)
			}
		}
		was, now := centre(g), centre(to)
		for a := range 3 {
			if !(math.Abs(was[a]-now[a]) <= 1e-9) {
				t.Fatalf("centre moved from %v to %v", was, now)
			}
		}
		v := New(g)
		for i := range v.Data {
			v.Data[i] = float32(i)
		}
		same := v.ResampleSpacing(g.SpacingMM())
		for i := range v.Data {
			if same.Data[i] != v.Data[i] {
				t.Fatalf("an equal grid changed voxel %d from %v to %v", i, v.Data[i], same.Data[i])
			}
		}
	})
}

func centre(g Geometry) [3]float64 {
	var mid [3]float64
	for a, n := range g.Shape {
		mid[a] = float64(n-1) / 2
	}
	return g.LPS(mid)
}

func TestConstantStaysConstant(t *testing.T) {
	v := New(Grid([3]int{1, 5, 7}, [3]float64{5, 1, 1}, [3]float64{}))
	for i := range v.Data {
		v.Data[i] = 3
	}
	for i, got := range v.ResampleSpacing([3]float64{1, 2.3, 0.4}).Data {
		if !(math.Abs(float64(got)-3) <= 1e-6) {
			t.Fatalf("voxel %d: %v", i, got)
		}
	}
}

// Resampling to the canonical grid is turning to it.
func TestResampleTurnsAxes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGeometry(t)
		v, m := New(g), NewMask(g)
		for i := range v.Data {
			v.Data[i], m.Labels[i] = float32(i), uint8(i)
		}
		want, wantMask := v.Canonical(), m.Canonical()
		got, err := v.Resample(want.Geometry)
		if err != nil {
			t.Fatal(err)
		}
		gotMask, err := m.Resample(want.Geometry)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want.Data {
			if got.Data[i] != want.Data[i] || gotMask.Labels[i] != wantMask.Labels[i] {
				t.Fatalf("voxel %d: %v and %d, want %v and %d", i, got.Data[i], gotMask.Labels[i], want.Data[i], wantMask.Labels[i])
			}
		}
	})
}

func TestResampleRefusesObliqueGrids(t *testing.T) {
	v := New(Grid([3]int{20, 20, 20}, [3]float64{1, 1, 1}, [3]float64{}))
	to := v.Geometry
	rotate(&to.Affine, 0, 0.01)
	if _, err := v.Resample(to); err == nil {
		t.Error("a rotated grid was taken")
	}
	if _, err := NewMask(v.Geometry).Resample(to); err == nil {
		t.Error("a rotated grid was taken for a mask")
	}
}

func TestMaskResample(t *testing.T) {
	m := NewMask(Grid([3]int{1, 4, 4}, [3]float64{1, 1, 1}, [3]float64{}))
	copy(m.Labels, []uint8{
		1, 1, 0, 0,
		0, 0, 0, 2,
		3, 4, 0, 0,
		3, 4, 0, 0,
	})
	half, err := m.Resample(m.WithSpacing([3]float64{1, 2, 2}))
	if err != nil {
		t.Fatal(err)
	}
	// Half lesion wins over half background, 3 over 4; a quarter does not win.
	if want := [4]uint8{1, 0, 3, 0}; [4]uint8(half.Labels) != want {
		t.Errorf("halved: %v, want %v", half.Labels, want)
	}
	double, err := m.Resample(m.WithSpacing([3]float64{1, 0.5, 0.5}))
	if err != nil {
		t.Fatal(err)
	}
	for y := range 8 { // growing by two keeps the voxels' cores
		for x := range 8 {
			got, want := double.At(0, y, x), m.At(0, y/2, x/2)
			if got != want && (y%2 == 0 || x%2 == 0) && want == 0 {
				t.Errorf("doubled (%d, %d): %d, want %d", y, x, got, want)
			}
		}
	}
}

// The volume of a ball is kept within 3 % when its grid is made coarser and
// finer.
func TestMaskResampleKeepsVolume(t *testing.T) {
	m := NewMask(Grid([3]int{24, 24, 24}, [3]float64{1, 1, 1}, [3]float64{}))
	for i := range m.Labels {
		z, y, x := float64(i/576)-11.5, float64(i/24%24)-11.5, float64(i%24)-11.5
		if z*z+y*y+x*x < 81 {
			m.Labels[i] = 7
		}
	}
	count := func(m *Mask) float64 {
		n, s := 0, m.SpacingMM()
		for _, label := range m.Labels {
			if label == 7 {
				n++
			} else if label != 0 {
				t.Fatalf("label %d came from nowhere", label)
			}
		}
		return float64(n) * s[0] * s[1] * s[2]
	}
	want := count(m)
	for _, spacing := range [][3]float64{{2, 2, 2}, {0.6, 0.6, 0.6}, {3, 1, 0.8}} {
		to, err := m.Resample(m.WithSpacing(spacing))
		if err != nil {
			t.Fatal(err)
		}
		if got := count(to); !(math.Abs(got/want-1) <= 0.03) {
			t.Errorf("spacing %v: %v mm³, want %v", spacing, got, want)
		}
	}
}

func BenchmarkResample(b *testing.B) {
	v := New(Grid([3]int{60, 256, 256}, [3]float64{2.5, 0.8, 0.8}, [3]float64{}))
	for i := range v.Data {
		v.Data[i] = float32(i % 1000)
	}
	b.SetBytes(4 * int64(len(v.Data)))
	for b.Loop() {
		v.ResampleSpacing([3]float64{2, 2, 2})
	}
}
