package dataset

import "testing"

// Two crops of a pair come from one volume, hold what it has where they say they lie,
// share at least half of their voxels, are not the same, and come again.
func TestPair(t *testing.T) {
	set, _ := newArchive(4).open(t, Default())
	size := [3]int{8, 10, 10}
	s, err := NewSampler(set, set.Items(Train), size, 3, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	a, b := make([]float32, 800), make([]float32, 800)
	same := 0
	for step := range 200 {
		c, d := s.Pair(a, b, step, 1)
		checkCrop(t, set, c, a)
		checkCrop(t, set, d, b)
		if c.Item != d.Item {
			t.Fatalf("step %d: two volumes", step)
		}
		shared := 1
		for i := range 3 {
			shared *= max(0, size[i]-max(c.Origin[i]-d.Origin[i], d.Origin[i]-c.Origin[i]))
		}
		if 2*shared < 800 {
			t.Errorf("step %d: %v and %v share %d of 800 voxels", step, c.Origin, d.Origin, shared)
		}
		if c.Placement == d.Placement {
			same++
		}
		if e, f := s.Pair(a, b, step, 1); e != c || f != d {
			t.Fatalf("step %d: drawn again it is another pair", step)
		}
	}
	if same > 20 { // of 27 origins and 32 turns
		t.Errorf("%d of 200 pairs are twice the same crop", same)
	}
}
