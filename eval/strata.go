package eval

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
)

// Attributes are what may be known of a scan beside its volume. An empty one is
// not known.
type Attributes struct {
	Site    string // a code of the hospital
	Sex     string // "F", "M" or another code
	AgeBand string // such as "40-59", never an age
}

// bySize groups the lesions by diameter; groups without a lesion are left out.
// Their borders are the config's, so that small ones stay as they are.
func (s *study) bySize(p *metric.Pool, threshold float64) Grouping {
	bins := make([]Stratum, len(s.cfg.SizeBinsMM)+1)
	for i := range bins {
		bins[i].Name = between(s.cfg.SizeBinsMM, i)
	}
	for _, m := range p.Matches {
		for t, truth := range m.Scan.Truths {
			if !truth.Ignore {
				bins[binOf(s.cfg.SizeBinsMM, truth.Diameter)].add(m, t, threshold)
			}
		}
	}
	bins = slices.DeleteFunc(bins, func(b Stratum) bool { return b.Lesions == 0 })
	for i := range bins {
		bins[i].rate()
	}
	g := Grouping{By: "size", Title: "Lesion diameter", Groups: append([]Stratum{}, bins...)}
	if len(bins) == 0 {
		g.Undefined = "there is no lesion in these scans"
	}
	return g
}

// add counts lesion t of a scan.
func (b *Stratum) add(m metric.Match, t int, threshold float64) {
	b.Lesions++
	if hit := m.Found[t]; hit >= 0 {
		b.FoundAtAll++
		if m.Scan.Marks[hit].Score >= threshold {
			b.Found++
		}
	}
}

// rate fills in the share of lesions found.
func (b *Stratum) rate() {
	low, high := metric.Wilson(b.Found, b.Lesions, level)
	b.Sensitivity, b.Low, b.High = number(float64(b.Found)/float64(b.Lesions)), number(low), number(high)
}

// binOf returns the number of the bin between borders that v falls into.
func binOf(borders []float64, v float64) int {
	k := 0
	for k < len(borders) && v >= borders[k] {
		k++
	}
	return k
}

// between names bin i between borders in mm.
func between(borders []float64, i int) string {
	switch {
	case len(borders) == 0:
		return "all"
	case i == 0:
		return fmt.Sprintf("under %g mm", borders[0])
	case i == len(borders):
		return fmt.Sprintf("%g mm and over", borders[i-1])
	}
	return fmt.Sprintf("%g to %g mm", borders[i-1], borders[i])
}

// thicknessBorders are those between groups of slice thickness, in mm.
var thicknessBorders = []float64{1.5, 3, 5}

// attributes are the ways in which scans are grouped. of returns "" where it is
// not known.
var attributes = []struct {
	by, title string
	of        func(dataset.Item, Attributes) string
}{
	{"modality", "Modality", func(it dataset.Item, _ Attributes) string { return it.Modality }},
	{"vendor", "Vendor", func(it dataset.Item, _ Attributes) string { return it.Manufacturer }},
	{"slice_thickness", "Slice thickness", func(it dataset.Item, _ Attributes) string {
		if it.SliceThicknessMM == 0 {
			return ""
		}
		return between(thicknessBorders, binOf(thicknessBorders, it.SliceThicknessMM))
	}},
	{"site", "Site", func(_ dataset.Item, a Attributes) string { return a.Site }},
	{"sex", "Sex", func(_ dataset.Item, a Attributes) string { return a.Sex }},
	{"age_band", "Age band", func(_ dataset.Item, a Attributes) string { return a.AgeBand }},
}

// byAttribute groups the scans in every way.
func (s *study) byAttribute(p *metric.Pool, threshold float64) []Grouping {
	var out []Grouping
	for _, a := range attributes {
		groups := map[string]*cohort{}
		known := false
		for i, m := range p.Matches {
			name := a.of(s.items[i], s.attributes[m.Scan.ID])
			known = known || name != ""
			name = cmp.Or(name, "not recorded")
			if groups[name] == nil {
				groups[name] = newCohort(name)
			}
			groups[name].addScan(m, threshold)
		}
		g := Grouping{By: a.by, Title: a.title, Groups: []Stratum{}}
		if known {
			g.Groups, g.Merged = mergeSmall(groups, s.cfg.SmallestGroup)
		} else {
			g.Undefined = "not recorded"
		}
		out = append(out, g)
	}
	return out
}

// A cohort is a group of scans while it is counted.
type cohort struct {
	Stratum
	wrong    int // false positives at the working point
	patients map[string]bool
}

func newCohort(name string) *cohort {
	return &cohort{Stratum: Stratum{Name: name}, patients: map[string]bool{}}
}

func (c *cohort) addScan(m metric.Match, threshold float64) {
	c.Scans++
	c.patients[cmp.Or(m.Scan.Patient, m.Scan.ID)] = true
	for t, truth := range m.Scan.Truths {
		if !truth.Ignore {
			c.add(m, t, threshold)
		}
	}
	for k, fate := range m.Fates {
		if fate == metric.False && m.Scan.Marks[k].Score >= threshold {
			c.wrong++
		}
	}
}

func (c *cohort) join(d *cohort) {
	c.Scans, c.Lesions, c.Found, c.FoundAtAll = c.Scans+d.Scans, c.Lesions+d.Lesions, c.Found+d.Found, c.FoundAtAll+d.FoundAtAll
	c.wrong += d.wrong
	maps.Copy(c.patients, d.patients)
}

// stratum returns what was counted, with its shares.
func (c *cohort) stratum() Stratum {
	c.Patients = len(c.patients)
	c.rate()
	c.FPPerScan = number(float64(c.wrong) / float64(c.Scans))
	return c.Stratum
}

// mergeSmall returns the groups by name, those of fewer than least patients
// merged into a last one called "other", and the names of these. If the merged
// ones are still too few the next smallest group joins them.
func mergeSmall(groups map[string]*cohort, least int) (out []Stratum, merged []string) {
	bySize := slices.SortedFunc(maps.Values(groups), func(a, b *cohort) int {
		return cmp.Or(cmp.Compare(len(a.patients), len(b.patients)), cmp.Compare(a.Name, b.Name))
	})
	other := newCohort("other")
	for len(bySize) > 0 && (len(bySize[0].patients) < least || len(merged) > 0 && len(other.patients) < least) {
		merged = append(merged, bySize[0].Name)
		other.join(bySize[0])
		bySize = bySize[1:]
	}
	slices.SortFunc(bySize, func(a, b *cohort) int {
		return cmp.Or(cmp.Compare(rankOf(a.Name), rankOf(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	for _, c := range bySize {
		out = append(out, c.stratum())
	}
	if len(merged) > 0 {
		out = append(out, other.stratum())
		slices.Sort(merged)
	}
	return out, merged
}

// rankOf puts groups of slice thickness in their order, and what is not
// recorded last.
func rankOf(name string) int {
	for i := range len(thicknessBorders) + 1 {
		if name == between(thicknessBorders, i) {
			return i
		}
	}
	if name == "not recorded" {
		return len(thicknessBorders) + 1
	}
	return 0
}
