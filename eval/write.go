package eval

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"oncovox/internal/jsonl"
)

// write leaves all files of the assessment in dir.
func (a *assessment) write(dir string) error {
	for _, sub := range []string{"curves", "plots"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := jsonl.WriteValue(filepath.Join(dir, "metrics.json"), a.metrics(), 0o644); err != nil {
		return err
	}
	if err := jsonl.WriteValue(filepath.Join(dir, OutcomesFile), outcomesOf(a.study.cfg.hit(), a.study.detector().pool, a.threshold()), 0o644); err != nil {
		return err
	}
	if err := writeFile(dir, "metrics.csv", metricsCSV(a.results)); err != nil {
		return err
	}
	if err := writeCurves(dir, a.results); err != nil {
		return err
	}
	if err := writeCharts(dir, a.charts); err != nil {
		return err
	}
	page := a.page()
	card, err := page.card()
	if err != nil {
		return err
	}
	if err := writeFile(dir, "model_card.md", card); err != nil {
		return err
	}
	html, err := render("report.html", page)
	if err != nil {
		return err
	}
	return writeFile(dir, "report.html", html)
}

func writeFile(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644)
}

// metricsCSV lists every figure of every method, one a row.
func metricsCSV(results []*Result) string {
	rows := [][]string{{"method", "figure", "value", "low", "high", "unit", "note"}}
	for _, r := range results {
		for _, f := range r.Figures {
			note := f.Undefined
			if note == "" {
				note = f.Interval
			}
			rows = append(rows, []string{r.Method, f.Key, cell(f.Value), cell(f.Low), cell(f.High), f.Unit, note})
		}
		for _, q := range r.Rates {
			rows = append(rows, []string{r.Method, fmt.Sprintf("sensitivity at %v FP/scan", q.FPPerScan),
				cell(q.Sensitivity), cell(q.Low), cell(q.High), "", ""})
		}
		for _, b := range r.Groups("size") {
			rows = append(rows, []string{r.Method, "sensitivity, " + b.Name, cell(b.Sensitivity), cell(b.Low), cell(b.High), "",
				fmt.Sprintf("%d of %d", b.Found, b.Lesions)})
		}
	}
	return toCSV(rows)
}

// writeCurves writes the points and bands of every curve as CSV.
func writeCurves(dir string, results []*Result) error {
	for _, r := range results {
		for _, c := range []struct {
			name, x, y string
			curve      curve
		}{
			{"froc", "fp_per_scan", "sensitivity", r.froc},
			{"roc", "fpr", "tpr", r.roc},
			{"pr", "recall", "precision", r.pr},
		} {
			if len(c.curve.x) == 0 {
				continue
			}
			rows := [][]string{{c.x, c.y}}
			if c.name == "froc" {
				rows[0] = append(rows[0], "threshold")
			}
			for i := range c.curve.x {
				row := []string{digits(c.curve.x[i]), digits(c.curve.y[i])}
				if c.name == "froc" {
					row = append(row, cell(number(r.thresholds[i])))
				}
				rows = append(rows, row)
			}
			if err := writeFile(dir, "curves/"+r.Method+"-"+c.name+".csv", toCSV(rows)); err != nil {
				return err
			}
			if c.curve.low == nil {
				continue
			}
			rows = [][]string{{c.x, "low", "high"}}
			for i, x := range c.curve.bandX {
				rows = append(rows, []string{digits(x), digits(c.curve.low[i]), digits(c.curve.high[i])})
			}
			if err := writeFile(dir, "curves/"+r.Method+"-"+c.name+"-band.csv", toCSV(rows)); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeCharts writes the charts that show something.
func writeCharts(dir string, charts []*chart) error {
	for _, c := range charts {
		if c.err != nil {
			return c.err
		}
		if c.lines == 0 {
			continue
		}
		if err := writeFile(dir, "plots/"+c.name+".svg", string(c.svg())); err != nil {
			return err
		}
		if err := writeFile(dir, "plots/"+c.name+".png", string(c.png())); err != nil {
			return err
		}
	}
	return nil
}

// toCSV joins cells, which hold no line breaks, in the manner of RFC 4180.
func toCSV(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		for i, c := range row {
			if i > 0 {
				b.WriteByte(',')
			}
			if strings.ContainsAny(c, `,"`) {
				c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
			b.WriteString(c)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func digits(v float64) string { return strconv.FormatFloat(v, 'g', 10, 64) }

func cell(v *float64) string {
	if v == nil {
		return ""
	}
	return digits(*v)
}
