package dicomio

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/lesion"
	"oncovox/volume"
)

// A segFrame is one frame of a made segmentation of the series of stackFiles.
type segFrame struct {
	segment     int
	sop         string     // of its image, "" for none
	position    [3]float64 // with noPlace, not written
	noPlace     bool
	orientation string // "" for that of the images
	spacing     string
	pixels      [][2]int // row and column of those that are set
	value       int      // of those pixels; 0 means 1
}

// A segObject is a made segmentation.
type segObject struct {
	number, series int
	kind           string // BINARY, FRACTIONAL or LABELMAP
	names          []string
	types          []string
	rows, cols     int
	frames         []segFrame
}

func (s segObject) encode() []byte {
	var segments, groups [][]element
	for i, name := range s.names {
		seg := []element{elShort(0x00620004, i+1), elText(0x00620005, "LO", name)}
		if i < len(s.types) {
			seg = append(seg, elSequence(0x0062000f, []element{elText(0x00080104, "LO", s.types[i])}))
		}
		segments = append(segments, seg)
	}
	values := make([]byte, len(s.frames)*s.rows*s.cols)
	for i, f := range s.frames {
		g := []element{}
		if !f.noPlace {
			g = append(g, elSequence(0x00209113, []element{elText(0x00200032, "DS", fmt.Sprintf(`%g\%g\%g`, f.position[0], f.position[1], f.position[2]))}))
		}
		if f.orientation == "" {
			f.orientation = `1\0\0\0\1\0`
		}
		if f.spacing == "" {
			f.spacing = `2\1.5`
		}
		g = append(g, elSequence(0x00209116, []element{elText(0x00200037, "DS", f.orientation)}), elSequence(0x00289110, []element{elText(0x00280030, "DS", f.spacing)}))
		if s.kind != "LABELMAP" {
			g = append(g, elSequence(0x0062000a, []element{elShort(0x0062000b, f.segment)}))
		}
		if f.sop != "" {
			g = append(g, elSequence(0x00089124, []element{elSequence(0x00082112, []element{elText(0x00081155, "UI", f.sop)})}))
		}
		groups = append(groups, g)
		for _, p := range f.pixels {
			values[(i*s.rows+p[0])*s.cols+p[1]] = byte(max(f.value, 1))
		}
	}
	class, bits := segmentationClass, 8
	switch s.kind {
	case "BINARY":
		bits = 1
		packed := make([]byte, (len(values)+15)/16*2)
		for i, v := range values {
			packed[i/8] |= v << (i % 8) // the least significant bit first, PS3.5 8.1.1
		}
		values = packed
	case "LABELMAP":
		class = labelMapClass
	}
	return dicomFile(class, fmt.Sprintf(secretUID+"5.%d", s.number),
		elText(0x00080060, "CS", "SEG"), elText(0x00100020, "LO", secretName+"-1"),
		elSequence(0x00081115, []element{elText(0x0020000e, "UI", fmt.Sprintf(secretUID+"8.%d", s.series))}),
		elShort(0x00280002, 1), elText(0x00280004, "CS", "MONOCHROME2"), elText(0x00280008, "IS", fmt.Sprint(len(s.frames))),
		elShort(0x00280010, s.rows), elShort(0x00280011, s.cols),
		elShort(0x00280100, bits), elShort(0x00280101, bits), elShort(0x00280102, bits-1), elShort(0x00280103, 0),
		elText(0x00620001, "CS", s.kind), elShort(0x0062000e, 200), elSequence(0x00620002, segments...),
		elSequence(0x52009230, groups...), elLong(0x7fe00010, "OB", values))
}

// onSlice places a frame on slice z of stackFiles.
func onSlice(z int, f segFrame) segFrame {
	f.position = [3]float64{-5, 10, 3 * float64(z)}
	return f
}

// square4 is four pixels round row y and column x.
func square4(y, x int) [][2]int { return [][2]int{{y, x}, {y, x + 1}, {y + 1, x}, {y + 1, x + 1}} }

// Voxels of the lesions of a series of 6 slices of 12 x 16 that a segmentation
// leaves, and what found no place.
func TestSegmentation(t *testing.T) {
	slice3 := secretUID + "1.4" // SOP of z = 3
	one := func(f segFrame) []segFrame { f.segment = 1; return []segFrame{f} }
	tests := []struct {
		name     string
		change   func(s *segObject)
		want     string // z:y:x of every voxel, by lesion
		unplaced string
	}{
		{"binary", func(s *segObject) {
			s.frames = []segFrame{onSlice(2, segFrame{segment: 1, pixels: square4(4, 7)}), onSlice(1, segFrame{segment: 1, pixels: [][2]int{{4, 7}}})}
		}, "1:4:7 2:4:7 2:4:8 2:5:7 2:5:8", ""},
		{"by reference, a little off its plane", func(s *segObject) {
			s.frames = one(segFrame{sop: slice3, position: [3]float64{-5, 10, 10}, pixels: [][2]int{{1, 2}}})
		}, "3:1:2", ""},
		{"by reference alone", func(s *segObject) {
			s.frames = one(segFrame{sop: slice3, noPlace: true, pixels: [][2]int{{1, 2}}})
		}, "3:1:2", ""},
		{"a reference that contradicts the place", func(s *segObject) {
			s.frames = one(onSlice(1, segFrame{sop: slice3, pixels: [][2]int{{1, 2}}}))
		}, "1:1:2", ""},
		{"neither place nor reference", func(s *segObject) {
			s.frames = one(segFrame{noPlace: true, pixels: [][2]int{{1, 2}}})
		}, "", "no-geometry 1"},
		{"between slices", func(s *segObject) {
			s.frames = one(segFrame{position: [3]float64{-5, 10, 10}, pixels: [][2]int{{1, 2}}})
		}, "", "off-plane 1"},
		{"beyond the last slice", func(s *segObject) {
			s.frames = append(one(onSlice(6, segFrame{pixels: [][2]int{{1, 2}}})), onSlice(0, segFrame{segment: 1, pixels: [][2]int{{1, 2}}}))
		}, "0:1:2", "off-plane 1"},
		{"beside the image", func(s *segObject) {
			s.frames = one(segFrame{position: [3]float64{91, 10, 3}, pixels: [][2]int{{1, 2}}})
		}, "", "outside-image 1"},
		{"a smaller frame", func(s *segObject) {
			s.rows, s.cols = 3, 4
			s.frames = one(segFrame{position: [3]float64{-5 + 3, 10 + 8, 3}, pixels: [][2]int{{1, 2}}})
		}, "1:5:4", ""},
		{"half a pixel off", func(s *segObject) {
			s.frames = one(segFrame{position: [3]float64{-5.75, 10, 3}, pixels: [][2]int{{1, 2}}})
		}, "", "off-grid 1"},
		{"other spacing", func(s *segObject) {
			s.frames = one(onSlice(1, segFrame{spacing: `1\1`, pixels: [][2]int{{1, 2}}}))
		}, "", "off-grid 1"},
		{"rows that run the other way", func(s *segObject) {
			s.frames = one(segFrame{position: [3]float64{-5 + 15*1.5, 10, 3}, orientation: `-1\0\0\0\1\0`, pixels: [][2]int{{1, 2}}})
		}, "1:1:13", ""},
		{"frames from the side", func(s *segObject) {
			s.rows, s.cols = 6, 12
			s.frames = one(segFrame{position: [3]float64{-5 + 4*1.5, 10, 0}, orientation: `0\1\0\0\0\1`, spacing: `3\2`, pixels: [][2]int{{1, 2}}})
		}, "1:2:4", ""},
		{"directions that are none", func(s *segObject) {
			s.frames = one(onSlice(1, segFrame{orientation: `1\0\0\1\0\0`, pixels: [][2]int{{1, 2}}}))
		}, "", "bad-geometry 1"},
		{"fractional: half and more of 200", func(s *segObject) {
			s.kind = "FRACTIONAL"
			s.frames = []segFrame{
				onSlice(1, segFrame{segment: 1, pixels: [][2]int{{1, 2}}, value: 100}), onSlice(2, segFrame{segment: 1, pixels: [][2]int{{1, 2}}, value: 99}),
			}
		}, "1:1:2", ""},
		{"label map", func(s *segObject) {
			s.kind, s.names = "LABELMAP", []string{"tumour", "liver", "nodule"}
			s.frames = []segFrame{onSlice(1, segFrame{pixels: [][2]int{{1, 2}}, value: 3}), onSlice(2, segFrame{pixels: [][2]int{{1, 2}}, value: 1}), onSlice(3, segFrame{pixels: [][2]int{{5, 5}}, value: 2})}
		}, "2:1:2 | 1:1:2", ""},
		{"overlapping segments", func(s *segObject) {
			s.names = []string{"tumour", "heart", "nodule"}
			s.frames = []segFrame{
				onSlice(1, segFrame{segment: 1, pixels: square4(1, 2)}), onSlice(1, segFrame{segment: 2, pixels: square4(1, 2)}),
				onSlice(1, segFrame{segment: 3, pixels: [][2]int{{1, 2}}}),
			}
		}, "1:1:3 1:2:2 1:2:3 | 1:1:2", ""},
		{"a lesion by its type", func(s *segObject) {
			s.names, s.types = []string{"Segment_1", "edema of it"}, []string{"Neoplasm, Primary", "Neoplasm"}
			s.frames = []segFrame{onSlice(1, segFrame{segment: 1, pixels: [][2]int{{1, 2}}}), onSlice(1, segFrame{segment: 2, pixels: [][2]int{{3, 3}}})}
		}, "1:1:2", ""},
		{"nothing set", func(s *segObject) { s.frames = one(onSlice(1, segFrame{})) }, "", ""},
	}
	scan := stackFiles(1, 6, nil)
	for _, tt := range tests {
		s := segObject{number: 1, series: 1, kind: "BINARY", names: []string{"Tumor"}, rows: 12, cols: 16}
		tt.change(&s)
		out, err := ingest(t, Default(), writeFolder(t, append(slices.Clone(scan), s.encode())...))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		r := rowsOf[volume.Record](t, out, "volumes.jsonl")[0]
		if got := maskText(t, out, r.ID); got != tt.want {
			t.Errorf("%s: voxels %q, want %q", tt.name, got, tt.want)
		}
		c := countsOf(t, out).Labels
		var lost []string
		for _, k := range sortedKeys(c.Unplaced) {
			lost = append(lost, fmt.Sprint(k, " ", c.Unplaced[k]))
		}
		if got := strings.Join(lost, ", "); got != tt.unplaced || c.Objects["seg"] != 1 {
			t.Errorf("%s: unplaced %q, want %q; counts %+v", tt.name, got, tt.unplaced, c)
		}
		if want := tt.want != "" || tt.unplaced == ""; r.Labelled != want {
			t.Errorf("%s: labelled %v, want %v", tt.name, r.Labelled, want)
		}
		checkPrivacy(t, out)
	}
}

// maskText lists the voxels of a mask as z:y:x, by label.
func maskText(t *testing.T, out, id string) string {
	t.Helper()
	dir := filepath.Join(out, "masks", id)
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	m, err := volume.ReadMask(dir)
	if err != nil {
		t.Fatal(err)
	}
	byLabel := map[int][]string{}
	for i, label := range m.Labels {
		if label > 0 {
			at := zyx(m.Geometry, i)
			byLabel[int(label)] = append(byLabel[int(label)], fmt.Sprintf("%v:%v:%v", at[0], at[1], at[2]))
		}
	}
	var all []string
	for label := 1; label <= 255; label++ {
		if v := byLabel[label]; v != nil {
			all = append(all, strings.Join(v, " "))
		}
	}
	return strings.Join(all, " | ")
}

// A segmentation that is cut off is refused as a file, and its scan counts as
// not labelled.
func TestSegmentationCutOff(t *testing.T) {
	s := segObject{number: 1, series: 1, kind: "FRACTIONAL", names: []string{"Tumor"}, rows: 12, cols: 16, frames: []segFrame{onSlice(1, segFrame{segment: 1, pixels: square4(1, 1)})}}
	b := s.encode()
	cfg := Default()
	cfg.MaxRefused = 1
	out, err := ingest(t, cfg, writeFolder(t, append(stackFiles(1, 6, nil), b[:len(b)-50])...))
	if err != nil {
		t.Fatal(err)
	}
	r := rowsOf[Refused](t, out, "refused.jsonl")
	if len(r) != 1 || r[0].What != "file" || r[0].Reason != Truncated || rowsOf[volume.Record](t, out, "volumes.jsonl")[0].Labelled {
		t.Errorf("refused %+v", r)
	}
}

// Segmentations of the conformance set on the images that they were drawn on.
// Counts of voxels and centroids as pydicom 3.0.2 gives them from the
// segmentation alone, LPS; 1e-4 mm.
func TestRealSegmentations(t *testing.T) {
	root := extract(t, realData(t, "dicom-conformance.tar.xz"), func(name string) string {
		_, name, _ = strings.Cut(name, "/conformance/")
		switch {
		case strings.HasSuffix(name, "data_store/data/liver.dcm"):
			return "ct-3slice/liver.dcm"
		case strings.Contains(name, "dcmqi/segmentations/"):
			_, name, _ = strings.Cut(name, "dcmqi/segmentations/")
			return name
		}
		return ""
	})
	for _, tt := range []struct {
		folders []string
		voxels  int
		centre  [3]float64
	}{
		{[]string{"23x38x3/image", "23x38x3/seg"}, 322, [3]float64{55.65837826, 12.07098391, -175.25}},
		{[]string{"24x38x3/image", "24x38x3/seg"}, 315, [3]float64{55.8249, 11.84547667, -175.25}},
		{[]string{"23x38x3/multiframe", "23x38x3/seg"}, 322, [3]float64{55.65837826, 12.07098391, -175.25}},
		{[]string{"ct-3slice"}, 107098, [3]float64{-74.05705344, -33.26204082, -127.69945863}},
	} {
		cfg := Default()
		cfg.ROI = []string{"liver"}
		var sources []string
		for _, f := range tt.folders {
			sources = append(sources, filepath.Join(root, f))
		}
		out, err := ingest(t, cfg, sources...)
		if err != nil {
			t.Fatal(err)
		}
		lesions, err := lesion.Read(filepath.Join(out, "lesions.jsonl"))
		if err != nil || len(lesions) != 1 {
			t.Fatalf("%v: %d lesions (%v)", tt.folders, len(lesions), err)
		}
		m, err := volume.ReadMask(filepath.Join(out, "masks", lesions[0].Volume))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, label := range m.Labels {
			n += int(label)
		}
		for axis, want := range tt.centre {
			if diff := math.Abs(lesions[0].CentreLPSMM[axis] - want); !(diff <= 1e-4) || n != tt.voxels {
				t.Errorf("%v: %d voxels round %v, want %d round %v", tt.folders, n, lesions[0].CentreLPSMM, tt.voxels, tt.centre)
			}
		}
	}
}

// Any segmentation that can be read is drawn without a panic, and every frame
// is counted.
func FuzzSegmentation(f *testing.F) {
	for _, kind := range []string{"BINARY", "FRACTIONAL", "LABELMAP"} {
		s := segObject{number: 1, series: 1, kind: kind, names: []string{"Tumor"}, rows: 4, cols: 5}
		s.frames = []segFrame{onSlice(1, segFrame{segment: 1, pixels: square4(1, 1)}), onSlice(2, segFrame{segment: 1, sop: "slice 2", pixels: square4(0, 0), value: 100})}
		f.Add(s.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := ReadInstance("", b)
		if err != nil {
			return
		}
		set, err := parseSegmentation(in, Default())
		if err != nil {
			if ReasonOf(err) == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		p := placedOn(volume.Grid([3]int{4, 12, 16}, [3]float64{3, 2, 1.5}, [3]float64{-5, 10, 0}))
		p.series = secretUID + "8.1"
		l := label([]labelSet{set}, newAtlas([]*placed{p}, nil), Default())
		for _, n := range l.counts.Unplaced {
			l.counts.Placed += n
		}
		if l.counts.Placed != l.counts.Frames {
			t.Errorf("%d frames, %d accounted for", l.counts.Frames, l.counts.Placed)
		}
	})
}
