package finetune

import (
	"fmt"
	"testing"

	"oncovox/dataset"
	"oncovox/lesion"
)

// A smaller share of the labels lies within a larger one, the patient is the unit,
// and there is a lesion even in the smallest.
func TestFewer(t *testing.T) {
	var items []dataset.Item
	for i := range 40 {
		it := dataset.Item{Patient: fmt.Sprintf("p%02d", i/2), Labelled: true}
		it.ID = fmt.Sprintf("v%02d", i)
		if i >= 36 {
			it.Lesions = make([]lesion.Lesion, 1)
		}
		items = append(items, it)
	}
	for seed := range int64(20) {
		within := map[string]bool{}
		for _, it := range items {
			within[it.ID] = true
		}
		for _, c := range []struct {
			share float64
			want  int // scans, two a patient
		}{{1, 40}, {0.5, 20}, {0.26, 12}, {0.1, 4}, {0.001, 2}} {
			got := fewer(items, c.share, seed)
			now, lesions := map[string]bool{}, 0
			for _, it := range got {
				if !within[it.ID] {
					t.Errorf("seed %d: share %v has %s, which a larger one lacks", seed, c.share, it.ID)
				}
				now[it.ID] = true
				lesions += len(it.Lesions)
			}
			if len(got) != c.want || lesions == 0 {
				t.Errorf("seed %d: share %v is %d scans with %d lesions, want %d and some", seed, c.share, len(got), lesions, c.want)
			}
			within = now
		}
	}
	if a, b := fewer(items, 0.25, 1), fewer(items, 0.25, 2); fmt.Sprint(a) == fmt.Sprint(b) {
		t.Error("two seeds take the same patients")
	}
}
