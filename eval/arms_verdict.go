package eval

import (
	"fmt"
	"strings"
)

// The verdicts of a study.
const (
	studyBenefit = "benefit"
	studyHarm    = "harm"
	studyMixed   = "mixed"
	studyNone    = "no evidence of benefit"
)

// conclude writes the verdict and the sentences of all tests.
func (s *StudyReport) conclude() {
	for i, t := range s.Tests {
		verdict, words := s.verdict(t)
		if i == 0 {
			s.Verdict, s.Words = verdict, words
			continue
		}
		s.Outside = append(s.Outside, fmt.Sprintf("On the test “%s”: %s%s", t.Name, strings.ToLower(words[:1]), words[1:]))
	}
}

// verdict says of a test whether the arm in question is better than the first
// that it is compared with, and with which shares of the labels.
func (s *StudyReport) verdict(t ArmsTest) (verdict, words string) {
	var better, worse, none []string
	for _, d := range t.Differences {
		if d.Arm != s.Arm || d.Against != s.Against[0] {
			continue
		}
		said := fmt.Sprintf("%s (%s)", shareName(d.Labels), d.words())
		switch d.Verdict {
		case armBetter:
			better = append(better, said)
		case armWorse:
			worse = append(worse, said)
		default:
			none = append(none, said)
		}
	}
	with := func(list []string) string { return "with " + join(list) + " of the labels" }
	rest := ""
	if len(none) > 0 {
		rest = "; no evidence of a difference " + with(none)
	}
	other := s.Against[0]
	switch {
	case len(better) > 0 && len(worse) > 0:
		verdict = studyMixed
		words = fmt.Sprintf("Mixed: %s is better than %s %s, and worse %s%s", s.Arm, other, with(better), with(worse), rest)
	case len(better) > 0:
		verdict = studyBenefit
		words = fmt.Sprintf("Evidence of benefit: %s is better than %s %s%s", s.Arm, other, with(better), rest)
	case len(worse) > 0:
		verdict = studyHarm
		words = fmt.Sprintf("Evidence of harm: %s is worse than %s %s%s", s.Arm, other, with(worse), rest)
	default:
		verdict = studyNone
		words = fmt.Sprintf("No evidence of benefit: %s cannot be told from %s %s", s.Arm, other, with(none))
	}
	return verdict, words + "."
}

// words are the difference and its interval.
func (d ArmDifference) words() string {
	if d.Difference == nil {
		return "not defined"
	}
	s := "CPM " + orDash(d.Difference, "%+.3f")
	if d.Low != nil {
		s += fmt.Sprintf(", 95\u00a0%% interval %s to %s", orDash(d.Low, "%+.3f"), orDash(d.High, "%+.3f"))
	}
	return s
}

// shareName writes a share of the labels in per cent.
func shareName(v float64) string { return fmt.Sprintf("%.4g\u00a0%%", 100*v) }

// join lists words: a, b and c.
func join(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// table returns study.csv: every figure and difference of every test, one a row.
func (s *StudyReport) table() [][]string {
	rows := [][]string{{"test", "arm", "against", "labels", "seed", "figure", "value", "low", "high", "p", "p_holm", "verdict"}}
	for _, t := range s.Tests {
		for _, f := range t.Figures {
			share := digits(f.Labels)
			rows = append(rows, []string{t.Name, f.Arm, "", share, "mean", "cpm", cell(f.CPM), cell(f.Low), cell(f.High), "", "", ""})
			for k, v := range f.Seeds {
				rows = append(rows, []string{t.Name, f.Arm, "", share, fmt.Sprint(s.Seeds[k]), "cpm", digits(v), "", "", "", "", ""})
			}
		}
		for _, b := range t.Baselines {
			rows = append(rows, []string{t.Name, b.Method, "", "", "", "cpm", cell(b.CPM), cell(b.Low), cell(b.High), "", "", b.Absent})
		}
		for _, d := range t.Differences {
			rows = append(rows, []string{t.Name, d.Arm, d.Against, digits(d.Labels), "mean", "cpm difference",
				cell(d.Difference), cell(d.Low), cell(d.High), cell(d.P), cell(d.PHolm), d.Verdict})
		}
	}
	return rows
}

// studyWords defines the words of the report.
func studyWords(c StudyConfig) []ArmsWords {
	return []ArmsWords{
		{"CPM", "Mean sensitivity at 1/8 to 8 false positives per scan, of each seed; the figure of an arm is the mean of its seeds."},
		{"Interval", fmt.Sprintf("Percentiles of %d resamples in which patients and seeds are drawn with replacement, independently of one another (pigeonhole bootstrap, Owen 2007); "+
			"all arms are judged on the same draws. The spread of few seeds is under-rated, by a share of one in as many; pretraining is done once an arm, so that its own spread is in no interval.", c.Bootstrap)},
		{"p", fmt.Sprintf("Two-sided, twice the smaller share of the resamples on either side of zero and at least one in %d, adjusted after Holm for the %d comparisons with one arm on one test.", c.Bootstrap, c.comparisons())},
		{"Better, worse", fmt.Sprintf("The adjusted p is below %g and the interval of the difference leaves out zero. Everything else is no evidence of a difference, which is not evidence of none.", significance)},
		{"Share of the labels", "Of the labelled training patients. The patients of a smaller share are among those of a greater one, and a seed's are the same for all arms. Validation scans have all their labels with every share."},
		{"Learning rate", "Each arm trains with every rate of the list, with the first seed and every share; that with the highest mean CPM on validation scans is the arm's, for all shares and seeds. The test scans have no say."},
	}
}
