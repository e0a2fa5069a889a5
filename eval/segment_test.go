package eval

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// giveMasks gives every lesion of the test part its label and a mask, the
// ellipsoid in its box, and the detections the mask that found makes of it. It
// returns the items.
func (f *fixture) giveMasks(t *testing.T, found func(k int, truth *volume.Mask) *volume.Mask) []dataset.Item {
	t.Helper()
	path := filepath.Join(f.data, "dataset", "lesions.jsonl")
	lesions, err := lesion.Read(path)
	must(t, err)
	label := map[string]int{}
	for i := range lesions {
		label[lesions[i].Volume]++
		lesions[i].Label = label[lesions[i].Volume]
	}
	must(t, lesion.Write(path, lesions))
	set, err := dataset.Open(f.data)
	must(t, err)
	defer set.Close()
	f.dir(t, "detections/masks")
	items := set.Items(dataset.Test)
	for k, it := range items {
		m := volume.NewMask(it.Geometry)
		for _, l := range it.Lesions {
			for _, i := range ellipsoid(it.Geometry, l.CentreLPSMM, l.SizeMM) {
				m.Labels[i] = uint8(l.Label)
			}
		}
		if len(it.Lesions) > 0 {
			_, err := volume.WriteMask(filepath.Join(f.data, "dataset", "masks", it.ID), m)
			must(t, err)
		}
		if m := found(k, m); m != nil {
			must(t, volume.WriteMaskNIfTI(filepath.Join(f.detections, "masks", it.ID+".nii.gz"), m))
		}
	}
	return items
}

// Masks that are equal have Dice 1 and no distance.
func TestSegmentationOfEqualMasks(t *testing.T) {
	f := newFixture(t, 9, "HU")
	items := f.giveMasks(t, func(_ int, truth *volume.Mask) *volume.Mask { return truth })
	cfg := small()
	cfg.Bootstrap, cfg.Gallery = 40, 1
	dir, m := run(t, f, cfg, "masks")
	s := m.Methods[0].Segmentation
	if len(s.ByScan) != len(items) || s.Untouched+s.False+s.Without != 0 || len(s.ByLesion) != m.Methods[0].Counts.Lesions {
		t.Errorf("segmentation of %d scans %+v", len(items), s)
	}
	for i, g := range s.Figures {
		if want := map[int]float64{0: 1, 3: 1}[i]; g.Value == nil || *g.Value != want || *g.Low != want {
			t.Errorf("figure %+v, want %v", g, want)
		}
	}
	html, err := os.ReadFile(filepath.Join(dir, "report.html"))
	must(t, err)
	for _, want := range []string{`id="segmentation"`, "Outlines that agree the least", `<path class="truth" d="M`, `<path class="found" d="M`} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the report does not have %q", want)
		}
	}
	other := volume.NewMask(volume.Grid([3]int{4, 4, 4}, [3]float64{1, 1, 1}, [3]float64{}))
	must(t, volume.WriteMaskNIfTI(filepath.Join(f.detections, "masks", items[0].ID+".nii.gz"), other))
	if err := Run(context.Background(), cfg, f.env(t, "grid")); err == nil || !strings.Contains(err.Error(), "another grid") {
		t.Errorf("a mask on another grid: error %v", err)
	}
}

// Scan by scan another fault: an empty mask, one voxel off, a part that touches
// nothing, and no mask at all.
func TestSegmentationFaults(t *testing.T) {
	f := newFixture(t, 15, "HU")
	last := 0
	items := f.giveMasks(t, func(k int, truth *volume.Mask) *volume.Mask {
		m := volume.NewMask(truth.Geometry)
		last = k
		switch k % 4 {
		case 0: // empty
		case 1: // one voxel along x
			copy(m.Labels[1:], truth.Labels)
		case 2: // the lesion, and a corner of the scan
			copy(m.Labels, truth.Labels)
			m.Labels[0] = 7
		case 3:
			return nil
		}
		return m
	})
	cfg := small()
	cfg.Bootstrap, cfg.Gallery = 40, 2
	_, m := run(t, f, cfg, "faults")
	s := m.Methods[0].Segmentation
	untouched, without, wrong := 0, 0, 0
	for k, it := range items {
		row := slices.IndexFunc(s.ByScan, func(m Segmented) bool { return m.Scan == k+1 })
		lesions := len(it.Lesions)
		switch k % 4 {
		case 0:
			untouched += lesions
			if r := s.ByScan[row]; r.HD95 != nil || (r.Dice == nil) != (lesions == 0) || lesions > 0 && *r.Dice != 0 {
				t.Errorf("an empty mask of %d lesions: %+v", lesions, r)
			}
		case 1:
			// The largest distance of surfaces moved by one voxel is the spacing along x.
			if r := s.ByScan[row]; lesions > 0 && !(*r.Dice > 0.6 && *r.Dice < 1 && *r.HD95 > 0 && *r.HD95 <= it.Geometry.SpacingMM()[2]+1e-9) {
				t.Errorf("a mask one voxel off: Dice %v, HD95 %v", *r.Dice, *r.HD95)
			}
		case 2:
			wrong++
			if r := s.ByScan[row]; lesions == 0 && *r.Dice != 0 {
				t.Errorf("something marked in a scan without a lesion: %+v", r)
			}
		case 3:
			if without++; row >= 0 {
				t.Errorf("scan %d has no mask of the detector, and a row", k+1)
			}
		}
	}
	if s.Untouched != untouched || s.Without != without || s.False != wrong || last == 0 {
		t.Errorf("%d untouched, %d without, %d false; want %d, %d, %d", s.Untouched, s.Without, s.False, untouched, without, wrong)
	}
	for _, r := range s.ByLesion { // each lesion is judged by itself: the corner does not count
		if (r.Scan-1)%4 == 2 && (*r.Dice != 1 || *r.ASSD != 0) {
			t.Errorf("a lesion that is outlined exactly: %+v", r)
		}
	}
}

// Matching by masks finds what the ellipsoids of the detections overlap, and the
// components of the detector's mask where it has one.
func TestMaskMatch(t *testing.T) {
	f := newFixture(t, 9, "HU")
	f.giveMasks(t, func(k int, truth *volume.Mask) *volume.Mask { return nil })
	must(t, os.RemoveAll(filepath.Join(f.detections, "masks")))
	cfg := small()
	cfg.Match, cfg.IoU, cfg.Gallery, cfg.Bootstrap = matchMask, 0.3, 1, 40
	_, m := run(t, f, cfg, "boxes")
	c := m.Methods[0].Counts
	if c.Found == 0 || c.Found == c.Lesions || m.Methods[0].Segmentation.Undefined == "" {
		t.Errorf("counts %+v: want some found", c)
	}
	cfg.Match = matchSphere
	_, sphere := run(t, f, cfg, "sphere")
	if got, want := c.Found, sphere.Methods[0].Counts.Found; got != want { // detections are near their lesions or far off
		t.Errorf("%d found by masks, %d by spheres", got, want)
	}
	// With masks of the detector that are far off each, its boxes do not count.
	f.giveMasks(t, func(k int, truth *volume.Mask) *volume.Mask {
		m := volume.NewMask(truth.Geometry)
		for i := range m.Labels { // all of the scan is marked
			m.Labels[i] = 1
		}
		return m
	})
	cfg.Match = matchMask
	_, m = run(t, f, cfg, "components")
	if c := m.Methods[0].Counts; c.Found != 0 {
		t.Errorf("counts %+v: a mask of all voxels found something", c)
	}
	// A lesion without a mask cannot be matched so.
	must(t, os.RemoveAll(filepath.Join(f.data, "dataset", "masks")))
	if err := Run(context.Background(), cfg, f.env(t, "none")); !errors.Is(err, stage.ErrConfig) || !strings.Contains(err.Error(), "lesion without a mask") {
		t.Errorf("lesions without masks: error %v", err)
	}
}

func TestDistanceMatch(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: eval/metric tests the rule itself")
	}
	f := newFixture(t, 9, "HU")
	cfg := small()
	cfg.Bootstrap = 40
	cfg.Match, cfg.Gallery = matchDistance, 1
	found := -1
	for _, cfg.DistanceMM = range []float64{0.01, 8, 1000} {
		_, m := run(t, f, cfg, "distance")
		c := m.Methods[0].Counts
		if c.Found <= found || cfg.DistanceMM == 0.01 && c.Found != 0 {
			t.Errorf("%g mm: %d of %d found, after %d", cfg.DistanceMM, c.Found, c.Lesions, found)
		}
		found = c.Found
	}
}

// Masks of any program: the lesions by their labels, the detections as places
// alone in components.
func TestFilesWithMasks(t *testing.T) {
	dir := t.TempDir()
	g := volume.Grid([3]int{8, 10, 12}, [3]float64{3, 1, 1}, [3]float64{})
	truth, found := volume.NewMask(g), volume.NewMask(g)
	for _, i := range ellipsoid(g, [3]float64{3, 3, 9}, [3]float64{4, 4, 6}) {
		truth.Labels[i], found.Labels[i] = 5, 1
	}
	for _, name := range []string{"lesions", "found"} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	must(t, volume.WriteMaskNIfTI(filepath.Join(dir, "lesions", "a.nii.gz"), truth))
	must(t, volume.WriteMaskNIfTI(filepath.Join(dir, "found", "a.nii.gz"), found))
	const head = "volume,x_lps_mm,y_lps_mm,z_lps_mm"
	cfg := FilesConfig{
		Truth:       write(t, dir, "t.csv", head+",diameter_mm,label\na,3,3,9,5,5\n"),
		Detections:  write(t, dir, "d.csv", head+",score\na,4,3,9,0.5\na,10,8,0,0.9\n"),
		Scans:       write(t, dir, "s.csv", "volume\na\nb\n"),
		LesionMasks: filepath.Join(dir, "lesions"), DetectionMasks: filepath.Join(dir, "found"),
		Match: matchMask, IoU: 0.5, DistanceMM: 10, Bootstrap: 40}
	must(t, RunFiles(context.Background(), cfg, stage.Env{Seed: 1, Out: dir, Version: "test"}))
	checkReport(t, dir)
	var m Metrics
	must(t, readJSON(filepath.Join(dir, "metrics.json"), &m))
	d := m.Methods[0]
	if d.Counts.Found != 1 || d.Counts.False != 1 || *d.Segmentation.Figures[3].Value != 1 || *d.Figure("picai_ap").Value != 0.5 {
		t.Errorf("counts %+v, %+v, PI-CAI AP %+v", d.Counts, d.Segmentation.Figures[3], d.Figure("picai_ap"))
	}
	cfg.DetectionMasks = ""
	if err := RunFiles(context.Background(), cfg, stage.Env{Out: dir}); !errors.Is(err, stage.ErrConfig) || !strings.Contains(err.Error(), "neither a size nor a mask") {
		t.Errorf("places alone: error %v", err)
	}
	cfg.LesionMasks = filepath.Join(dir, "none")
	if err := RunFiles(context.Background(), cfg, stage.Env{Out: dir}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder of masks: error %v", err)
	}
	cfg.LesionMasks = filepath.Join(dir, "lesions")
	cfg.Truth = write(t, dir, "t.csv", head+",diameter_mm,label\n../a,3,3,9,5,5\n")
	cfg.Scans = ""
	cfg.Detections = write(t, dir, "d.csv", head+",score,diameter_mm\n../a,4,3,9,0.5,3\n")
	if err := RunFiles(context.Background(), cfg, stage.Env{Out: dir}); err == nil || !strings.Contains(err.Error(), "cannot be the name of a mask") {
		t.Errorf("a volume that is a path: error %v", err)
	}
}

// The ellipsoid holds the voxels whose centres are in it, on a turned grid too,
// and never none inside the grid.
func TestEllipsoid(t *testing.T) {
	g := volume.Grid([3]int{20, 20, 20}, [3]float64{2, 1, 0.5}, [3]float64{-5, -10, -20})
	turned := g
	turned.Affine[0], turned.Affine[1] = g.Affine[1], g.Affine[0]
	for _, g := range []volume.Geometry{g, turned} {
		centre, size := g.LPS([3]float64{9.3, 8.1, 10.6}), [3]float64{5, 7, 11}
		got := ellipsoid(g, centre, size)
		slices.Sort(got)
		var want []int
		for i := range g.Voxels() {
			p := g.LPS(place(g.Shape, i))
			sum := 0.0
			for a := range 3 {
				d := (p[a] - centre[a]) / (size[a] / 2)
				sum += d * d
			}
			if sum <= 1 {
				want = append(want, i)
			}
		}
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%d voxels, want %d", len(got), len(want))
		}
		if one := ellipsoid(g, centre, [3]float64{}); len(one) != 1 {
			t.Errorf("a place alone has %d voxels", len(one))
		}
	}
	if none := ellipsoid(g, [3]float64{500, 0, 0}, [3]float64{3, 3, 3}); len(none) != 0 {
		t.Errorf("outside the grid there are %d voxels", len(none))
	}
}

// Borders run once around, the inside to their right, and holes have their own.
func TestLoops(t *testing.T) {
	picture := []string{
		"......",
		".###..",
		".#.#..",
		".###..",
		"....#.",
		"......",
	}
	got := loops(func(row, col int) bool { return picture[row][col] == '#' }, 6)
	area := 0
	for _, l := range got {
		for k := range l {
			a, b := l[k], l[(k+1)%len(l)]
			area += a[1]*b[0] - b[1]*a[0]
		}
	}
	if len(got) < 2 || area != 2*9 {
		t.Errorf("%d loops around an area of %v, want 9", len(got), float64(area)/2)
	}
}
