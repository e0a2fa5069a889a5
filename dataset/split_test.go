package dataset

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// crowd returns n people: every second labelled, every third with lesions.
func crowd(n int) []person {
	people := make([]person, n)
	for i := range people {
		people[i] = person{id: fmt.Sprintf("p%03d", i), lesions: i%3 == 0, labelled: i%3 == 0 || i%2 == 0}
	}
	return people
}

// Each part gets its share of all patients, and of those with lesions, to
// within one and a half patients.
func TestDealKeepsShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		people := crowd(rapid.IntRange(1, 100).Draw(t, "people"))
		train := rapid.Float64Range(0.34, 1).Draw(t, "train")
		val := rapid.Float64Range(0, 1-train).Draw(t, "val")
		shares := Split{train, val, 1 - train - val}
		deal(people, shares, rapid.Int64().Draw(t, "seed"))
		for part, share := range map[string]float64{Train: shares.Train, Val: shares.Val, Test: shares.Test} {
			var all, lesions, withLesions float64
			for _, p := range people {
				if p.lesions {
					lesions++
				}
				if p.part == part {
					all++
					if p.lesions {
						withLesions++
					}
				}
			}
			if !(math.Abs(all-share*float64(len(people))) <= 1.5) || !(math.Abs(withLesions-share*lesions) <= 1.5) {
				t.Fatalf("%s: %v of %d patients and %v of %v with lesions, want a share of %v", part, all, len(people), withLesions, lesions, share)
			}
		}
	})
}

func TestDealDependsOnSeedAndIDsAlone(t *testing.T) {
	parts := func(people []person, seed int64) map[string]string {
		deal(people, Split{0.6, 0.2, 0.2}, seed)
		m := map[string]string{}
		for _, p := range people {
			m[p.id] = p.part
		}
		return m
	}
	turned := crowd(40)
	slices.Reverse(turned)
	a, b, c := parts(crowd(40), 1), parts(turned, 1), parts(crowd(40), 2)
	same := 0
	for id, part := range a {
		if b[id] != part {
			t.Fatalf("%s is in %s or %s by the order of the patients", id, part, b[id])
		}
		if c[id] == part {
			same++
		}
	}
	if same == len(a) {
		t.Error("another seed gives the same split")
	}
}

func TestLabelSubsetsAreNested(t *testing.T) {
	kept := func(fraction float64) (ids []string, lesions int) {
		people := crowd(90)
		deal(people, Split{0.8, 0.1, 0.1}, 3)
		keepLabels(people, fraction, 3)
		for _, p := range people {
			if p.keep && !p.labelled {
				t.Fatalf("%s has no labels to keep", p.id)
			}
			if p.part != Train && p.keep != p.labelled {
				t.Fatalf("%s lost its labels in %s", p.id, p.part)
			}
			if p.part == Train && p.keep {
				ids = append(ids, p.id)
				if p.lesions {
					lesions++
				}
			}
		}
		return ids, lesions
	}
	all, allLesions := kept(1)
	before := []string{}
	for _, fraction := range []float64{0, 0.001, 0.1, 0.25, 0.5, 1} {
		ids, lesions := kept(fraction)
		want := int(fraction*float64(len(all)) + 0.5)
		if fraction == 0.001 {
			want = 1 // some, if any
		}
		if len(ids) != want {
			t.Errorf("fraction %v keeps %d of %d patients, want %d", fraction, len(ids), len(all), want)
		}
		for _, id := range before {
			if !slices.Contains(ids, id) {
				t.Errorf("fraction %v leaves out %s, which a smaller one keeps", fraction, id)
			}
		}
		share := float64(allLesions) / float64(len(all))
		if !(math.Abs(float64(lesions)-share*float64(len(ids))) <= 1.5) {
			t.Errorf("fraction %v keeps %d patients with lesions of %d", fraction, lesions, len(ids))
		}
		before = ids
	}
}

// Labels that are not kept are gone from the prepared set.
func TestDroppedLabelsAreGone(t *testing.T) {
	cfg := Default()
	cfg.LabelFraction = 0
	set, _ := newArchive(12).open(t, cfg)
	for _, it := range set.Items("") {
		_, err := set.Mask(it.ID)
		if it.Part == Train && (it.Labelled || it.Lesions != nil || err == nil) {
			t.Errorf("training volume %s keeps its labels", it.ID)
		}
	}
	if n := len(set.Items(Test)[0].Lesions) + len(set.Items(Val)[0].Lesions); n == 0 {
		t.Error("validation and test lost their labels")
	}
}
