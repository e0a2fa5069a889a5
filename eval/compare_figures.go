package eval

import (
	"math"

	"oncovox/eval/metric"
)

// A comparer compares the answers of two detectors to the same scans.
type comparer struct {
	a, b                    *metric.Pool
	bootstrap, permutations int
	seed                    int64
	redraws                 int // resamples drawn again since a figure had no value
}

// lesionStatistic is what is compared of lesions.
func lesionStatistic(p *metric.Pool) metric.Statistic {
	froc := p.FROCStatistic(metric.CPMRates[:])()
	at := make([]float64, len(metric.CPMRates))
	return func(w []int, out []float64) {
		froc(w, at)
		out[0], out[1], out[2] = mean(at), p.AP(w), at[3]
	}
}

// lesions returns the figures of lesions.
func (c *comparer) lesions() []ComparedFigure {
	figures := []ComparedFigure{
		{Key: "cpm", Title: "CPM", Definition: "Mean sensitivity at 1/8 to 8 false positives per scan."},
		{Key: "ap", Title: "Average precision", Definition: "Mean over the recalls 0, 0.01 to 1 of the best precision at that recall or beyond."},
		{Key: "sensitivity_1fp", Title: "Sensitivity at 1 FP/scan", Definition: "Share of the lesions found where the FROC curve crosses one false positive per scan."},
	}
	n := len(figures)
	c.pairs(figures, c.a.Patients(), pairOf(n, func() metric.Statistic { return lesionStatistic(c.a) }, func() metric.Statistic { return lesionStatistic(c.b) }),
		metric.NewJoint(c.a, c.b).Statistic(n, lesionStatistic), "there is no lesion in these scans")
	return figures
}

// pairOf makes statistics of the difference, then both figures.
func pairOf(n int, a, b func() metric.Statistic) func() metric.Statistic {
	return func() metric.Statistic {
		fa, fb := a(), b()
		return func(w []int, out []float64) {
			fa(w, out[n:2*n])
			fb(w, out[2*n:])
			for i := range n {
				out[i] = out[n+i] - out[2*n+i]
			}
		}
	}
}

// pairs fills in figures from paired resamples and permutations of the units.
func (c *comparer) pairs(figures []ComparedFigure, units []int, paired func() metric.Statistic, swapped func() metric.PairStatistic, undefined string) {
	n := len(figures)
	v := newVector()
	v.block(3 * n)
	v.run(units, c.bootstrap, c.seed, paired)
	c.redraws += v.boot.Redraws
	p := metric.Permute(units, c.permutations, c.seed, n, swapped)
	for i := range figures {
		f := &figures[i]
		f.A, f.B = number(v.value[n+i]), number(v.value[2*n+i])
		var d Figure
		v.put(&d, i, undefined)
		f.Difference, f.Low, f.High, f.BCaLow, f.BCaHigh, f.Interval, f.Undefined = d.Value, d.Low, d.High, d.BCaLow, d.BCaHigh, d.Interval, d.Undefined
		f.P = number(p[i])
		if f.Low != nil {
			f.PBootstrap = number(v.boot.PFromZero(i))
		}
	}
}

// scans returns the figure of whole scans.
func (c *comparer) scans() []ComparedFigure {
	positive, sa, kept := c.a.Cases()
	_, sb, _ := c.b.Cases()
	f := []ComparedFigure{{Key: "auc", Title: "ROC AUC per scan", Definition: "Area under the ROC curve of scans with a lesion against scans without, each scan scored by its highest detection."}}
	if why := oneClass(positive); why != "" {
		f[0].Undefined = why
	} else {
		c.pairs(f, scanUnits(c.a, kept), pairOf(1, metric.AUCStatistic(positive, sa, nil), metric.AUCStatistic(positive, sb, nil)),
			metric.AUCPair(positive, sa, sb), "")
		_, p := metric.DeLongTest(positive, sa, sb)
		f[0].PDeLong = number(p)
	}
	return f
}

// judge adjusts the p values of each table, and says what they and the intervals
// mean.
func judge(figures []ComparedFigure, tests []ComparedTest) {
	pFigures, pTests := adjusted(len(figures), func(i int) *float64 { return figures[i].P }), adjusted(len(tests), func(i int) *float64 { return tests[i].P })
	for i := range figures {
		f := &figures[i]
		f.PHolm, f.Verdict = pFigures[i], verdictNone
		switch {
		case f.Difference == nil:
			f.Verdict = "not defined"
		case f.PHolm == nil || !(*f.PHolm < significance) || f.Low == nil:
		case *f.Low > 0:
			f.Verdict = verdictA
		case *f.High < 0:
			f.Verdict = verdictB
		}
	}
	for i := range tests {
		t := &tests[i]
		t.PHolm, t.Verdict = pTests[i], verdictNone
		switch {
		case t.P == nil:
			t.Verdict = "not defined"
		case !(*t.PHolm < significance) || *t.A == *t.B:
		case (*t.A > *t.B) == (t.Key != "false_positives"): // fewer of these are better
			t.Verdict = verdictA
		default:
			t.Verdict = verdictB
		}
	}
}

// adjusted returns p values by Holm, nil where there is none.
func adjusted(n int, p func(i int) *float64) []*float64 {
	var values []float64
	var at []int
	for i := range n {
		if v := p(i); v != nil {
			values, at = append(values, *v), append(at, i)
		}
	}
	out := make([]*float64, n)
	for k, v := range metric.Holm(values) {
		out[at[k]] = number(math.Min(v, 1))
	}
	return out
}
