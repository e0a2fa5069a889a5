package eval

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"oncovox/dataset"
)

// A page is what the report says, in words and ready numbers.
type page struct {
	Title, Subtitle string
	MadeData        bool
	Summary         []string
	Tiles           []statistic
	Methods         []methodRow
	Against         []Versus
	Least, Reach    float64 // of the line on which differences are drawn
	Tests           int     // against the baselines that have an answer
	Swaps           int     // behind each p value
	Unread          *Unread
	UnreadWords     string
	UnreadRows      [][3]string // figure, on all scans, on those that were read
	Segmentation    *Segmentation
	Outlines        []gallerySection
	Hit             string
	Charts          map[string]template.HTML
	NoROC           string // why there is no ROC curve, "" if there is one
	Rates           rateTable
	Checks          []check
	Points          []Point
	PointsWords     string
	Working         Point
	Strata          []Grouping // of two groups and more
	Alone           []string   // the other groupings, in words
	Calibration     *Calibration
	Decision        *DecisionCurve
	CalibratedWords string // whether scores are probabilities
	Flow            Flow
	CentreError     string
	Gallery         []gallerySection
	Inverted        bool // the pictures show high values dark
	Trained         bool // there is something of the trainings to show
	PretrainWords   string
	Pictures        []embedded
	Facts           [][2]string
	Split           string
	Leakage         *dataset.LeakageReport
	LeakageWords    string
	Definitions     []Figure
	Limitations     []string
	Digests         []digest
	Stages          []stageSettings
	Checklist       []checkGroup
	Tally           string
	ToState         []string
	Counts          [][2]string
}

// A statistic is a large number at the top.
type statistic struct{ Label, Value, Range string }

// A check is a reason to rely on the figures, or not to.
type check struct {
	Holds bool
	Name  string // "" if the words need none
	Words string
}

// A methodRow is a line of the comparison.
type methodRow struct {
	Title, What, Absent string
	Cells               []statistic // Value and Range
	First               bool
}

// A rateTable lists sensitivities: a head of rates, a row a method.
type rateTable struct {
	Head []string
	Rows []rateRow
}

type rateRow struct {
	Title string
	Cells []statistic // Value and Range
}

type embedded struct {
	Name string
	Src  template.URL
}

// page gathers the report.
func (a *assessment) page() *page {
	s, d, b := a.study, a.results[0], a.background
	p := &page{
		Title: "Detection of tumours: evaluation report", Subtitle: a.subtitle(), MadeData: a.madeData(),
		Summary: a.summary(), Tiles: a.tiles(), Checks: a.checks(), Hit: "A hit: " + s.cfg.hit() + ".", Charts: inline(a.charts), Against: a.against,
		Points: a.points, PointsWords: a.pointsWords(), Working: a.work, CentreError: spread(d.Figure("centre_error")),
		NoROC: d.Figure("auc").Undefined, Calibration: d.Calibration, CalibratedWords: a.calibrationWords(), Decision: d.Decision, Flow: a.flowTable(),
		Leakage: b.leakage, Definitions: defined(d), Checklist: checkRun(a.answers()),
		Limitations: a.limitations(), Stages: append(slices.Clip(b.stages), a.settings()), Digests: b.digests, Facts: a.facts(),
		Counts: countRows(d), Inverted: s.items[0].Unit == "SUV",
	}
	p.Strata, p.Alone = groupings(d.Strata)
	p.Tally, p.ToState = tally(p.Checklist), toState(p.Checklist)
	for i, r := range a.results {
		row := methodRow{Title: r.Title, What: r.What, Absent: r.Absent, First: i == 0}
		for _, key := range []string{"sensitivity_1fp", "cpm", "ap", "auc"} {
			row.Cells = append(row.Cells, inCell(r.Figure(key)))
		}
		p.Methods = append(p.Methods, row)
	}
	p.Rates = rates(a.results)
	for _, v := range a.against {
		p.Reach = max(p.Reach, reach(v.Figures))
		for _, t := range v.Tests {
			if t.P != nil {
				p.Tests++
			}
		}
	}
	p.Least, p.Swaps = -p.Reach, s.cfg.Bootstrap
	if p.Unread = a.unread; p.Unread != nil {
		p.UnreadWords, p.UnreadRows = a.unreadWords(), a.unreadRows()
	}
	if g := d.Segmentation; g.Undefined == "" {
		p.Segmentation = g
		p.Outlines = a.outlineSections()
	}
	p.Gallery = a.gallery()
	for _, img := range b.reconstructions {
		src := "data:image/png;base64," + base64.StdEncoding.EncodeToString(img.png)
		p.Pictures = append(p.Pictures, embedded{img.name, template.URL(src)})
	}
	p.PretrainWords, p.Split, p.LeakageWords = a.pretrainWords(), a.splitWords(), a.leakageWords()
	p.Trained = p.PretrainWords != "" || p.Charts["finetuning"] != "" || len(p.Pictures) > 0
	return p
}

// inline returns the charts that show something as elements of the report.
func inline(charts []*chart) map[string]template.HTML {
	out := map[string]template.HTML{}
	for _, c := range charts {
		if c.lines > 0 {
			out[c.name] = template.HTML(c.inline())
		}
	}
	return out
}

// defined are the figures of a method that have definitions.
func defined(r *Result) []Figure {
	out := slices.Clone(r.Figures)
	if r.Calibration != nil {
		out = append(out, r.Calibration.Figures...)
	}
	if r.Segmentation != nil {
		out = append(out, r.Segmentation.Figures...)
	}
	return out
}

// groupings parts the groupings into those of two groups and more and, in words,
// the others.
func groupings(all []Grouping) (some []Grouping, others []string) {
	for _, g := range all {
		switch len(g.Groups) {
		case 0:
			others = append(others, strings.ToLower(g.Title)+" ("+cmp.Or(g.Undefined, "no lesion")+")")
		case 1:
			others = append(others, strings.ToLower(g.Title)+" ("+g.Groups[0].Name+" alone)")
		default:
			some = append(some, g)
		}
	}
	return some, others
}

// flowTable is the flow with the judged part first.
func (a *assessment) flowTable() Flow {
	f := a.flow
	f.Parts = slices.Clone(f.Parts)
	if i := slices.IndexFunc(f.Parts, func(p FlowPart) bool { return p.Name == f.Judged.Name }); i > 0 {
		judged := f.Parts[i]
		f.Parts = slices.Insert(slices.Delete(f.Parts, i, i+1), 0, judged)
	}
	return f
}

// tileOf writes a figure large.
func tileOf(label string, f Figure) statistic {
	st := statistic{Label: label, Value: "not defined", Range: f.Undefined}
	if f.Value != nil {
		st.Value, st.Range = short(*f.Value, f.Unit), "no interval"
		switch {
		case f.Low == nil:
		case *f.Low == *f.High:
			st.Range = "every resample gives the same: too few cases for an interval"
		default:
			st.Range = "95\u00a0% interval " + short(*f.Low, f.Unit) + " to " + short(*f.High, f.Unit)
		}
	}
	return st
}

// tiles are the figures at the top: what the working point gives, and two that
// need no threshold.
func (a *assessment) tiles() []statistic {
	d := a.results[0]
	var out []statistic
	if w := a.judgedWork(); w != nil && w.Sensitivity != nil && w.FPPerScan != nil {
		found := tileOf("Lesions found", Figure{Value: w.Sensitivity, Low: w.Low, High: w.High})
		found.Value = percent(w.Sensitivity)
		if w.Low != nil {
			found.Range = fmt.Sprintf("%d of %d; 95\u00a0%% interval %s to %s", w.Found, w.Lesions, percent(w.Low), percent(w.High))
		}
		wrong := statistic{Label: "False alarms per scan", Value: orDash(w.FPPerScan, "%.2f")}
		if w.FPLow != nil {
			wrong.Range = "95\u00a0% interval " + orDash(w.FPLow, "%.2f") + " to " + orDash(w.FPHigh, "%.2f")
		}
		out = append(out, found, wrong)
	} else {
		out = append(out, tileOf("Sensitivity at 1 FP/scan", d.Figure("sensitivity_1fp")))
	}
	return append(out, tileOf("CPM, 1/8 to 8 FP/scan", d.Figure("cpm")),
		tileOf("ROC AUC of scans", d.Figure("auc")))
}

func rates(results []*Result) rateTable {
	var t rateTable
	for _, r := range results {
		if len(r.Rates) == 0 {
			continue
		}
		row := rateRow{Title: r.Title}
		for _, q := range r.Rates {
			st := statistic{Value: "–"}
			if q.Sensitivity != nil {
				st.Value = fmt.Sprintf("%.2f", *q.Sensitivity)
			}
			if q.Low != nil {
				st.Range = fmt.Sprintf("%.2f–%.2f", *q.Low, *q.High)
			}
			row.Cells = append(row.Cells, st)
		}
		if t.Head == nil {
			for _, q := range r.Rates {
				t.Head = append(t.Head, fraction(q.FPPerScan))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// inCell writes a figure over its interval, or over why it has no value.
func inCell(f Figure) statistic {
	switch {
	case f.Value == nil:
		return statistic{Value: "not defined", Range: f.Undefined}
	case f.Low == nil:
		return statistic{Value: short(*f.Value, f.Unit)}
	}
	return statistic{Value: short(*f.Value, f.Unit), Range: ends(f)}
}

// fraction writes 0.125 as 1/8.
func fraction(v float64) string {
	if v < 1 && 1/v == float64(int(1/v)) {
		return fmt.Sprintf("1/%d", int(1/v))
	}
	return fmt.Sprintf("%g", v)
}

// countRows are the totals of the matching.
func countRows(r *Result) [][2]string {
	c := r.Counts
	rows := [][2]string{
		{"Lesions found, at any score", fmt.Sprintf("%d of %d", c.Found, c.Lesions)},
		{"False positives, at any score", fmt.Sprint(c.False)},
	}
	for _, more := range []struct {
		name string
		n    int
	}{
		{"Further detections on a found lesion, not counted", c.Doubles},
		{"Findings that are not judged", c.IgnoredFindings},
		{"Detections on findings that are not judged", c.Ignored},
		{"Detections beyond the 100 best of a scan, not counted", c.Dropped},
	} {
		if more.n > 0 {
			rows = append(rows, [2]string{more.name, fmt.Sprint(more.n)})
		}
	}
	return rows
}
