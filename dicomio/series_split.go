package dicomio

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// A part is the slices of a series that can make one volume, or the whole
// series where one volume is all there is.
type part struct {
	slices  []slice  // by place along the normal, then by phase
	by      []string // what told it from the other parts
	dropped int      // slices left out because another shows the same
}

// split cuts the slices of a series into parts that each hold at most one
// slice a place, where the header tells how. It never mixes orientations,
// frame sizes or pixel spacings in a part. It owns and reorders all.
//
// Fields such as the echo time split a part only where slices share a place:
// in many series they differ from slice to slice and mean nothing.
func split(all []slice) []part {
	slices.SortFunc(all, compareIdentity)
	all, dropped := dropCopies(all)
	var parts []part
	for _, p := range splitByGrid(all) {
		p.sortByPlace()
		parts = append(parts, splitByPhase(p)...)
	}
	if len(parts) > 0 {
		parts[0].dropped += dropped
	}
	return parts
}

// compareIdentity orders slices by what they are, whatever order they came in.
func compareIdentity(a, b slice) int {
	return cmp.Or(
		cmp.Compare(a.sop, b.sop),
		cmp.Compare(a.frame, b.frame),
		slices.Compare(a.position[:], b.position[:]),
		slices.Compare(a.pixels.digest[:], b.pixels.digest[:]),
	)
}

// dropCopies leaves out further copies of an instance, as when a file lies
// twice in an archive. all is sorted by identity.
func dropCopies(all []slice) (kept []slice, dropped int) {
	for i := range all {
		if n := len(kept); n > 0 && all[i].sop != "" && kept[n-1].sop == all[i].sop &&
			kept[n-1].frame == all[i].frame && kept[n-1].identical(&all[i]) {
			dropped++
			continue
		}
		kept = append(kept, all[i])
	}
	return kept, dropped
}

// splitByGrid gathers slices of one orientation, frame size and pixel spacing,
// localisers apart.
func splitByGrid(all []slice) []part {
	var parts []part
next:
	for _, s := range all {
		for i := range parts {
			if sameGrid(&parts[i].slices[0], &s) {
				parts[i].slices = append(parts[i].slices, s)
				continue next
			}
		}
		parts = append(parts, part{slices: []slice{s}})
	}
	by := gridDifferences(parts)
	for i := range parts {
		parts[i].by = by
	}
	return parts
}

func sameGrid(a, b *slice) bool {
	return a.localiser == b.localiser && a.space == b.space && a.inverted == b.inverted &&
		sameSize(a, b) && sameOrientation(a, b)
}

func sameSize(a, b *slice) bool {
	return a.rows == b.rows && a.cols == b.cols &&
		math.Abs(a.spacing[0]-b.spacing[0]) <= 1e-4*a.spacing[0] &&
		math.Abs(a.spacing[1]-b.spacing[1]) <= 1e-4*a.spacing[1]
}

func sameOrientation(a, b *slice) bool {
	for i := range 3 {
		if math.Abs(a.row[i]-b.row[i]) > directionTolerance || math.Abs(a.col[i]-b.col[i]) > directionTolerance {
			return false
		}
	}
	return true
}

// gridDifferences names what differs between parts.
func gridDifferences(parts []part) []string {
	var by []string
	add := func(name string, differs bool) {
		if differs && !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	for _, p := range parts {
		a, b := &parts[0].slices[0], &p.slices[0]
		add("frame-of-reference", a.space != b.space)
		add("localiser", a.localiser != b.localiser)
		add("orientation", !sameOrientation(a, b))
		add("photometric", a.inverted != b.inverted)
		add("size", !sameSize(a, b))
	}
	slices.Sort(by)
	return by
}

// place returns how far along the normal of p a slice lies, in mm.
func (p *part) place(s *slice) float64 { return dot(s.position, p.slices[0].normal()) }

func (p *part) sortByPlace() {
	normal := p.slices[0].normal()
	slices.SortStableFunc(p.slices, func(a, b slice) int {
		return cmp.Or(cmp.Compare(dot(a.position, normal), dot(b.position, normal)), cmp.Compare(a.order, b.order), compareIdentity(a, b))
	})
}

// places groups the slices of p, sorted by place, by the place that they share.
func (p *part) places() [][]slice {
	var groups [][]slice
	start := 0
	for i := 1; i <= len(p.slices); i++ {
		if i == len(p.slices) || p.place(&p.slices[i])-p.place(&p.slices[i-1]) > samePlaceMM {
			groups = append(groups, p.slices[start:i])
			start = i
		}
	}
	return groups
}

// splitByPhase cuts p until no two slices share a place, by the first field
// that can do it, then the next. A field may cut only into parts that hold at
// least three places each, or every place. Slices that show the same are
// dropped when no field is left, and what then still shares places is cut by
// the order of acquisition, if that is plain.
func splitByPhase(p part) []part {
	places := p.places()
	if len(places) == len(p.slices) {
		return []part{p}
	}
	for _, key := range phaseKeys {
		cut := cutBy(p, key.compare)
		if len(cut) < 2 || !wellCut(cut, len(places)) || !separates(places, key.compare) {
			continue
		}
		var parts []part
		for _, c := range cut {
			c.by = append(slices.Clone(p.by), key.name)
			parts = append(parts, splitByPhase(c)...)
		}
		return parts
	}
	p.dropIdentical()
	return splitByOrder(p)
}

func cutBy(p part, compare func(a, b phase) int) []part {
	sorted := slices.Clone(p.slices)
	slices.SortStableFunc(sorted, func(a, b slice) int { return compare(a.phase, b.phase) })
	var cut []part
	for i, s := range sorted {
		if i == 0 || compare(sorted[i-1].phase, s.phase) != 0 {
			cut = append(cut, part{})
		}
		last := &cut[len(cut)-1]
		last.slices = append(last.slices, s)
	}
	return cut
}

// wellCut reports whether every part is a stack of its own.
func wellCut(cut []part, places int) bool {
	for i := range cut {
		if n := len(cut[i].places()); n < min(3, places) || places == 1 {
			return false
		}
	}
	return true
}

// separates reports whether the field differs between slices in one place.
func separates(places [][]slice, compare func(a, b phase) int) bool {
	for _, group := range places {
		for i := 1; i < len(group); i++ {
			if compare(group[0].phase, group[i].phase) != 0 {
				return true
			}
		}
	}
	return false
}

// dropIdentical leaves out slices that show the same as another in their place.
func (p *part) dropIdentical() {
	var kept []slice
	for _, group := range p.places() {
		first := len(kept)
		for i := range group {
			same := slices.ContainsFunc(kept[first:], func(k slice) bool { return k.identical(&group[i]) })
			if same {
				p.dropped++
				continue
			}
			kept = append(kept, group[i])
		}
	}
	p.slices = kept
}

// splitByOrder cuts p into its first, second, ... slice of each place by
// instance number, if every place has as many and the numbers run alike at
// every place: time points that the header does not name. Else it returns p.
func splitByOrder(p part) []part {
	places := p.places()
	n := len(places[0])
	if n == 1 || len(places) == 1 {
		return []part{p}
	}
	for _, group := range places {
		if len(group) != n {
			return []part{p}
		}
		for i := 1; i < n; i++ {
			step := group[i].order - group[i-1].order
			if step <= 0 || step != places[0][i].order-places[0][i-1].order {
				return []part{p}
			}
		}
	}
	parts := make([]part, n)
	for _, group := range places {
		for i, s := range group {
			parts[i].slices = append(parts[i].slices, s)
		}
	}
	for i := range parts {
		parts[i].by = append(slices.Clone(p.by), "instance-order")
	}
	parts[0].dropped = p.dropped
	return parts
}

// method names how p was cut out of its series.
func (p *part) method() string { return "split-by-" + strings.Join(p.by, "+") }
