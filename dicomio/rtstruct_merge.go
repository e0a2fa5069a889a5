package dicomio

import (
	"cmp"
	"slices"
)

// precedence orders kinds of label objects by how closely they say where a lesion
// is: pixels, outlines, the consensus of readers, then places with a size.
var precedence = [...]int{segmentation: 0, labelVolume: 1, outlines: 2, reading: 3, report: 4, list: 5}

// same reports whether a and b, of one volume and different label objects, are
// one lesion: their centres are nearer than the radius of the smaller. That is
// LUNA16's rule for a hit, asked of both.
func (a *region) same(b *region) bool {
	return a.set != b.set && distance(a.body.CentreLPSMM, b.body.CentreLPSMM) < min(a.body.DiameterMM, b.body.DiameterMM)/2
}

// merge leaves one of the lesions that several label objects show: one to be
// judged before one to ignore, then by precedence, then the first. What is left stays in
// its order, and has the sources of the others.
func merge(all []region) (kept []region, merged int) {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	ignored := func(i int) int { return map[bool]int{true: 1}[all[i].ignore] }
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(ignored(a), ignored(b)), cmp.Compare(precedence[all[a].kind], precedence[all[b].kind]))
	})
	var first []int
	for _, i := range order {
		at := slices.IndexFunc(first, func(k int) bool { return all[k].same(&all[i]) })
		if at < 0 {
			first = append(first, i)
			continue
		}
		k := &all[first[at]]
		k.also = append(k.also, all[i].source())
		merged++
	}
	slices.Sort(first)
	for _, i := range first {
		kept = append(kept, all[i])
	}
	return kept, merged
}
