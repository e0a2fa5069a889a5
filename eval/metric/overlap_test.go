package metric

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Matching by masks finds what PICAI counts as found, on random scans: the
// average precision of its hits over the steps is the challenge's.
func TestByMaskIsPICAI(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	for range 50 {
		scans := randomScans(r, 20)
		for i := range scans { // the challenge knows no ignored findings
			for k := range scans[i].Truths {
				scans[i].Truths[k].Ignore = false
			}
		}
		p := NewPool(scans, byBoxesAsMasks(leastPICAI))
		var cases []PICAICase
		for _, m := range p.Matches {
			c := PICAICase{}
			for range m.Scan.Truths {
				c.Overlap = append(c.Overlap, nil)
			}
			for _, mark := range m.Scan.Marks {
				c.Score = append(c.Score, mark.Score)
				for k, truth := range m.Scan.Truths {
					c.Overlap[k] = append(c.Overlap[k], BoxIoU(truth.Centre, truth.Size, mark.Centre, mark.Size))
				}
			}
			cases = append(cases, c)
		}
		ap, _, _ := PICAI(cases)
		near(t, "AP", stepAP(p.events, nil, p.Counts().Lesions), ap, 1e-15)
	}
}

// With truths and marks of equal scores in each other's place as many pairs are
// found, by every rule that looks at a pair the same from both sides.
func TestMatchIsSymmetric(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 1))
	for range 200 {
		s := randomScans(r, 1)[0]
		swapped := Scan{ID: s.ID}
		for i := range s.Truths {
			s.Truths[i].Ignore = false
			swapped.Marks = append(swapped.Marks, Mark{Centre: s.Truths[i].Centre, Size: s.Truths[i].Size})
		}
		for i := range s.Marks {
			s.Marks[i].Score = 0
			swapped.Truths = append(swapped.Truths, Truth{Centre: s.Marks[i].Centre, Size: s.Marks[i].Size})
		}
		m, n := byBoxesAsMasks(0.1)(s), byBoxesAsMasks(0.1)(swapped)
		if a, b := count(m.Found), count(n.Found); a != b {
			t.Errorf("by masks %d pairs, swapped %d", a, b)
		}
		// The greedy rules take no pair that is left: where none is found one way,
		// none is the other way.
		for name, rule := range map[string]func(Scan) Match{"iou": ByIoU(0.1), "distance": ByDistance(12)} {
			m, n := rule(s), rule(swapped)
			if (count(m.Found) == 0) != (count(n.Found) == 0) {
				t.Errorf("%s: found %v, swapped %v", name, m.Found, n.Found)
			}
		}
	}
}

// count returns how many lesions are found.
func count(found []int) int {
	n := 0
	for _, k := range found {
		if k >= 0 {
			n++
		}
	}
	return n
}

// A mark takes the nearest lesion at most so far away, and each lesion is found
// once; the distance itself still counts.
func TestByDistance(t *testing.T) {
	at := func(x float64) [3]float64 { return [3]float64{x, 0, 0} }
	s := Scan{Truths: []Truth{{Centre: at(0)}, {Centre: at(30)}, {Centre: at(60), Ignore: true}},
		Marks: []Mark{{Centre: at(10), Score: 0.9}, {Centre: at(1), Score: 0.8}, {Centre: at(20.5), Score: 0.7}, {Centre: at(65), Score: 0.6}, {Centre: at(40.001), Score: 0.5}}}
	m := ByDistance(10)(s)
	if want := []int{0, 2, -1}; !slices.Equal(m.Found, want) {
		t.Errorf("found %v, want %v", m.Found, want)
	}
	if want := []Fate{Hit, False, Hit, Ignored, False}; !slices.Equal(m.Fates, want) {
		t.Errorf("fates %v, want %v", m.Fates, want)
	}
}

// Marks are judged by their overlap alone: a second one on a lesion counts
// nowhere, one on an ignored finding is ignored, and two lesions under two marks
// are both found although the surer mark lies better on the first.
func TestByMask(t *testing.T) {
	s := Scan{
		Truths: []Truth{{Centre: [3]float64{1}}, {Centre: [3]float64{2}}, {Centre: [3]float64{3}, Ignore: true}},
		Marks:  []Mark{{Score: 0.9}, {Score: 0.8}, {Score: 0.7}, {Score: 0.6}, {Score: 0.5}},
		Overlap: [][]float64{
			{0.6, 0.5, 0.2, 0, 0.09},
			{0.4, 0, 0, 0, 0},
			{0, 0, 0.5, 0.1, 0},
		},
	}
	m := ByMask(0.1)(s)
	if want := []int{1, 0, -1}; !slices.Equal(m.Found, want) {
		t.Errorf("found %v, want %v", m.Found, want)
	}
	if want := []Fate{Hit, Hit, Hit, Ignored, False}; !slices.Equal(m.Fates, want) {
		t.Errorf("fates %v, want %v", m.Fates, want)
	}
	if m.Doubles != 1 {
		t.Errorf("%d doubles, want 1", m.Doubles)
	}
}

// Oracle: counting voxel by voxel.
func TestMaskIoU(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 100 {
		labels := make([]uint8, 60)
		for i := range labels {
			labels[i] = uint8(r.IntN(4))
		}
		var regions [][]int
		for range 3 {
			regions = append(regions, r.Perm(len(labels))[:r.IntN(20)])
		}
		got := MaskIoU(labels, []uint8{2, 1, 9}, regions)
		for row, label := range []uint8{2, 1, 9} {
			for m, region := range regions {
				both, either := 0, 0
				for i, l := range labels {
					if in := slices.Contains(region, i); in && l == label {
						both++
						either++
					} else if in || l == label {
						either++
					}
				}
				near(t, fmt.Sprintf("label %d", label), got[row][m], float64(both)/float64(max(either, 1)), 0)
			}
		}
	}
}
