package metric

import (
	"cmp"
	"slices"
)

// An event is a mark or a found lesion on the way down the scores.
type event struct {
	score float64
	scan  int
	hit   bool
}

// byScore puts the higher score first.
func byScore(a, b event) int { return cmp.Compare(b.score, a.score) }

// A Pool holds the matched scans of a study, ready for the figures that sweep
// the score: FROC, CPM and average precision, of all scans or of a resample.
type Pool struct {
	Matches []Match // sorted by the scan's id
	events  []event // by falling score; ignored marks, doubles and dropped ones left out
	wrong   []int   // false positives among the first i events
	lesions []int   // judged lesions, by scan
}

// NewPool matches scans by rule.
func NewPool(scans []Scan, rule func(Scan) Match) *Pool {
	p := &Pool{}
	sorted := slices.Clone(scans)
	slices.SortStableFunc(sorted, func(a, b Scan) int { return cmp.Compare(a.ID, b.ID) })
	for i, scan := range sorted {
		m := rule(scan)
		p.Matches = append(p.Matches, m)
		p.lesions = append(p.lesions, 0)
		for t, found := range m.Found {
			if scan.Truths[t].Ignore {
				continue
			}
			p.lesions[i]++
			if found >= 0 {
				p.events = append(p.events, event{scan.Marks[found].Score, i, true})
			}
		}
		for j, fate := range m.Fates {
			if fate == False {
				p.events = append(p.events, event{scan.Marks[j].Score, i, false})
			}
		}
	}
	slices.SortStableFunc(p.events, byScore)
	p.wrong = make([]int, len(p.events)+1)
	for i, e := range p.events {
		p.wrong[i+1] = p.wrong[i]
		if !e.hit {
			p.wrong[i+1]++
		}
	}
	return p
}

// Counts are the totals of a pool.
type Counts struct {
	Scans           int `json:"scans"`
	Lesions         int `json:"lesions"`          // judged
	Found           int `json:"found"`            // judged lesions
	Missed          int `json:"missed"`           // judged lesions
	False           int `json:"false"`            // marks on nothing
	Ignored         int `json:"ignored"`          // marks on findings that are not judged
	Doubles         int `json:"doubles"`          // further marks on a lesion
	Dropped         int `json:"dropped"`          // marks beyond MaxMarks
	IgnoredFindings int `json:"ignored_findings"` // truths that are not judged
}

// Counts returns the totals over all scans.
func (p *Pool) Counts() Counts {
	c := Counts{Scans: len(p.Matches)}
	for i, m := range p.Matches {
		c.Lesions += p.lesions[i]
		c.IgnoredFindings += len(m.Scan.Truths) - p.lesions[i]
		c.Doubles += m.Doubles
		for _, fate := range m.Fates {
			switch fate {
			case False:
				c.False++
			case Ignored:
				c.Ignored++
			case Dropped:
				c.Dropped++
			}
		}
		for t, found := range m.Found {
			if found >= 0 && !m.Scan.Truths[t].Ignore {
				c.Found++
			}
		}
	}
	c.Missed = c.Lesions - c.Found
	return c
}

// AtThreshold returns what accepting scores of at least threshold gives: the
// share of lesions found (NaN without one) and the false positives per scan.
func (p *Pool) AtThreshold(weights []int, threshold float64) (sensitivity, fpPerScan float64) {
	scans, lesions, found, wrong := 0, 0, 0, 0
	for i, n := range p.lesions {
		scans += times(weights, i)
		lesions += times(weights, i) * n
	}
	for _, e := range p.events {
		if e.score < threshold {
			break
		}
		if w := times(weights, e.scan); e.hit {
			found += w
		} else {
			wrong += w
		}
	}
	return share(found, lesions), share(wrong, scans)
}

// Cases returns for every scan whether it holds a judged lesion and its score,
// the highest of its marks that are not ignored or dropped. A scan without any
// has 0, or the lowest score of all if that is below. Scans whose only findings
// are not judged are left out: kept holds the indices in p.Matches of the
// others.
func (p *Pool) Cases() (positive []bool, score []float64, kept []int) {
	lowest := 0.0
	for _, m := range p.Matches {
		for _, mark := range m.Scan.Marks {
			lowest = min(lowest, mark.Score)
		}
	}
	for i, m := range p.Matches {
		if p.lesions[i] == 0 && len(m.Scan.Truths) > 0 {
			continue
		}
		best := lowest
		for j, mark := range m.Scan.Marks {
			if m.Fates[j] == False || m.Fates[j] == Hit {
				best = max(best, mark.Score)
			}
		}
		positive = append(positive, p.lesions[i] > 0)
		score = append(score, best)
		kept = append(kept, i)
	}
	return positive, score, kept
}

// Patients numbers the patients of the given scans, 0 for the first: the units
// of Bootstrap. A scan without a patient is a unit of its own.
func (p *Pool) Patients() []int {
	units := make([]int, len(p.Matches))
	number := map[string]int{}
	next := 0
	for i, m := range p.Matches {
		n, ok := number[m.Scan.Patient]
		if !ok || m.Scan.Patient == "" {
			n = next
			next++
			number[m.Scan.Patient] = n
		}
		units[i] = n
	}
	return units
}

// times returns how often scan i counts; nil weights count each scan once.
func times(weights []int, i int) int {
	if weights == nil {
		return 1
	}
	return weights[i]
}
