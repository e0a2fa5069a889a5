package dicomio

import (
	"slices"
	"strings"
	"testing"

	"oncovox/lesion"
	"oncovox/volume"
)

func ball(kind labelKind, set string, x, diameter float64) region {
	return region{kind: kind, set: set, body: lesion.Lesion{CentreLPSMM: [3]float64{x, 0, 0}, DiameterMM: diameter}}
}

// Lesions of several label objects are one where their centres are nearer than the
// radius of the smaller; those of one object never are.
func TestMerge(t *testing.T) {
	ignored := ball(segmentation, "x", 0, 10)
	ignored.ignore = true
	tests := []struct {
		name string
		all  []region
		want string // sets that are left, and what they stand for
	}{
		{"two kinds", []region{ball(outlines, "r", 0, 10), ball(segmentation, "s", 1, 9)}, "s+r"},
		{"two of a kind: the first", []region{ball(outlines, "a", 0, 10), ball(outlines, "b", 1, 9)}, "a+b"},
		{"three kinds", []region{ball(list, "c", 0, 6), ball(report, "p", 0.5, 6), ball(outlines, "r", 1, 7)}, "r+p+c"},
		{"one object", []region{ball(outlines, "r", 0, 10), ball(outlines, "r", 1, 9)}, "r r"},
		{"apart", []region{ball(outlines, "r", 0, 10), ball(segmentation, "s", 5, 30)}, "r s"},
		{"neighbours", []region{ball(outlines, "r", 0, 10), ball(outlines, "r", 11, 10), ball(list, "c", 0.2, 9), ball(list, "c", 10.5, 9)}, "r+c r+c"},
		{"to be judged before to be ignored", []region{ignored, ball(list, "c", 1, 9)}, "c+x"},
		{"none", nil, ""},
	}
	for _, tt := range tests {
		kept, merged := merge(tt.all)
		var says []string
		for _, r := range kept {
			says = append(says, r.set)
			for _, s := range r.also {
				says[len(says)-1] += "+" + strings.TrimSuffix(s, "/0/0")
			}
		}
		if got := strings.Join(says, " "); got != tt.want || merged != len(tt.all)-len(kept) {
			t.Errorf("%s: %q with %d merged, want %q", tt.name, got, merged, tt.want)
		}
	}
}

// A tumour in an RTSTRUCT, a SEG and a list is one lesion, with the voxels of the
// SEG; the crosswalk has all three. Another lesion of the list stays.
func TestSameTumourInSeveralLabels(t *testing.T) {
	seg := segObject{number: 1, series: 1, kind: "BINARY", names: []string{"Tumor"}, rows: 12, cols: 16}
	seg.frames = []segFrame{onSlice(2, segFrame{segment: 1, pixels: [][2]int{{5, 6}, {5, 7}, {6, 6}, {6, 7}}})}
	outline := structFile(1, 1, map[string][]outlineOf{"GTV": {{points: square(4.75, 21, 6, 2)}}})
	csv := lunaHeader + secretUID + "8.1,4.5,20.5,6.5,5\n" + secretUID + "8.1,14,30,12,4\n"
	dir := writeFolder(t, append(stackFiles(1, 6, nil), seg.encode(), outline, []byte(csv))...)
	out, err := ingest(t, Default(), dir)
	if err != nil {
		t.Fatal(err)
	}
	lesions := rowsOf[lesion.Lesion](t, out, "lesions.jsonl")
	if c := countsOf(t, out); len(lesions) != 2 || c.Labels.Merged != 2 || c.Labels.ROIs != 4 || c.Lesions != 2 {
		t.Fatalf("%d lesions, counts %+v; want 2, and 2 merged", len(lesions), c.Labels)
	}
	if got := maskText(t, out, lesions[0].Volume); got != "2:5:6 2:5:7 2:6:6 2:6:7" {
		t.Errorf("mask %q, want the segment's", got)
	}
	sources := map[string]int{}
	for _, c := range rowsOf[Crossing](t, out, "crosswalk.jsonl") {
		if c.Kind == "lesion" {
			sources[c.ID]++
		}
	}
	n := []int{sources[lesions[0].ID], sources[lesions[1].ID]}
	if slices.Sort(n); !slices.Equal(n, []int{1, 3}) {
		t.Errorf("sources of lesions: %v, want 3 of one and 1 of the other", n)
	}
	checkPrivacy(t, out)
}

// A scan is healthy only if what covers it has no lesion at all: not if a lesion
// has no outline, or lies in another scan, whoever else has looked at it.
func TestNotSilentlyHealthy(t *testing.T) {
	drawn := []outlineOf{{points: square(4, 20, 6, 3.1)}}
	emptySegment := segObject{number: 2, series: 1, kind: "BINARY", names: []string{"Tumor", "liver"}, rows: 12, cols: 16}
	emptySegment.frames = []segFrame{onSlice(1, segFrame{segment: 2, pixels: square4(1, 2)})}
	looked := []byte("seriesuid\n" + secretUID + "8.1\n")
	tests := []struct {
		name     string
		labels   [][]byte
		labelled bool
		empty    int
	}{
		{"an organ", [][]byte{structFile(1, 1, map[string][]outlineOf{"Heart": drawn})}, true, 0},
		{"a lesion without a contour", [][]byte{structFile(1, 1, map[string][]outlineOf{"GTV": nil, "Heart": drawn})}, false, 1},
		{"and a list that says it was looked at", [][]byte{structFile(1, 1, map[string][]outlineOf{"GTV": nil}), looked}, false, 1},
		{"one of two", [][]byte{structFile(1, 1, map[string][]outlineOf{"GTV 1": nil, "GTV 2": drawn})}, true, 1},
		{"a segment without a frame", [][]byte{emptySegment.encode()}, false, 1},
	}
	for _, tt := range tests {
		files := map[string][]byte{}
		for i, b := range append(stackFiles(1, 6, nil), tt.labels...) {
			name := string(rune('a' + i))
			if &b[0] == &looked[0] {
				name = "seriesuids.csv"
			}
			files[name] = b
		}
		out, err := ingest(t, Default(), writeTree(t, files))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if r := rowsOf[volume.Record](t, out, "volumes.jsonl")[0]; r.Labelled != tt.labelled {
			t.Errorf("%s: labelled %v, want %v", tt.name, r.Labelled, tt.labelled)
		}
		told := 0
		for _, r := range rowsOf[Refused](t, out, "refused.jsonl") {
			if r.What == "label" && r.Reason == NoOutline {
				told++
			}
		}
		if c := countsOf(t, out).Labels; c.EmptyROIs != tt.empty || told != min(tt.empty, 1) || c.Placed < 0 {
			t.Errorf("%s: %d rows, counts %+v; want %d regions without an outline", tt.name, told, c, tt.empty)
		}
	}
	a, b := placedOn(volume.Grid([3]int{5, 10, 10}, [3]float64{4, 1, 1}, [3]float64{})), placedOn(volume.Grid([3]int{5, 10, 10}, [3]float64{4, 1, 1}, [3]float64{0, 0, 50}))
	b.series = "t"
	set := labelSet{series: []string{"s", "t"}, named: 1, rois: []roi{{number: 1, contours: []contour{ringAt(a.record.Geometry(), 2, 5, 5, 3)}}}}
	l := label([]labelSet{set}, newAtlas([]*placed{a, b}, nil), Default())
	if !l.labelled[a] || l.labelled[b] {
		t.Errorf("labelled %v and %v, want the scan that holds the lesion alone", l.labelled[a], l.labelled[b])
	}
}
