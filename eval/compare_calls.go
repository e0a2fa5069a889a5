package eval

import (
	"fmt"
	"strings"

	"gonum.org/v1/gonum/stat"

	"oncovox/eval/metric"
)

// calls returns the tests of what each detector answers at its own operating
// point; nil thresholds stand for none that was chosen elsewhere.
func (c *comparer) calls(ta, tb *float64) []ComparedTest {
	tests := []ComparedTest{
		{Key: "lesions", Title: "Lesions found", Counts: "lesions that only this one finds", Definition: "McNemar's exact test of the lesions that one finds and the other misses, each at its operating point " +
			"(chi-square with continuity correction beside it). Lesions of one patient are taken as independent."},
		{Key: "scans", Title: "Scans called right", Counts: "scans that only this one calls right", Definition: "McNemar's exact test of the scans that one calls right and the other wrong, each at its operating point."},
		{Key: "patients", Title: "Share of a patient's lesions found", Counts: "mean over the patients with a lesion", Definition: "Wilcoxon's signed-rank test of the differences of the patients with a lesion."},
		{Key: "false_positives", Title: "False positives per scan of a patient", Counts: "mean over the patients; fewer are better", Definition: "Wilcoxon's signed-rank test of the differences of all patients."},
	}
	if ta == nil || tb == nil {
		for i := range tests {
			tests[i].Undefined = "an evaluation has no operating point that was chosen elsewhere"
		}
		return tests
	}
	tests[0].mcnemar(lesionsFound(c.a, *ta), lesionsFound(c.b, *tb), "there is no lesion in these scans")
	positive, sa, _ := c.a.Cases()
	_, sb, _ := c.b.Cases()
	tests[1].mcnemar(calledRight(positive, sa, *ta), calledRight(positive, sb, *tb), "no scan is judged")
	sharesA, wrongA := byPatient(c.a, *ta)
	sharesB, wrongB := byPatient(c.b, *tb)
	tests[2].wilcoxon(sharesA, sharesB)
	tests[3].wilcoxon(wrongA, wrongB)
	return tests
}

// mcnemar fills t in from what each has right.
func (t *ComparedTest) mcnemar(a, b []bool, none string) {
	if t.Pairs = len(a); len(a) == 0 {
		t.Undefined = none
		return
	}
	onlyA, onlyB := 0, 0
	for i := range a {
		if a[i] && !b[i] {
			onlyA++
		} else if b[i] && !a[i] {
			onlyB++
		}
	}
	exact, chi2 := metric.McNemar(onlyA, onlyB)
	t.A, t.B, t.P, t.PChi2 = number(float64(onlyA)), number(float64(onlyB)), number(exact), number(chi2)
}

// wilcoxon fills t in from a number of each patient.
func (t *ComparedTest) wilcoxon(a, b []float64) {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	t.Pairs = len(d)
	_, p := metric.Wilcoxon(d)
	if t.P = number(p); t.P == nil {
		t.Undefined = "no patient differs"
		return
	}
	t.A, t.B = number(stat.Mean(a, nil)), number(stat.Mean(b, nil))
}

// lesionsFound says of every judged lesion whether it is found.
func lesionsFound(p *metric.Pool, threshold float64) []bool {
	var out []bool
	for _, m := range p.Matches {
		for t, truth := range m.Scan.Truths {
			if !truth.Ignore {
				k := m.Found[t]
				out = append(out, k >= 0 && m.Scan.Marks[k].Score >= threshold)
			}
		}
	}
	return out
}

func calledRight(positive []bool, score []float64, threshold float64) []bool {
	out := make([]bool, len(positive))
	for i, p := range positive {
		out[i] = p == (score[i] >= threshold)
	}
	return out
}

// byPatient returns the share of lesions found of each patient who has any, and
// the false positives per scan of every patient.
func byPatient(p *metric.Pool, threshold float64) (share, wrong []float64) {
	units := p.Patients()
	n := 0
	for _, u := range units {
		n = max(n, u+1)
	}
	lesions, found, scans, fp := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i, m := range p.Matches {
		u := units[i]
		scans[u]++
		for t, truth := range m.Scan.Truths {
			if truth.Ignore {
				continue
			}
			lesions[u]++
			if k := m.Found[t]; k >= 0 && m.Scan.Marks[k].Score >= threshold {
				found[u]++
			}
		}
		for k, fate := range m.Fates {
			if fate == metric.False && m.Scan.Marks[k].Score >= threshold {
				fp[u]++
			}
		}
	}
	for u := range n {
		if lesions[u] > 0 {
			share = append(share, found[u]/lesions[u])
		}
		wrong = append(wrong, fp[u]/scans[u])
	}
	return share, wrong
}

// sentence is the verdict in words.
func (c *Comparison) sentence() string {
	f := c.Figures[0]
	if f.Difference == nil {
		return "The detectors cannot be compared: " + f.Undefined + "."
	}
	words := map[string]string{verdictA: c.A + " is better than " + c.B, verdictB: c.B + " is better than " + c.A,
		verdictNone: "There is no evidence of a difference between " + c.A + " and " + c.B}[f.Verdict]
	words += fmt.Sprintf(": the CPM is %.3f against %.3f, a difference of %s", *f.A, *f.B, orDash(f.Difference, "%+.3f"))
	if f.Low != nil {
		words += fmt.Sprintf(" (95\u00a0%% interval %s to %s", orDash(f.Low, "%+.3f"), orDash(f.High, "%+.3f"))
		if f.PHolm != nil {
			words += fmt.Sprintf(", p %s by permutation, adjusted for %d figures", pValue(f.PHolm), len(c.Figures))
		}
		words += ")"
	}
	return words + "."
}

// markdown is compare.md.
func (c *Comparison) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s against %s\n\n**%s**\n\n%s, %s, %s. %s.\n\n", c.A, c.B, c.Words, count(c.Scans, "scan"), count(c.Patients, "patient"), count(c.Lesions, "lesion"),
		strings.TrimSuffix("A detection is a hit where "+c.Hit, "."))
	fmt.Fprintf(&b, "| figure | %s | %s | difference | 95 %% interval | BCa interval | p | p (Holm) | verdict |\n|---|---|---|---|---|---|---|---|---|\n", c.A, c.B)
	for _, f := range c.Figures {
		if f.Difference == nil {
			fmt.Fprintf(&b, "| %s | %s | %s | not defined: %s | | | | | |\n", f.Title, orDash(f.A, "%.3f"), orDash(f.B, "%.3f"), f.Undefined)
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s to %s | %s to %s | %s | %s | %s |\n", f.Title, orDash(f.A, "%.3f"), orDash(f.B, "%.3f"), orDash(f.Difference, "%+.3f"),
			orDash(f.Low, "%+.3f"), orDash(f.High, "%+.3f"), orDash(f.BCaLow, "%+.3f"), orDash(f.BCaHigh, "%+.3f"), pValue(f.P), pValue(f.PHolm), f.Verdict)
	}
	fmt.Fprintf(&b, "\nAt the operating points:\n\n| test | pairs | %s | %s | p | p (Holm) | verdict |\n|---|---|---|---|---|---|---|\n", c.A, c.B)
	for _, t := range c.Tests {
		if t.P == nil {
			fmt.Fprintf(&b, "| %s | | | | not defined: %s | | |\n", t.Title, t.Undefined)
			continue
		}
		fmt.Fprintf(&b, "| %s (%s) | %d | %.4g | %.4g | %s | %s | %s |\n", t.Title, t.Counts, t.Pairs, *t.A, *t.B, pValue(t.P), pValue(t.PHolm), t.Verdict)
	}
	fmt.Fprintf(&b, "\nIntervals: %d paired resamples of the patients, percentiles and BCa. p: paired permutation test, %d ways to swap the detectors patient by patient, "+
		"adjusted after Holm within each table. A detector is called better where the adjusted p is below %g and the interval leaves out zero.\n", c.Bootstrap, c.Permutations, c.Significance)
	for _, f := range c.Figures {
		fmt.Fprintf(&b, "\n* **%s.** %s", f.Title, f.Definition)
	}
	for _, t := range c.Tests {
		fmt.Fprintf(&b, "\n* **%s.** %s", t.Title, t.Definition)
	}
	return b.String() + "\n"
}
