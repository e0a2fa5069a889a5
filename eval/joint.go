package eval

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
)

// A Joint is what came out of several runs of a pipeline that differ in the values of
// some factors, for a page that shows them side by side.
type Joint struct {
	Name     string // of the pipeline
	Program  string // version
	Wanted   int    // runs there are to be; those that have not ended are not in Runs
	MadeData bool   // whether the scans were made by a program
	Factors  []string
	Figures  []string // that were measured on the test scans
	Others   []string // what else the stages say
	Runs     []JointRun
}

// A JointRun is one run of a Joint.
type JointRun struct {
	Name    string
	Levels  []string      // a factor each
	Figures []JointFigure // as the joint's Figures
	Others  []JointFigure // as the joint's Others
	Report  string        // its page, by a relative path; "" for none
	Error   string        // why it is not whole
}

// A JointFigure is a figure of a run: its number, or nil, or else words.
type JointFigure struct {
	Value, Low, High *float64 // Low and High are nil without an interval
	Words            string
}

// HTML returns the page, which is self-contained but for the links to those of the
// runs. It panics unless every run has a level for each factor and a figure for each
// name.
func (j Joint) HTML() (string, error) {
	p := jointPage{Joint: j, Title: j.Name + ": runs side by side", Subtitle: fmt.Sprintf("%d of %d runs · Oncovox %s", j.whole(), j.Wanted, j.Program)}
	for f, factor := range j.Factors {
		levels := j.levels(f)
		if len(levels) < 2 {
			continue
		}
		g := jointFactor{Name: factor}
		var charts []*chart
		for k, figure := range j.Figures {
			c := j.chart(f, k, levels, fmt.Sprintf("%s by %s", figure, factor))
			if c.err != nil {
				return "", c.err
			}
			charts = append(charts, c)
		}
		drawn := inline(charts)
		for _, c := range charts {
			if svg, ok := drawn[c.name]; ok {
				g.Charts = append(g.Charts, jointChart{c.name, svg})
			}
		}
		for _, level := range levels {
			g.Levels = append(g.Levels, j.level(f, level))
		}
		p.By = append(p.By, g)
	}
	return render("joint.html", p)
}

// A jointPage is what the page says.
type jointPage struct {
	Joint
	Title, Subtitle string
	By              []jointFactor
}

// A jointFactor is the runs by the levels of one factor.
type jointFactor struct {
	Name   string
	Charts []jointChart
	Levels []jointLevel
}

type jointChart struct {
	Name string
	SVG  template.HTML
}

// A jointLevel is the runs that have one level of a factor.
type jointLevel struct {
	Name    string
	Runs    int
	Figures []statistic // means over the runs, with the least and the greatest
}

// whole returns how many runs are whole.
func (j Joint) whole() int {
	n := 0
	for _, r := range j.Runs {
		if r.Error == "" {
			n++
		}
	}
	return n
}

// Failed returns how many runs failed.
func (j Joint) Failed() int { return len(j.Runs) - j.whole() }

// levels returns the levels of the factor f, in the order in which they come.
func (j Joint) levels(f int) []string {
	var levels []string
	for _, r := range j.Runs {
		if !slices.Contains(levels, r.Levels[f]) {
			levels = append(levels, r.Levels[f])
		}
	}
	return levels
}

// level sums up the runs at one level of the factor f.
func (j Joint) level(f int, level string) jointLevel {
	l := jointLevel{Name: level}
	values := make([][]float64, len(j.Figures))
	for _, r := range j.Runs {
		if r.Levels[f] != level || r.Error != "" {
			continue
		}
		l.Runs++
		for k, figure := range r.Figures {
			if figure.Value != nil {
				values[k] = append(values[k], *figure.Value)
			}
		}
	}
	for _, v := range values {
		st := statistic{Value: "–"}
		if len(v) > 0 {
			st.Value = short(mean(v), "")
		}
		if len(v) > 1 {
			st.Range = short(slices.Min(v), "") + " to " + short(slices.Max(v), "")
		}
		l.Figures = append(l.Figures, st)
	}
	return l
}

// chart draws the figure k of every run over its level of the factor f, side by side
// where several have one level, and a line through their means.
func (j Joint) chart(f, k int, levels []string, name string) *chart {
	c := newChart(name, name, j.Factors[f], j.Figures[k])
	var ticks plot.ConstantTicks
	var x, y, low, high, middles, means []float64
	share := true // all are between 0 and 1
	for i, level := range levels {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: clipped(level, 16)})
		var at []JointFigure
		for _, r := range j.Runs {
			if v := r.Figures[k]; r.Levels[f] == level && r.Error == "" && v.Value != nil {
				at = append(at, v)
			}
		}
		sum := 0.0
		for n, v := range at {
			l, h := v.bounds()
			x, y = append(x, float64(i)+0.5*(float64(n+1)/float64(len(at)+1)-0.5)), append(y, *v.Value)
			low, high = append(low, l), append(high, h)
			share = share && l >= 0 && h <= 1
			sum += *v.Value
		}
		if len(at) > 0 {
			middles, means = append(middles, float64(i)), append(means, sum/float64(len(at)))
		}
	}
	if share {
		c.unit(false)
	}
	c.p.X.Tick.Marker = ticks
	c.p.X.Min, c.p.X.Max = -0.5, float64(len(levels))-0.5
	if len(means) > 1 {
		c.line("", look{tone: mutedTone, width: 1, dashes: dashed}, middles, means)
	}
	c.dots(series[0], x, y, low, high)
	return c
}

// bounds returns the interval of f, or its value twice.
func (f JointFigure) bounds() (low, high float64) {
	if f.Low == nil || f.High == nil {
		return *f.Value, *f.Value
	}
	return math.Min(*f.Low, *f.Value), math.Max(*f.High, *f.Value)
}

// clipped returns the first n letters of text, with a mark where there were more.
func clipped(text string, n int) string {
	letters := []rune(text)
	if len(letters) <= n {
		return text
	}
	return strings.TrimSpace(string(letters[:n-1])) + "…"
}

// Cell writes a figure over its interval.
func (f JointFigure) Cell() statistic {
	switch {
	case f.Value == nil:
		return statistic{Value: f.Words}
	case f.Low == nil || f.High == nil:
		if *f.Value == math.Trunc(*f.Value) { // a count
			return statistic{Value: minus(fmt.Sprintf("%g", *f.Value))}
		}
		return statistic{Value: short(*f.Value, "")}
	}
	return statistic{Value: short(*f.Value, ""), Range: short(*f.Low, "") + " to " + short(*f.High, "")}
}
