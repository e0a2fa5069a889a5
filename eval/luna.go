package eval

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"oncovox/eval/metric"
	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// LUNA16Config names the CSV files of a LUNA16 evaluation.
type LUNA16Config struct {
	Annotations string // nodules: seriesuid, coordX, coordY, coordZ, diameter_mm
	Excluded    string // findings that are not judged, the same columns; "" for none
	Series      string // the series that count, one a line
	Submission  string // marks: seriesuid, coordX, coordY, coordZ, probability
	Bootstrap   int    // resamples of the series behind each interval
}

// luna16File is metrics.json of a LUNA16 evaluation.
type luna16File struct {
	Counts      luna16Counts `json:"counts"`
	Figures     []Figure     `json:"figures"`
	Rates       []Rate       `json:"froc"`
	Mean        []Rate       `json:"froc_bootstrap_mean"` // as the official script draws it
	Redraws     int          `json:"redraws"`             // resamples without a nodule, drawn again
	Bootstrap   int          `json:"bootstrap"`
	Seed        int64        `json:"seed"`
	Elsewhere   int          `json:"marks_in_other_series"` // they do not count
	Definitions string       `json:"rules"`
}

// luna16Counts are named as the official script names them.
type luna16Counts struct {
	Series         int `json:"series"`
	Nodules        int `json:"nodules"`
	TruePositives  int `json:"true_positives"`
	FalsePositives int `json:"false_positives"`
	FalseNegatives int `json:"false_negatives"`
	Ignored        int `json:"marks_on_excluded_findings"`
	Doubles        int `json:"double_detections"`
	Dropped        int `json:"marks_over_100"`
}

const luna16Rules = "Rules of noduleCADEvaluationLUNA16.py: a mark hits a nodule if it lies strictly nearer to its centre than half its diameter; " +
	"the most probable mark of a nodule finds it; further ones, and marks on excluded findings, count nowhere; of more than 100 marks in a series those above the 101st count. " +
	"The intervals are the values at ranks 0.025 n and 0.975 n of the resamples. A resample without a nodule is drawn again and counted; one in which no nodule is found " +
	"has sensitivity 0, where the official script has no number."

// RunLUNA16 evaluates a submission to LUNA16 by the rules of the official
// script and writes metrics.json, metrics.csv, curves, plots and a small
// report.html into env.Out. Of env it uses Seed, Out, Version and Progress.
func RunLUNA16(ctx context.Context, cfg LUNA16Config, env stage.Env) error {
	if cfg.Bootstrap < 40 || cfg.Bootstrap > 1e6 {
		return fmt.Errorf("luna16: %w: bootstrap %d: want 40 to 1000000", stage.ErrConfig, cfg.Bootstrap)
	}
	scans, elsewhere, err := readLUNA16(cfg)
	if err != nil {
		return fmt.Errorf("luna16: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s := &study{cfg: Config{Match: matchSphere, FPRates: metric.CPMRates[:], Bootstrap: cfg.Bootstrap}}
	r := &Result{Method: "submission", Title: "Submission"}
	pool := metric.NewPool(scans, metric.InSphere)
	r.Counts = pool.Counts()
	v := newVector()
	band := v.block(len(bandRates()))
	rates := v.block(len(metric.CPMRates))
	cpm := v.block(1)
	v.run(pool.Patients(), cfg.Bootstrap, env.Seed, func() metric.Statistic {
		froc := pool.FROCStatistic(slices.Concat(bandRates(), metric.CPMRates[:]))()
		return func(w []int, out []float64) {
			froc(w, out[:cpm])
			out[cpm] = mean(out[rates:cpm])
		}
	})
	f := metricsOfLUNA16(pool, v, band, rates, cpm, r)
	f.Bootstrap, f.Seed, f.Elsewhere = cfg.Bootstrap, env.Seed, elsewhere
	s.scanFigures(r, pool, env.Seed)
	f.Figures = append(f.Figures, r.Figures...)
	r.Figures = f.Figures
	if err := jsonl.WriteValue(filepath.Join(env.Out, OutcomesFile), outcomesOf(luna16Rules, pool, nil), 0o644); err != nil {
		return err
	}
	return writeLUNA16(env, f, r)
}

func metricsOfLUNA16(p *metric.Pool, v *vector, band, rates, cpm int, r *Result) luna16File {
	c := r.Counts
	f := luna16File{Redraws: v.boot.Redraws, Definitions: luna16Rules, Counts: luna16Counts{c.Scans, c.Lesions, c.Found, c.False, c.Missed, c.Ignored, c.Doubles, c.Dropped}}
	figure := Figure{Key: "cpm", Title: "CPM", Value: number(v.value[cpm]), Interval: v.how,
		Definition: "Mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan: the score of the challenge, from the curve itself and not the bootstrap mean."}
	figure.Low, figure.High = v.interval(cpm)
	if figure.Value == nil {
		figure.Undefined, figure.Interval = "there is no nodule in these series", ""
	}
	f.Figures = []Figure{figure}
	froc := p.FROC(nil)
	for i, rate := range metric.CPMRates {
		low, high := v.interval(rates + i)
		f.Rates = append(f.Rates, Rate{rate, number(v.value[rates+i]), low, high, number(p.ThresholdAt(rate))})
		if v.boot.Values != nil {
			f.Mean = append(f.Mean, Rate{FPPerScan: rate, Sensitivity: number(v.boot.Mean(rates + i)), Low: low, High: high})
		}
	}
	r.Rates, r.thresholds = f.Rates, froc.Threshold
	if c.Lesions > 0 {
		r.froc = curve{x: froc.FPPerScan, y: froc.Sensitivity, bandX: bandRates()}
		r.froc.low, r.froc.high = v.band(band, len(bandRates()))
	}
	return f
}

// writeLUNA16 leaves the files in env.Out.
func writeLUNA16(env stage.Env, f luna16File, r *Result) error {
	results := []*Result{r}
	charts := []*chart{frocChart(results, nil), rocChart(results)}
	for _, sub := range []string{"curves", "plots"} {
		if err := os.MkdirAll(filepath.Join(env.Out, sub), 0o755); err != nil {
			return err
		}
	}
	if err := jsonl.WriteValue(filepath.Join(env.Out, "metrics.json"), f, 0o644); err != nil {
		return err
	}
	if err := writeFile(env.Out, "metrics.csv", metricsCSV(results)); err != nil {
		return err
	}
	if err := writeCurves(env.Out, results); err != nil {
		return err
	}
	if err := writeCharts(env.Out, charts); err != nil {
		return err
	}
	c := f.Counts
	p := &page{Title: "LUNA16 evaluation", Subtitle: "Oncovox " + env.Version, Hit: luna16Rules, Definitions: f.Figures,
		Rates: rates(results), NoROC: r.Figure("auc").Undefined, Charts: inline(charts), Tiles: []statistic{tileOf("CPM", r.Figure("cpm")), tileOf("ROC AUC of scans", r.Figure("auc"))},
		Summary: []string{fmt.Sprintf("The submission was judged on %d series with %s, of which its marks hit %d; %d marks hit none.",
			c.Series, count(c.Nodules, "nodule"), c.TruePositives, c.FalsePositives)},
		Counts: [][2]string{
			{"Series", fmt.Sprint(c.Series)}, {"True positives", fmt.Sprint(c.TruePositives)}, {"False positives", fmt.Sprint(c.FalsePositives)},
			{"False negatives", fmt.Sprint(c.FalseNegatives)}, {"Marks on excluded findings, not counted", fmt.Sprint(c.Ignored)},
			{"Double detections, not counted", fmt.Sprint(c.Doubles)}, {"Marks over 100 in a series, not counted", fmt.Sprint(c.Dropped)},
		}}
	html, err := render("luna16.html", p)
	if err != nil {
		return err
	}
	return writeFile(env.Out, "report.html", html)
}
