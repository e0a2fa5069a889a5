package eval

import (
	"html/template"

	"oncovox/eval/metric"
)

// A comparePage is what the report of a comparison says.
type comparePage struct {
	Title, Subtitle string
	Charts          map[string]template.HTML
	Least, Reach    float64 // of the line on which differences are drawn
	*Comparison
}

// Say returns a verdict with the names of the detectors.
func (p *comparePage) Say(verdict string) string {
	switch verdict {
	case verdictA:
		return p.A + " better"
	case verdictB:
		return p.B + " better"
	}
	return verdict
}

// reach is how far from zero differences and their intervals lie at most, and a
// little more.
func reach(figures []ComparedFigure) float64 {
	most := 0.0
	for _, f := range figures {
		for _, v := range []*float64{f.Difference, f.Low, f.High} {
			if v != nil {
				most = max(most, *v, -*v)
			}
		}
	}
	return max(1.05*most, 0.01)
}

// page gathers the report of the comparison of a and b.
func (c *Comparison) page(version string, a, b *metric.Pool) *comparePage {
	p := &comparePage{Title: c.A + " against " + c.B, Subtitle: "Comparison of two detectors · Oncovox " + version, Comparison: c}
	p.Reach = reach(c.Figures)
	p.Least = -p.Reach
	var results []*Result
	for i, pool := range []*metric.Pool{a, b} {
		r := &Result{Title: []string{c.A, c.B}[i]}
		if c.Lesions > 0 {
			froc := pool.FROC(nil)
			r.froc = curve{x: froc.FPPerScan, y: froc.Sensitivity}
			precision, recall := pool.PrecisionRecall(nil)
			r.pr = curve{x: recall, y: precision}
		}
		if positive, score, _ := pool.Cases(); oneClass(positive) == "" {
			roc := metric.NewROC(positive, score)
			r.roc = curve{x: roc.FPR, y: roc.TPR}
		}
		results = append(results, r)
	}
	p.Charts = inline([]*chart{frocChart(results, nil), prChart(results), rocChart(results)})
	return p
}
