package eval

import "math"

// A Versus is the detector, A, against a baseline, B, on the same scans.
type Versus struct {
	Than    string           `json:"than"`
	Title   string           `json:"title"`
	Verdict string           `json:"verdict"` // by the CPM
	Figures []ComparedFigure `json:"figures"`
	Tests   []ComparedTest   `json:"tests"` // the detector at the working point, the baseline at any score
}

// against compares the detector with every baseline, patient by patient. p
// values are adjusted for the figures of all baselines, and for the tests.
func (s *study) against(work *float64, seed int64) []Versus {
	var out []Versus
	var figures []ComparedFigure
	var tests []ComparedTest
	any := math.Inf(-1)
	for _, m := range s.methods[1:] {
		if m.pool == nil {
			continue
		}
		c := &comparer{a: s.detector().pool, b: m.pool, bootstrap: s.cfg.Bootstrap, permutations: s.cfg.Bootstrap, seed: seed}
		figures = append(append(figures, c.lesions()...), c.scans()...)
		tests = append(tests, c.calls(work, &any)...)
		out = append(out, Versus{Than: m.Name, Title: m.Title})
	}
	judge(figures, tests)
	for i := range out {
		v, f, t := &out[i], len(figures)/len(out), len(tests)/len(out)
		v.Figures, v.Tests = figures[i*f:(i+1)*f], tests[i*t:(i+1)*t]
		v.Verdict = v.Figures[0].Verdict
	}
	return out
}
