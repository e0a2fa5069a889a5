package eval

import (
	"fmt"
	"html/template"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// An armsPage is what the page of a study says.
type armsPage struct {
	Title, Subtitle string
	Charts          []template.HTML // by test
	Least, Reach    float64         // of the line on which differences are drawn
	*StudyReport
}

// page gathers the page of the study.
func (s *StudyReport) page(version string) *armsPage {
	p := &armsPage{Title: s.Name, Subtitle: "Study of training with few labels · Oncovox " + version, StudyReport: s}
	for _, t := range s.Tests {
		for _, d := range t.Differences {
			for _, v := range []*float64{d.Difference, d.Low, d.High} {
				if v != nil {
					p.Reach = max(p.Reach, *v, -*v)
				}
			}
		}
		p.Charts = append(p.Charts, template.HTML(s.curves(t).inline()))
	}
	p.Reach = max(1.05*p.Reach, 0.01)
	p.Least = -p.Reach
	return p
}

// Share writes a share of the labels.
func (p *armsPage) Share(v float64) string { return shareName(v) }

// Of returns the figures of an arm on a test, by share of the labels.
func (p *armsPage) Of(t ArmsTest, arm string) []ArmFigure {
	var out []ArmFigure
	for _, f := range t.Figures {
		if f.Arm == arm {
			out = append(out, f)
		}
	}
	return out
}

// Than returns the differences of a test from an arm.
func (p *armsPage) Than(t ArmsTest, arm string) []ArmDifference {
	var out []ArmDifference
	for _, d := range t.Differences {
		if d.Against == arm {
			out = append(out, d)
		}
	}
	return out
}

// Role says what the arm is in the study.
func (p *armsPage) Role(arm string) string {
	switch arm {
	case p.Arm:
		return "in question"
	case p.Against[0]:
		return "to compare with"
	}
	return ""
}

// Minutes writes seconds in the unit that suits them.
func (p *armsPage) Minutes(seconds float64) string {
	switch {
	case seconds < 90:
		return fmt.Sprintf("%.0f\u00a0s", seconds)
	case seconds < 5400:
		return fmt.Sprintf("%.0f\u00a0min", seconds/60)
	}
	return fmt.Sprintf("%.1f\u00a0h", seconds/3600)
}

// armLook gives each arm its line: the one in question is the boldest, that to
// compare with the next, and the others are dashed.
func (s *StudyReport) armLook(i int) look {
	l := look{tone: series[i%len(series)], width: 1.3, dashes: dashed}
	if i >= len(series) {
		l.dashes = dotted
	}
	switch s.Arms[i].Name {
	case s.Arm:
		l.width, l.dashes = 2.4, nil
	case s.Against[0]:
		l.width, l.dashes = 1.8, nil
	}
	return l
}

// curves draws the CPM of every arm against the share of the labels, with bars
// for the intervals. The arms stand a little beside one another, so that bars do
// not hide bars.
func (s *StudyReport) curves(t ArmsTest) *chart {
	alt := "CPM on the test “" + t.Name + "” against the share of the labels."
	c := newChart("labels", "", "Share of the labels", "CPM")
	c.unit(false)
	first, last := s.Labels[0], s.Labels[len(s.Labels)-1]
	ticks := plot.ConstantTicks{}
	for _, v := range s.Labels {
		ticks = append(ticks, plot.Tick{Value: v, Label: shareName(v)})
	}
	c.p.X.Tick.Marker = ticks
	c.p.X.Scale = plot.LogScale{}
	c.p.X.Min, c.p.X.Max = first/1.15, last*1.15
	beside := math.Pow(max(last/first, 1.5), 0.012) // from arm to arm
	for i, a := range s.Arms {
		shift := math.Pow(beside, float64(i)-float64(len(s.Arms)-1)/2)
		var x, y, low, high []float64
		for _, f := range t.Figures {
			if f.Arm != a.Name || f.CPM == nil {
				continue
			}
			x, y = append(x, f.Labels*shift), append(y, *f.CPM)
			if f.Low != nil {
				low, high = append(low, *f.Low), append(high, *f.High)
			}
			alt += fmt.Sprintf(" %s with %s: %.3f.", a.Name, shareName(f.Labels), *f.CPM)
		}
		l := s.armLook(i)
		c.line(a.Name, l, x, y)
		c.dots(l.tone, x, y, low, high)
	}
	for i, b := range t.Baselines {
		if b.CPM != nil {
			c.line(b.Title, look{tone: mutedTone, width: 1, dashes: [][]vg.Length{dotted, {1, 5}, {6, 2, 1, 2}, {9, 4}}[i%4]},
				[]float64{c.p.X.Min, c.p.X.Max}, []float64{*b.CPM, *b.CPM})
			alt += fmt.Sprintf(" %s: %.3f.", b.Title, *b.CPM)
		}
	}
	c.alt = alt
	return c
}
