package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"oncovox/eval/metric"
)

// lookOf gives each method its colour and line; the detector's is the boldest.
func lookOf(i int) look {
	l := look{tone: series[i%len(series)], width: 1.4, dashes: dashed}
	if i == 0 {
		l.width, l.dashes = 2, nil
	}
	return l
}

// frocChart draws the sensitivities of all methods from 1/8 to 8 false
// positives per scan, and what the operating points give.
func frocChart(results []*Result, points []Point) *chart {
	c := newChart("froc", "FROC curve: sensitivity against false positives per scan, from one eighth to eight. "+
		altFigures(results, "cpm"), "False positives per scan", "Sensitivity")
	c.unit(false)
	c.p.X.Scale, c.p.X.Tick.Marker = plot.LogScale{}, octaves()
	c.p.X.Min, c.p.X.Max = 0.125, 8
	rates := bandRates()
	for i, r := range results {
		if len(r.froc.x) == 0 {
			continue
		}
		froc := metric.FROC{FPPerScan: r.froc.x, Sensitivity: r.froc.y}
		y := make([]float64, len(rates))
		for k, rate := range rates {
			y[k] = froc.At(rate)
		}
		if i == 0 {
			c.band(lookOf(i).tone, rates, r.froc.low, r.froc.high)
		}
		c.line(r.Title, lookOf(i), rates, y)
	}
	var x, y []float64
	for _, p := range points {
		if p.Sensitivity != nil && p.FPPerScan != nil && *p.FPPerScan >= rates[0] && *p.FPPerScan <= rates[len(rates)-1] {
			x, y = append(x, *p.FPPerScan), append(y, *p.Sensitivity)
		}
	}
	c.dots(lookOf(0).tone, x, y, nil, nil)
	return c
}

// rocChart draws the ROC curves of whole scans.
func rocChart(results []*Result) *chart {
	c := newChart("roc", "ROC curve of whole scans: sensitivity against one less specificity. "+altFigures(results, "auc"),
		"1 − specificity", "Sensitivity")
	c.unit(true)
	c.line("", look{tone: series[4], width: 0.8, dashes: dotted}, []float64{0, 1}, []float64{0, 1})
	c.lines = 0 // a diagonal alone shows nothing
	for i, r := range results {
		if i == 0 && len(r.roc.x) > 0 {
			c.band(lookOf(i).tone, r.roc.bandX, r.roc.low, r.roc.high)
		}
		c.line(r.Title, lookOf(i), r.roc.x, r.roc.y)
	}
	return c
}

// prChart draws precision against recall of lesions.
func prChart(results []*Result) *chart {
	c := newChart("pr", "Precision against recall of lesions. "+altFigures(results, "ap"), "Recall (share of the lesions found)", "Precision")
	c.unit(true)
	for i, r := range results {
		if i == 0 && len(r.pr.x) > 0 {
			c.band(lookOf(i).tone, r.pr.bandX, r.pr.low, r.pr.high)
		}
		if len(r.pr.x) > 0 { // from the recall of nothing on, at the first precision
			c.line(r.Title, lookOf(i), append([]float64{0}, r.pr.x...), append([]float64{r.pr.y[0]}, r.pr.y...))
		}
	}
	return c
}

// reliabilityChart draws how often scans of a score have a lesion.
func reliabilityChart(cal *Calibration) *chart {
	c := newChart("reliability", "", "Score of the scan", "Share of scans with a lesion")
	c.unit(true)
	c.line("", look{tone: series[4], width: 0.8, dashes: dotted}, []float64{0, 1}, []float64{0, 1})
	c.lines = 0 // a diagonal alone shows nothing
	if cal == nil {
		return c
	}
	var x, y, low, high []float64
	c.alt = "Reliability diagram of whole scans."
	for _, b := range cal.Bins {
		x, y, low, high = append(x, b.Mean), append(y, b.Share), append(low, b.Low), append(high, b.High)
		c.alt += fmt.Sprintf(" Score %.2f: %d of %d with a lesion.", b.Mean, b.Positive, b.N)
	}
	c.dots(series[0], x, y, low, high)
	return c
}

// decisionChart draws the net benefit of acting on scans by their score.
func decisionChart(d *DecisionCurve) *chart {
	c := newChart("decision", "Decision curve: net benefit of acting on the detector, on all scans and on none, against the threshold.",
		"Threshold probability", "Net benefit per scan")
	if d == nil || len(d.Points) == 0 {
		return c
	}
	n := len(d.Points)
	x, model, all := make([]float64, n), make([]float64, n), make([]float64, n)
	low, high := make([]float64, n), make([]float64, n)
	banded := true
	least, most := 0.0, 0.0
	for i, p := range d.Points {
		x[i], model[i], all[i] = p.Threshold, p.Model, p.All
		if banded = banded && p.Low != nil && p.High != nil; banded {
			low[i], high[i] = *p.Low, *p.High
		}
		least, most = min(least, p.Model), max(most, p.Model, p.All)
	}
	// Acting on all falls without bound: the plot ends a little under zero.
	c.p.Y.Min, c.p.Y.Max = max(least, -0.25*most)-0.05*most, 1.05*most
	if banded {
		c.band(lookOf(0).tone, x, clamp(low, c.p.Y.Min, c.p.Y.Max), clamp(high, c.p.Y.Min, c.p.Y.Max))
	}
	c.line("Detector", lookOf(0), x, clamp(model, c.p.Y.Min, c.p.Y.Max))
	for i, v := range all {
		if v < c.p.Y.Min {
			all, x = all[:i], x[:i]
			break
		}
	}
	c.line("act on all", look{tone: series[1], width: 1.4, dashes: dashed}, x, all)
	c.line("act on none", look{tone: series[4], width: 1.2, dashes: dotted}, []float64{d.Points[0].Threshold, d.Points[n-1].Threshold}, []float64{0, 0})
	return c
}

// outlineChart draws how well the outline of each lesion agrees, by its size.
func outlineChart(s *Segmentation) *chart {
	c := newChart("outlines", "", "Diameter of the lesion, mm", "Dice")
	if s.Undefined != "" {
		return c
	}
	var x, y []float64
	for _, m := range s.ByLesion {
		x, y = append(x, *m.DiameterMM), append(y, *m.Dice) // a lesion is not empty
	}
	c.alt = fmt.Sprintf("Dice of each of %s against its diameter.", count(len(x), "lesion"))
	for _, f := range s.Figures {
		if f.Key == "lesion_dice" {
			c.alt += " Mean " + spread(f) + "."
		}
	}
	c.dots(series[0], x, y, nil, nil)
	c.p.X.Min, c.p.X.Max = 0, 1.05*c.p.X.Max
	c.unit(false)
	return c
}

func clamp(x []float64, low, high float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = min(max(v, low), high)
	}
	return out
}

func altFigures(results []*Result, key string) string {
	alt := ""
	for _, r := range results {
		if f := r.Figure(key); f.Value != nil {
			alt += fmt.Sprintf("%s: %s %s. ", r.Title, f.Title, spread(f))
		}
	}
	return alt
}

// pretrainChart draws the losses of pretraining beside those of guessing.
func pretrainChart(h *history, p *pretraining) *chart {
	alt := "Loss of pretraining against steps"
	if p != nil {
		alt += fmt.Sprintf(": validation loss %.3f at the end", p.ValLoss)
		for _, r := range p.References {
			alt += fmt.Sprintf("; %.3f for the %s", r.Loss, r.Title)
		}
	}
	c := newChart("pretraining", alt+".", "Step", lossName(p))
	c.p.Y.Min = 0
	x, y := h.series("loss")
	c.line("training, smoothed", look{tone: series[4], width: 1.2}, x, smooth(y))
	valX, valY := h.series("val_loss")
	c.line("validation", look{tone: series[0], width: 2}, valX, valY)
	if p != nil && len(x) > 0 {
		ends := []float64{x[0], x[len(x)-1]}
		for i, r := range p.References {
			c.line(r.Title, look{tone: series[1+i%2], width: 1.2, dashes: [][]vg.Length{dashed, dotted}[i%2]}, ends, []float64{r.Loss, r.Loss})
			c.p.Y.Max = max(c.p.Y.Max, 1.15*r.Loss)
		}
	}
	return c
}

// lossName returns what the loss of pretraining is.
func lossName(p *pretraining) string {
	if p != nil && p.Method == "simclr" {
		return "Contrastive loss"
	}
	return "Masked mean squared error"
}

// finetuneChart draws the losses of fine-tuning.
func finetuneChart(h *history) *chart {
	c := newChart("finetuning", "Loss of fine-tuning against steps.", "Step", "Loss (smoothed)")
	c.p.Y.Min = 0
	for i, column := range []struct{ key, name string }{
		{"loss", "all"}, {"heat_loss", "heat map"}, {"offset_loss", "offset"}, {"size_loss", "size"},
	} {
		l := lookOf(i)
		l.dashes = [][]vg.Length{nil, dashed, dotted, {8, 2, 2, 2}}[i]
		x, y := h.series(column.key)
		c.line(column.name, l, x, smooth(y))
	}
	return c
}

// validationChart draws the figures on the validation part during fine-tuning.
func validationChart(h *history) *chart {
	c := newChart("validation", "CPM and average precision on the validation part against steps of fine-tuning.", "Step", "On validation")
	c.unit(false)
	for i, column := range []struct{ key, name string }{{"val_cpm", "CPM"}, {"val_ap", "average precision"}} {
		x, y := h.series(column.key)
		c.line(column.name, lookOf(i), x, y)
	}
	return c
}

// smooth returns the exponential means of y over about a fiftieth of it, each
// corrected for the start.
func smooth(y []float64) []float64 {
	keep := 1 - 1/math.Max(1, float64(len(y))/50)
	out := make([]float64, len(y))
	sum, weight := 0.0, 0.0
	for i, v := range y {
		sum, weight = keep*sum+v, keep*weight+1
		out[i] = sum / weight
	}
	return out
}
