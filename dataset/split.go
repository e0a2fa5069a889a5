package dataset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"oncovox/internal/rng"
)

// A person is one patient with what the split goes by.
type person struct {
	id       string
	labelled bool // at least one volume is
	lesions  bool // at least one volume has some
	part     string
	keep     bool // its labels may be used
}

// SplitReport is split.json: which patients are in which part, and why.
type SplitReport struct {
	Method        string               `json:"method"`
	Seed          int64                `json:"seed"`
	Shares        map[string]float64   `json:"shares"` // as asked for
	LabelFraction float64              `json:"label_fraction"`
	Parts         map[string]SplitPart `json:"parts"`
}

// A SplitPart is the patients of one part, by their keyed hashes, sorted.
type SplitPart struct {
	Patients []string `json:"patients"`
	Labelled []string `json:"labelled_patients"` // those whose labels may be used
	Lesions  int      `json:"patients_with_lesions"`
}

const splitMethod = "patients, in a random order fixed by the seed and their ids, are dealt out by the shares, " +
	"first those with lesions, then those labelled without, then those unlabelled"

// deal gives each person a part. Those with lesions, those labelled without
// and those unlabelled are dealt out one after the other, each person to the
// part that lies furthest behind its share. The order within a group depends on
// the seed and the ids alone.
func deal(people []person, shares Split, seed int64) {
	shuffle(people, seed, "split", func(p person) int {
		switch {
		case p.lesions:
			return 0
		case p.labelled:
			return 1
		}
		return 2
	})
	share := [3]float64{shares.Train, shares.Val, shares.Test}
	var got [3]int
	for i := range people {
		best := 0
		behind := func(k int) float64 { return share[k]*float64(i+1) - float64(got[k]) }
		for k := 1; k < 3; k++ {
			if share[k] > 0 && behind(k) > behind(best)+1e-9 {
				best = k
			}
		}
		people[i].part = parts[best]
		got[best]++
	}
}

// keepLabels marks whose labels may be used: everyone's outside the training
// part, and there those of the given share of the labelled patients. Patients
// with and without lesions take turns by their numbers, so that the patients of
// a smaller share are among those of a greater one and in like proportion.
func keepLabels(people []person, fraction float64, seed int64) {
	shuffle(people, seed, "labels", func(p person) int {
		if p.lesions {
			return 0
		}
		return 1
	})
	type turn struct {
		person *person
		at     float64 // in (0, 1) of its group
	}
	var groups [2][]*person
	for i := range people {
		p := &people[i]
		switch {
		case p.part != Train:
			p.keep = p.labelled
		case p.lesions:
			groups[0] = append(groups[0], p)
		case p.labelled:
			groups[1] = append(groups[1], p)
		}
	}
	var turns []turn
	for _, group := range groups {
		for i, p := range group {
			turns = append(turns, turn{p, (float64(i) + 0.5) / float64(len(group))})
		}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	n := int(fraction*float64(len(turns)) + 0.5)
	if fraction > 0 {
		n = max(n, min(1, len(turns)))
	}
	for _, t := range turns[:n] {
		t.person.keep = true
	}
}

// shuffle orders people by group, then at random.
func shuffle(people []person, seed int64, purpose string, group func(person) int) {
	key := make(map[string]uint64, len(people))
	for _, p := range people {
		key[p.id] = rng.At(seed, purpose+" "+p.id).Uint64()
	}
	slices.SortFunc(people, func(a, b person) int {
		return cmp.Or(cmp.Compare(group(a), group(b)), cmp.Compare(key[a.id], key[b.id]), cmp.Compare(a.id, b.id))
	})
}

// split deals out the patients of scans, writes the outcome into them, and
// returns the report.
func split(scans []scan, cfg Config, seed int64) (SplitReport, error) {
	byID := map[string]person{}
	for _, s := range scans {
		p := byID[s.rec.Patient]
		p.id = s.rec.Patient
		p.labelled = p.labelled || s.rec.Labelled
		p.lesions = p.lesions || len(s.lesions) > 0
		byID[p.id] = p
	}
	people := slices.Collect(maps.Values(byID))
	deal(people, cfg.Split, seed)
	keepLabels(people, cfg.LabelFraction, seed)
	for _, p := range people {
		byID[p.id] = p
	}
	for i := range scans {
		p := byID[scans[i].rec.Patient]
		scans[i].part = p.part
		if !p.keep {
			scans[i].rec.Labelled, scans[i].lesions = false, nil
		}
	}
	report := newSplitReport(people, cfg, seed)
	if cfg.Split.Train > 0 && len(report.Parts[Train].Patients) == 0 {
		return report, fmt.Errorf("split: none of %d patients falls into the training part: raise its share", len(people))
	}
	return report, nil
}

func newSplitReport(people []person, cfg Config, seed int64) SplitReport {
	slices.SortFunc(people, func(a, b person) int { return cmp.Compare(a.id, b.id) })
	r := SplitReport{
		Method:        splitMethod,
		Seed:          seed,
		Shares:        map[string]float64{Train: cfg.Split.Train, Val: cfg.Split.Val, Test: cfg.Split.Test},
		LabelFraction: cfg.LabelFraction,
		Parts:         map[string]SplitPart{},
	}
	for _, part := range parts {
		sp := SplitPart{Patients: []string{}, Labelled: []string{}}
		for _, p := range people {
			if p.part != part {
				continue
			}
			sp.Patients = append(sp.Patients, p.id)
			if p.keep {
				sp.Labelled = append(sp.Labelled, p.id)
			}
			if p.lesions {
				sp.Lesions++
			}
		}
		r.Parts[part] = sp
	}
	return r
}
