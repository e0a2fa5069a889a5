package dicomio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"oncovox/lesion"
	"oncovox/volume"
)

// placedOn is a volume on grid g whose plane i is the slice "slice i".
func placedOn(g volume.Geometry) *placed {
	p := &placed{record: volume.Record{ID: "v"}, series: "s", space: "f", bySOP: map[string][]int{}}
	p.record.Shape, p.record.Affine = g.Shape, g.Affine
	for i := range g.Shape[0] {
		p.bySOP[fmt.Sprintf("slice %d", i)] = []int{i}
	}
	return p
}

// ringAt is a circle of radius r, in voxels, round (y, x) on plane z of g.
func ringAt(g volume.Geometry, z, y, x, r float64) contour {
	c := contour{closed: true}
	for i := range 90 {
		s, k := math.Sincos(float64(i) * math.Pi / 45)
		c.points = append(c.points, g.LPS([3]float64{z, y + r*s, x + r*k}))
	}
	return c
}

// oblique is a grid turned in space, whose z axis leans.
func oblique(seed uint64) volume.Geometry {
	rng := rand.New(rand.NewPCG(seed, 1))
	v := func() [3]float64 { return unit([3]float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}) }
	row := v()
	col := unit(cross(row, v()))
	normal := cross(row, col)
	g := volume.Geometry{Shape: [3]int{9, 20, 24}}
	for r := range 3 {
		g.Affine[r] = [4]float64{3*normal[r] + 0.8*row[r], 1.2 * col[r], 0.9 * row[r], 100 * rng.NormFloat64()}
	}
	return g
}

// On grids in any direction, a cylinder of contours marks the voxels whose
// centres lie in it, and measures as it should.
func TestDrawOblique(t *testing.T) {
	for seed := range uint64(20) {
		g := oblique(seed)
		p := placedOn(g)
		var r roi
		for z := 2; z <= 5; z++ {
			r.contours = append(r.contours, ringAt(g, float64(z)+0.05, 9.3, 11.6, 6.2))
		}
		r.contours[1].images = []string{"slice 3"}
		r.contours = append(r.contours, ringAt(g, 4, 9.3, 11.6, 2.1)) // an inner contour on plane 4
		voxels, reasons := p.draw(r)
		if slices.ContainsFunc(reasons, func(r Reason) bool { return r != "" }) {
			t.Fatalf("reasons %q, want every contour placed", reasons)
		}
		want := 0
		for i := range g.Voxels() {
			at := zyx(g, i)
			far := math.Hypot(at[1]-9.3, at[2]-11.6)
			in := at[0] >= 2 && at[0] <= 5 && far < 6.19 && !(at[0] == 4 && far < 2.11)
			if in {
				want++
			}
			if _, got := slices.BinarySearch(voxels, i); got != in && !(far > 6.17 && far < 6.21) {
				t.Fatalf("grid %d, voxel %v: marked %v, want %v", seed, at, got, in)
			}
		}
		l := measure(g, voxels)
		mm3 := float64(len(voxels)) * 3 * 1.2 * 0.9 // the lean changes no volume
		if diff := math.Abs(l.DiameterMM - math.Cbrt(6*mm3/math.Pi)); !(diff <= 1e-9) {
			t.Errorf("diameter %v of %v mm³", l.DiameterMM, mm3)
		}
		if i := g.Index(l.CentreLPSMM); math.Abs(i[0]-3.5) > 0.15 || math.Abs(i[1]-9.3) > 0.15 || math.Abs(i[2]-11.6) > 0.15 {
			t.Errorf("centre at voxel %v, want about (3.5, 9.3, 11.6)", i)
		}
	}
}

func TestOutlineReasons(t *testing.T) {
	g := volume.Grid([3]int{5, 10, 10}, [3]float64{4, 1, 1}, [3]float64{})
	p := placedOn(g)
	lifted := ringAt(g, 2, 5, 5, 3)
	lifted.points[0][2] += 3
	named := ringAt(g, 2.3, 5, 5, 3)
	named.images = []string{"slice 2"}
	wrongName := ringAt(g, 2, 5, 5, 3)
	wrongName.images = []string{"slice 4"}
	tests := []struct {
		name  string
		c     contour
		plane int
		want  Reason
	}{
		{"on a slice", ringAt(g, 3, 5, 5, 3), 3, ""},
		{"a little off", ringAt(g, 3.09, 5, 5, 3), 3, ""},
		{"between slices", ringAt(g, 2.3, 5, 5, 3), 0, OffPlane},
		{"between slices, but named", named, 2, ""},
		{"named one, drawn on another", wrongName, 2, ""},
		{"below all", ringAt(g, -1, 5, 5, 3), 0, OffPlane},
		{"far above all", ringAt(g, 1e12, 5, 5, 3), 0, OffPlane},
		{"not flat", lifted, 0, NotInPlane},
		{"beside the image", ringAt(g, 2, 5, 50, 3), 0, OutsideImage},
		{"partly beside", ringAt(g, 2, 5, 10, 3), 2, ""},
		{"open", contour{points: lifted.points}, 0, NotClosed},
		{"two points", contour{closed: true, points: lifted.points[:2]}, 0, TooFewPoints},
		{"no number", contour{closed: true, points: [][3]float64{{math.NaN(), 0, 0}, {1, 0, math.Inf(1)}, {1, 1, 0}}}, 0, NotInPlane},
	}
	for _, tt := range tests {
		plane, _, _, reason := p.outline(tt.c)
		if plane != tt.plane || reason != tt.want {
			t.Errorf("%s: plane %d, reason %q; want %d, %q", tt.name, plane, reason, tt.plane, tt.want)
		}
	}
}

// A lesion between all voxel centres marks the nearest voxel; a hole that small
// changes nothing.
func TestDrawSubVoxel(t *testing.T) {
	g := volume.Grid([3]int{3, 10, 10}, [3]float64{4, 1, 1}, [3]float64{})
	p := placedOn(g)
	voxels, _ := p.draw(roi{contours: []contour{ringAt(g, 1, 4.4, 6.6, 0.3)}})
	if want := []int{1*100 + 4*10 + 7}; !slices.Equal(voxels, want) {
		t.Errorf("marked %v, want %v", voxels, want)
	}
	whole, _ := p.draw(roi{contours: []contour{ringAt(g, 1, 5, 5, 3.3)}})
	holed, _ := p.draw(roi{contours: []contour{ringAt(g, 1, 5, 5, 3.3), ringAt(g, 1, 4.5, 4.5, 0.2)}})
	if !slices.Equal(whole, holed) {
		t.Error("a hole without a voxel changed the mask")
	}
}

func TestComponentsAndPaint(t *testing.T) {
	g := volume.Grid([3]int{4, 6, 6}, [3]float64{1, 1, 1}, [3]float64{})
	at := func(z, y, x int) int { return (z*6+y)*6 + x }
	// Two voxels that touch by a corner, and one across the edge of a row, which
	// is a neighbour in memory only.
	voxels := []int{at(0, 0, 5), at(0, 1, 0), at(1, 2, 1)}
	slices.Sort(voxels)
	got := components(g, voxels)
	if len(got) != 2 || len(got[0]) != 1 || len(got[1]) != 2 {
		t.Errorf("components %v, want one of 1 and one of 2", got)
	}
	regions := []region{{voxels: []int{7}}, {voxels: []int{6, 7, 8}}, {body: lesion.Lesion{}}, {voxels: []int{5}, ignore: true}, {voxels: []int{8, 9}}}
	m := paint(g, regions, labels(regions))
	if got := m.Labels[5:10]; !slices.Equal(got, []uint8{0, 2, 1, 3, 3}) {
		t.Errorf("labels %v, want the smaller lesion on top: 0 2 1 3 3", got)
	}
	many := slices.Repeat([]region{{voxels: []int{3}}}, 300)
	if l := labels(many); l[254] != 255 || l[255] != 0 {
		t.Errorf("labels of 300 lesions end in %v", l[250:])
	}
}

// What a label object covers, and what it is lost for.
func TestLabel(t *testing.T) {
	g := volume.Grid([3]int{5, 10, 10}, [3]float64{4, 1, 1}, [3]float64{})
	good := roi{number: 1, contours: []contour{ringAt(g, 2, 5, 5, 3)}}
	lost := roi{number: 2, contours: []contour{ringAt(g, 2.4, 5, 5, 3)}}
	byImage := roi{number: 3, contours: []contour{ringAt(g, 2, 5, 5, 3)}}
	byImage.contours[0].images = []string{"slice 2"}
	refused := []*series{{uid: "refused"}}
	tests := []struct {
		name     string
		set      labelSet
		others   int // further volumes in the frame of reference, of another series
		labelled bool
		regions  int
		unplaced map[Reason]int
	}{
		{"by series", labelSet{series: []string{"s"}, rois: []roi{good}}, 1, true, 1, nil},
		{"no lesion", labelSet{series: []string{"s"}, others: 3}, 0, true, 0, nil},
		{"by image", labelSet{series: []string{"gone"}, rois: []roi{byImage}}, 0, true, 1, nil},
		{"by frame of reference", labelSet{space: "f", rois: []roi{good}}, 0, true, 1, nil},
		{"by a frame that two series share", labelSet{space: "f", rois: []roi{good}}, 1, false, 0, map[Reason]int{NoSeries: 1}},
		{"series absent", labelSet{series: []string{"gone"}, space: "x", rois: []roi{good}}, 0, false, 0, map[Reason]int{NoSeries: 1}},
		{"series refused", labelSet{series: []string{"refused"}, space: "f", rois: []roi{good}}, 0, false, 0, map[Reason]int{SeriesUnused: 1}},
		{"only lesion lost", labelSet{series: []string{"s"}, rois: []roi{lost}}, 0, false, 0, map[Reason]int{OffPlane: 1}},
		{"one of two lost", labelSet{series: []string{"s"}, rois: []roi{good, lost}}, 0, true, 1, map[Reason]int{OffPlane: 1}},
		{"nothing drawn", labelSet{series: []string{"s"}, rois: []roi{{number: 4}}}, 0, false, 0, nil},
	}
	for _, tt := range tests {
		p := placedOn(g)
		all := []*placed{p}
		for range tt.others {
			o := placedOn(g)
			o.series, o.bySOP = "other", map[string][]int{}
			all = append(all, o)
		}
		l := label([]labelSet{tt.set}, newAtlas(all, refused), Default())
		if l.labelled[p] != tt.labelled || len(l.regions[p]) != tt.regions {
			t.Errorf("%s: labelled %v with %d regions, want %v with %d", tt.name, l.labelled[p], len(l.regions[p]), tt.labelled, tt.regions)
		}
		if fmt.Sprint(l.counts.Unplaced) != fmt.Sprint(tt.unplaced) && len(tt.unplaced)+len(l.counts.Unplaced) > 0 {
			t.Errorf("%s: unplaced %v, want %v", tt.name, l.counts.Unplaced, tt.unplaced)
		}
	}
}

// With split_components each piece of an ROI is a lesion; else the ROI is.
func TestSplitComponents(t *testing.T) {
	labels := structFile(1, 1, map[string][]outlineOf{
		"tumour": {{points: square(1, 20, 3, 2.2)}, {points: square(12, 20, 3, 2.2)}, {points: square(12, 20, 6, 2.2)}},
	})
	dir := writeFolder(t, append(stackFiles(1, 6, nil), labels, labels)...)
	for split, want := range map[bool]int{false: 1, true: 2} {
		cfg := Default()
		cfg.SplitComponents = split
		out, err := ingest(t, cfg, dir)
		if err != nil {
			t.Fatal(err)
		}
		lesions, err := lesion.Read(filepath.Join(out, "lesions.jsonl"))
		if err != nil || len(lesions) != want {
			t.Errorf("split %v: %d lesions (%v), want %d", split, len(lesions), err, want)
		}
	}
}

// Any structure set that parses is drawn without a panic, and every contour is
// counted.
func FuzzStructureSet(f *testing.F) {
	f.Add(structFile(1, 1, map[string][]outlineOf{"gtv": {{points: square(4, 20, 6, 3)}}, "x": {{kind: "POINT"}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := ReadInstance("", b)
		if err != nil {
			return
		}
		set := parseStructureSet(in, Default())
		p := placedOn(volume.Grid([3]int{4, 12, 16}, [3]float64{3, 2, 1.5}, [3]float64{-5, 10, 0}))
		p.series = secretUID + "8.1"
		l := label([]labelSet{set}, newAtlas([]*placed{p}, nil), Default())
		for _, n := range l.counts.Unplaced {
			l.counts.Placed += n
		}
		if l.counts.Placed != l.counts.Contours {
			t.Errorf("%d contours, %d accounted for", l.counts.Contours, l.counts.Placed)
		}
	})
}
