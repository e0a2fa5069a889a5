package eval

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	text "text/template"
)

//go:embed template
var templates embed.FS

// functions are what the templates of pages can call.
var functions = template.FuncMap{
	"style": func() (template.CSS, error) {
		b, err := templates.ReadFile("template/report.css")
		return template.CSS(b), err
	},
	"percent": percent, "fixed": func(v *float64) string { return orDash(v, "%.3f") },
	"signed": func(v *float64) string { return orDash(v, "%+.3f") },
	"two":    func(v *float64) string { return orDash(v, "%.2f") },
	"short":  func(v *float64) string { return orDash(v, "%.4g") },
	"p":      pValue, "spread": spread, "thousands": thousands, "cell": inCell, "noun": noun, "part": partName,
	"forest": forest, "versus": versus, "mostFirst": mostFirst,
	"proportions": func(c *Cases) []Proportion { return []Proportion{c.Sensitivity, c.Specificity, c.PPV, c.NPV} },
}

// mostFirst returns the keys of counts, those of the highest first.
func mostFirst(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// render fills the HTML template of the given name with data.
func render(name string, data any) (string, error) {
	t, err := template.New(name).Funcs(functions).ParseFS(templates, "template/*.html")
	if err != nil {
		return "", err
	}
	return fill(t, data)
}

// forest draws a value and its interval on a line from low to high, for those
// who see; others have the numbers beside it.
func forest(value, from, to *float64, low, high float64) template.HTML {
	if value == nil {
		return ""
	}
	at := func(v float64) float64 { return 100 * min(max((v-low)/(high-low), 0), 1) }
	s := `<span class="forest" aria-hidden="true">`
	if low < 0 && high > 0 {
		s += fmt.Sprintf(`<u style="left:%.1f%%"></u>`, at(0))
	}
	if from != nil && to != nil {
		s += fmt.Sprintf(`<i style="left:%.1f%%;width:%.1f%%"></i>`, at(*from), at(*to)-at(*from))
	}
	return template.HTML(s + fmt.Sprintf(`<b style="left:%.1f%%"></b></span>`, at(*value)))
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

// fill returns what the template t, of text or of HTML, makes of data.
func fill(t interface {
	Execute(w io.Writer, data any) error
}, data any) (string, error) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return "", err
	}
	return b.String(), nil
}
