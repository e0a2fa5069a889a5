package finetune

import (
	"cmp"
	"math"
	"slices"

	"oncovox/dataset"
	"oncovox/internal/rng"
)

// labelled returns the items whose lesions are known.
func labelled(items []dataset.Item) []dataset.Item {
	var out []dataset.Item
	for _, it := range items {
		if it.Labelled {
			out = append(out, it)
		}
	}
	return out
}

// fewer returns the items of a share of the patients, rounded up, in their order.
// The patients stand in a random order of the seed's, and the first are taken: a
// smaller share's are among a larger one's. A patient with a lesion comes first,
// so that there is always something to learn from.
func fewer(items []dataset.Item, share float64, seed int64) []dataset.Item {
	ill := map[string]bool{}
	for _, it := range items {
		ill[it.Patient] = ill[it.Patient] || len(it.Lesions) > 0
	}
	type place struct {
		patient string
		at      float64
	}
	var order []place
	for patient := range ill {
		order = append(order, place{patient, rng.At(seed, "labels "+patient).Float64()})
	}
	slices.SortFunc(order, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.patient, b.patient))
	})
	if i := slices.IndexFunc(order, func(p place) bool { return ill[p.patient] }); i > 0 {
		first := order[i]
		order = slices.Insert(slices.Delete(order, i, i+1), 0, first)
	}
	taken := map[string]bool{}
	for _, p := range order[:int(math.Ceil(share*float64(len(order))))] {
		taken[p.patient] = true
	}
	return slices.DeleteFunc(slices.Clone(items), func(it dataset.Item) bool { return !taken[it.Patient] })
}
