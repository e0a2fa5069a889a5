package dataset

import (
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"oncovox/volume"
)

func drawPlacement(t *rapid.T) Placement {
	var p Placement
	for a := range 3 {
		p.Origin[a] = rapid.IntRange(-9, 30).Draw(t, "origin")
		p.Size[a] = rapid.IntRange(1, 8).Draw(t, "size")
		p.Flip[a] = rapid.Bool().Draw(t, "flip")
	}
	p.Size[2] = p.Size[1]
	p.Quarter = rapid.IntRange(0, 3).Draw(t, "quarter")
	return p
}

// The two maps are inverses, exactly at voxel centres and halves, and the box
// of the crop is the box in the volume.
func TestPlacementMapsAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlacement(t)
		var c [3]float64
		for a := range 3 {
			c[a] = float64(rapid.IntRange(0, 2*(p.Size[a]-1)).Draw(t, "voxel")) / 2
		}
		v := p.ToVolume(c)
		if got := p.ToCrop(v); got != c {
			t.Fatalf("%+v: %v came back as %v", p, c, got)
		}
		for a := range 3 {
			if v[a] < float64(p.Origin[a]) || v[a] > float64(p.Origin[a]+p.Size[a]-1) {
				t.Fatalf("%+v: %v of the crop lies at %v of the volume, outside its box", p, c, v)
			}
		}
	})
}

// Oracle: the volume read voxel by voxel where ToVolume says.
func TestCropsLieWhereTheySay(t *testing.T) {
	set, _ := newArchive(4).open(t, Default())
	for _, size := range [][3]int{{8, 8, 8}, {9, 6, 10}, {40, 30, 30}, {1, 1, 1}} {
		s, err := NewSampler(set, set.Items(Train), size, 3, "test", true)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, size[0]*size[1]*size[2])
		for step := range 20 {
			c := s.Random(dst, step, 1)
			checkCrop(t, set, c, dst)
			c = s.Lesion(dst, step, 1)
			checkCrop(t, set, c, dst)
		}
	}
}

func checkCrop(t *testing.T, set *Set, c Crop, dst []float32) {
	t.Helper()
	m, err := set.Volume(c.Item.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range dst {
		at := c.ToVolume([3]float64{float64(i / (c.Size[1] * c.Size[2])), float64(i / c.Size[2] % c.Size[1]), float64(i % c.Size[2])})
		want := c.Item.Pad()
		if z, y, x := int(at[0]), int(at[1]), int(at[2]); z >= 0 && z < m.Shape[0] && y >= 0 && y < m.Shape[1] && x >= 0 && x < m.Shape[2] {
			want = m.At(z, y, x)
		}
		if got != want {
			t.Fatalf("%+v: voxel %d is %v, want %v", c.Placement, i, got, want)
		}
	}
}

// The same step and sample give the same crop, in whatever order and from
// whatever goroutine they are drawn; others give others.
func TestSamplerHasNoState(t *testing.T) {
	set, _ := newArchive(4).open(t, Default())
	size := [3]int{8, 8, 8}
	s, err := NewSampler(set, set.Items(Train), size, 3, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	const n = 64
	var forth, back [n]Crop
	var first, second [n][]float32
	for i := range n {
		first[i] = make([]float32, 512)
		forth[i] = s.Random(first[i], i/4, i%4)
	}
	var wg sync.WaitGroup
	for i := n - 1; i >= 0; i-- {
		wg.Go(func() {
			second[i] = make([]float32, 512)
			back[i] = s.Random(second[i], i/4, i%4)
		})
	}
	wg.Wait()
	distinct := map[Placement]bool{}
	for i := range n {
		if forth[i] != back[i] || !slices.Equal(first[i], second[i]) {
			t.Fatalf("draw %d: %+v, then %+v", i, forth[i].Placement, back[i].Placement)
		}
		distinct[forth[i].Placement] = true
	}
	if len(distinct) < n-5 {
		t.Errorf("%d draws give %d placements", n, len(distinct))
	}
	other, err := NewSampler(set, set.Items(Train), size, 3, "other", true)
	if err != nil {
		t.Fatal(err)
	}
	if c := other.Random(first[0], 0, 0); c.Placement == forth[0].Placement {
		t.Error("another purpose draws the same crop")
	}
}

func TestLesionCropsHoldTheLesion(t *testing.T) {
	set, _ := newArchive(8).open(t, Default())
	// Around a lesion of 6 voxels: large enough, too small, larger than the volume.
	for _, size := range [][3]int{{12, 12, 12}, {3, 3, 3}, {32, 32, 32}} {
		s, err := NewSampler(set, set.Items(Train), size, 5, "test", true)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, size[0]*size[1]*size[2])
		drawn := map[string]bool{}
		places := map[[3]float64]bool{}
		for step := range 200 {
			c := s.Lesion(dst, step, 0)
			l := c.Item.Lesions[0]
			drawn[l.ID] = true
			centre := c.ToCrop(c.Item.Geometry.Index(l.CentreLPSMM))
			places[centre] = true
			extent := c.TurnSize(c.Item.Geometry.BoxVoxels(l.SizeMM))
			for a := range 3 {
				reach := -0.5
				if size[a] >= 12 {
					reach = extent[a]/2 - 0.5 // the whole box
				}
				if centre[a]-reach < 0 || centre[a]+reach > float64(size[a]-1) {
					t.Fatalf("size %v: the lesion lies at %v of the crop", size, centre)
				}
			}
		}
		if len(drawn) != s.Lesions() {
			t.Errorf("size %v: %d of %d lesions were drawn", size, len(drawn), s.Lesions())
		}
		if size[0] == 12 && len(places) < 100 {
			t.Errorf("size %v: only %d places of the lesion in the crop", size, len(places))
		}
	}
}

// Items and places are drawn uniformly: chi-square below its 0.999 quantile
// (Wilson and Hilferty: 18.5 at 4, 41.3 at 17 degrees of freedom).
func TestRandomCropsAreUniform(t *testing.T) {
	a := newArchive(5)
	a.lesions, a.masks = nil, nil
	for _, v := range a.volumes { // no air, so that no crop is drawn anew
		for i := range v.Data {
			v.Data[i] = float32(i*7919%400) - 200
		}
	}
	cfg := Default()
	cfg.SpacingMM = [3]float64{2.5, 2, 2}
	cfg.Split = Split{Train: 1}
	set, _ := a.open(t, cfg)
	s, err := NewSampler(set, set.Items(Train), [3]int{3, 7, 7}, 11, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 3*7*7)
	const n = 9000
	items := map[string]float64{}
	var origins [3]map[int]float64
	for a := range 3 {
		origins[a] = map[int]float64{}
	}
	for step := range n {
		c := s.Random(dst, step, 0)
		items[c.Item.ID]++
		for a := range 3 {
			origins[a][c.Origin[a]]++
		}
	}
	if chi := chiSquare(items, 5, n); !(chi < 18.5) {
		t.Errorf("items: chi-square %v: %v", chi, items)
	}
	for a := range 3 { // each axis has 18 places
		if chi := chiSquare(origins[a], 18, n); !(chi < 41.3) {
			t.Errorf("axis %d: chi-square %v: %v", a, chi, origins[a])
		}
	}
}

// chiSquare measures how far counts of n draws are from uniform over k.
func chiSquare[K comparable](counts map[K]float64, k int, n float64) float64 {
	want := n / float64(k)
	chi := float64(k-len(counts)) * want
	for _, c := range counts {
		chi += (c - want) * (c - want) / want
	}
	return chi
}

func TestBlankCropsAreAvoided(t *testing.T) {
	a := newArchive(4)
	v := volume.New(volume.Grid([3]int{16, 64, 64}, [3]float64{2, 2, 2}, [3]float64{}))
	v.Modality, v.Unit = "CT", "HU"
	for i := range v.Data {
		v.Data[i] = -1000
		if y, x := i/64%64, i%64; y < 24 && x < 24 { // a seventh of the plane
			v.Data[i] = float32(i * 7919 % 300)
		}
	}
	a.records, a.lesions, a.masks = a.records[:1], nil, nil
	a.volumes["v00"] = v
	set, _ := a.open(t, Default())
	s, err := NewSampler(set, set.Items(Train), [3]int{8, 8, 8}, 1, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 512)
	blank := 0
	for step := range 400 {
		s.Random(dst, step, 0)
		if deviation(dst) < blankStd {
			blank++
		}
	}
	// (24/57)² = 18 % of the places hold some body, so that 0.82^8 = 21 % of the
	// crops stay blank: 84, with a deviation of 8.
	if blank > 120 {
		t.Errorf("%d of 400 crops are blank", blank)
	}
}

func TestSamplerRefuses(t *testing.T) {
	set, _ := newArchive(4).open(t, Default())
	if _, err := NewSampler(set, nil, [3]int{8, 8, 8}, 1, "test", false); err == nil {
		t.Error("no items were taken")
	}
	if _, err := NewSampler(set, set.Items(""), [3]int{8, 0, 8}, 1, "test", false); err == nil {
		t.Error("a flat crop was taken")
	}
	if _, err := NewSampler(set, []Item{{ID: "gone"}}, [3]int{8, 8, 8}, 1, "test", false); err == nil {
		t.Error("an item of another set was taken")
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "nothing")); err == nil {
		t.Error("an empty folder was opened")
	}
}

func TestSamplerDoesNotAllocate(t *testing.T) {
	set, _ := newArchive(4).open(t, Default())
	s, err := NewSampler(set, set.Items(Train), [3]int{8, 8, 8}, 3, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 512)
	step := 0
	if n := testing.AllocsPerRun(100, func() {
		s.Random(dst, step, 0)
		s.Lesion(dst, step, 1)
		step++
	}); n != 0 {
		t.Errorf("%v allocations a draw", n)
	}
}

func BenchmarkRandom(b *testing.B) {
	set, _ := newArchive(8).open(b, Default())
	size := [3]int{24, 24, 24}
	s, err := NewSampler(set, set.Items(Train), size, 3, "bench", true)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]float32, size[0]*size[1]*size[2])
	b.SetBytes(4 * int64(len(dst)))
	b.ReportAllocs()
	step := 0
	for b.Loop() {
		s.Random(dst, step, 0)
		step++
	}
	if math.IsNaN(float64(dst[0])) {
		b.Fatal("NaN")
	}
}
