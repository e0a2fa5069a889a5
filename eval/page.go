package eval

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	text "text/template"

	"oncovox/dataset"
)

//go:embed template
var templates embed.FS

// A page is what the report says, in words and ready numbers.
type page struct {
	Title, Subtitle string
	MadeData        bool
	Summary         []string
	Tiles           []statistic
	Methods         []methodRow
	Differences     []Difference
	Hit             string
	Charts          map[string]template.HTML
	Rates           rateTable
	Points          []Point
	Working         Point
	Sizes           []Stratum
	CentreError     string
	Gallery         []gallerySection
	Inverted        bool // the pictures show high values dark
	Pretrain        *pretraining
	PretrainWords   string
	Pictures        []embedded
	Parts           []partRow
	Facts           [][2]string
	Split           string
	Leakage         *dataset.LeakageReport
	LeakageWords    string
	Definitions     []Figure
	Limitations     []string
	Settings        [][2]string
	Digests         []digest
	Counts          [][2]string
	Style           template.CSS
}

// A statistic is a large number at the top.
type statistic struct{ Label, Value, Range string }

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

type gallerySection struct {
	Title, Words, Empty string
	Tiles               []tile
}

type embedded struct {
	Name string
	Src  template.URL
}

type partRow struct {
	Name   string
	Counts dataset.Counts
}

// page gathers the report.
func (a *assessment) page() *page {
	s, d := a.study, a.results[0]
	p := &page{
		Title: "Detection of tumours: evaluation report", Subtitle: a.subtitle(), MadeData: a.madeData(),
		Summary: a.summary(), Hit: s.cfg.hit(), Charts: map[string]template.HTML{}, Differences: a.differences,
		Points: a.points, Working: a.work, Sizes: d.Groups("size"), CentreError: spread(d.Figure("centre_error")),
		Pretrain: a.background.pretrain, Leakage: a.background.leakage, Definitions: d.Figures,
		Limitations: a.limitations(), Settings: a.settings(), Digests: a.background.digests, Facts: a.facts(),
		Counts: countRows(d), Inverted: s.items[0].Unit == "SUV",
	}
	for _, c := range a.charts {
		if c.lines > 0 {
			p.Charts[c.name] = template.HTML(c.inline())
		}
	}
	for _, key := range []string{"sensitivity_1fp", "cpm", "auc"} {
		f := d.Figure(key)
		st := statistic{Label: f.Title, Value: "not defined", Range: f.Undefined}
		if f.Value != nil {
			st.Value, st.Range = short(*f.Value, ""), "no interval"
			if f.Low != nil {
				st.Range = "95\u00a0% interval " + short(*f.Low, "") + " to " + short(*f.High, "")
			}
		}
		p.Tiles = append(p.Tiles, st)
	}
	for i, r := range a.results {
		row := methodRow{Title: r.Title, What: r.What, Absent: r.Absent, First: i == 0}
		for _, key := range []string{"sensitivity_1fp", "cpm", "ap", "auc"} {
			row.Cells = append(row.Cells, inCell(r.Figure(key)))
		}
		p.Methods = append(p.Methods, row)
	}
	p.Rates = rates(a.results)
	p.Gallery = a.gallery()
	for _, img := range a.background.reconstructions {
		src := "data:image/png;base64," + base64.StdEncoding.EncodeToString(img.png)
		p.Pictures = append(p.Pictures, embedded{img.name, template.URL(src)})
	}
	p.PretrainWords, p.Split, p.LeakageWords = a.pretrainWords(), a.splitWords(), a.leakageWords()
	if f := a.background.fingerprint; f != nil {
		for _, name := range []string{dataset.Train, dataset.Val, dataset.Test} {
			p.Parts = append(p.Parts, partRow{name, f.Counts[name]})
		}
	}
	return p
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
	return statistic{Value: short(*f.Value, f.Unit), Range: short(*f.Low, f.Unit) + "–" + short(*f.High, f.Unit)}
}

// fraction writes 0.125 as 1/8.
func fraction(v float64) string {
	if v < 1 && 1/v == float64(int(1/v)) {
		return fmt.Sprintf("1/%d", int(1/v))
	}
	return fmt.Sprintf("%g", v)
}

func (a *assessment) gallery() []gallerySection {
	at := fmt.Sprintf("at a score of at least %.2f (%s)", a.work.Threshold, a.work.Name)
	if a.work.Threshold > 1e300 {
		at = "at any score with at most one false positive per scan"
	}
	return []gallerySection{
		{"Best hits", "The lesions found with the highest scores.", "No lesion was found " + at + ".", a.hits},
		{"Missed lesions", "The largest lesions that were not found " + at + ".", "No lesion was missed " + at + ".", a.missed},
		{"False detections", "The highest-scored detections that lie on no lesion.", "There is no false detection.", a.wrong},
	}
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

// render fills the HTML template of the given name.
func (p *page) render(name string) (string, error) {
	style, err := templates.ReadFile("template/report.css")
	if err != nil {
		return "", err
	}
	p.Style = template.CSS(style)
	t, err := template.New(name).Funcs(template.FuncMap{
		"percent": percent, "fixed": func(v *float64) string { return orDash(v, "%.3f") },
		"two": func(v *float64) string { return orDash(v, "%.2f") }, "share": func(v *float64) float64 {
			if v == nil {
				return 0
			}
			return 100 * *v
		},
		"p": pValue, "spread": spread, "thousands": thousands, "less": func(a, b float64) float64 { return a - b },
	}).ParseFS(templates, "template/head.html", "template/"+name)
	if err != nil {
		return "", err
	}
	return fill(t, p)
}

// card renders model_card.md.
func (p *page) card() (string, error) {
	t, err := text.New("model_card.md").Funcs(text.FuncMap{"spread": spread, "two": func(v *float64) string { return orDash(v, "%.2f") }}).
		ParseFS(templates, "template/model_card.md")
	if err != nil {
		return "", err
	}
	return fill(t, p)
}

// fill returns what the template t, of text or of HTML, makes of p.
func fill(t interface {
	Execute(w io.Writer, data any) error
}, p *page) (string, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, p); err != nil {
		return "", err
	}
	return b.String(), nil
}

func orDash(v *float64, format string) string {
	if v == nil {
		return "–"
	}
	return minus(fmt.Sprintf(format, *v))
}

func pValue(v *float64) string {
	switch {
	case v == nil:
		return "–"
	case *v < 0.001:
		return "< 0.001"
	}
	return fmt.Sprintf("%.3f", *v)
}

// thousands writes 1234567 as 1 234 567, with thin spaces.
func thousands(n int) string {
	s := fmt.Sprint(n)
	var groups []string
	for len(s) > 3 {
		groups = append(groups, s[len(s)-3:])
		s = s[:len(s)-3]
	}
	groups = append(groups, s)
	slices.Reverse(groups)
	return strings.Join(groups, "\u2009")
}
