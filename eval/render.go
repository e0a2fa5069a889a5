package eval

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	text "text/template"
)

//go:embed template
var templates embed.FS

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
		"cell": inCell, "part": partName,
		"proportions": func(c *Cases) []Proportion { return []Proportion{c.Sensitivity, c.Specificity, c.PPV, c.NPV} },
	}).ParseFS(templates, "template/*.html")
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
