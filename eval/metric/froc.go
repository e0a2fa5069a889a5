package metric

import (
	"math"
	"sort"
)

// CPMRates are the false positives per scan over whose sensitivities the
// competition performance metric is the mean.
var CPMRates = [7]float64{0.125, 0.25, 0.5, 1, 2, 4, 8}

// A FROC is a free-response ROC curve: one point a distinct score, from none
// accepted to all accepted.
type FROC struct {
	FPPerScan   []float64 // not falling
	Sensitivity []float64 // not falling; NaN without a lesion
	Threshold   []float64 // scores of at least this are accepted; +Inf at the first point
}

// FROC returns the curve of the pool, each scan counted weights[i] times (nil:
// once). Missed lesions stay in the denominator and scans without lesions count
// as scans. Points within a straight run are left out, as scikit-learn's
// roc_curve does.
func (p *Pool) FROC(weights []int) FROC {
	var c FROC
	p.froc(weights, &c)
	return c
}

// froc fills c, whose storage it reuses.
func (p *Pool) froc(weights []int, c *FROC) {
	c.FPPerScan = append(c.FPPerScan[:0], 0)
	c.Sensitivity = append(c.Sensitivity[:0], 0)
	c.Threshold = append(c.Threshold[:0], math.Inf(1))
	scans, lesions := 0, 0
	for i, n := range p.lesions {
		w := times(weights, i)
		scans += w
		lesions += w * n
	}
	tp, fp, lastTP, lastFP := 0, 0, 0, 0
	for i, e := range p.events {
		w := times(weights, e.scan)
		if e.hit {
			tp += w
		} else {
			fp += w
		}
		if i+1 < len(p.events) && p.events[i+1].score == e.score || tp == lastTP && fp == lastFP {
			continue
		}
		c.FPPerScan = append(c.FPPerScan, float64(fp))
		c.Sensitivity = append(c.Sensitivity, float64(tp))
		c.Threshold = append(c.Threshold, e.score)
		lastTP, lastFP = tp, fp
	}
	c.straighten()
	for i := range c.FPPerScan {
		c.FPPerScan[i] /= float64(scans)
		c.Sensitivity[i] /= float64(lesions)
	}
}

// straighten removes the points after the second at which the direction does
// not change. The counts are whole, so that comparing steps is exact.
func (c *FROC) straighten() {
	x, y, n := c.FPPerScan, c.Sensitivity, 0
	var stepX, stepY, lastX, lastY float64
	for i := range x {
		nextX, nextY := x[i]-lastX, y[i]-lastY
		if i > 2 && nextX == stepX && nextY == stepY {
			n--
		}
		stepX, stepY, lastX, lastY = nextX, nextY, x[i], y[i]
		x[n], y[n], c.Threshold[n] = x[i], y[i], c.Threshold[i]
		n++
	}
	c.FPPerScan, c.Sensitivity, c.Threshold = x[:n], y[:n], c.Threshold[:n]
}

// At returns the sensitivity at the given false positives per scan, between
// two points on the straight line, at a vertical step its upper end, beyond
// the last point that of the last: the rule of numpy.interp.
func (c FROC) At(rate float64) float64 { return interpolate(rate, c.FPPerScan, c.Sensitivity) }

// ThresholdAt returns the lowest score as a threshold with at most rate false
// positives per scan: the operating point for that rate. It is +Inf where not
// even the highest score may be accepted.
func (p *Pool) ThresholdAt(rate float64) float64 {
	threshold := math.Inf(1)
	for i, e := range p.events {
		if float64(p.wrong[i+1]) > rate*float64(len(p.lesions)) {
			break
		}
		if i+1 == len(p.events) || p.events[i+1].score != e.score {
			threshold = e.score
		}
	}
	return threshold
}

// CPM returns the mean of the sensitivities at CPMRates.
func (c FROC) CPM() float64 {
	sum := 0.0
	for _, r := range CPMRates {
		sum += c.At(r)
	}
	return sum / float64(len(CPMRates))
}

// FROCStatistic returns a maker of statistics for Bootstrap: the sensitivity at
// each of the given rates.
func (p *Pool) FROCStatistic(rates []float64) func() Statistic {
	return func() Statistic {
		var c FROC
		return func(weights []int, out []float64) {
			p.froc(weights, &c)
			for k, rate := range rates {
				out[k] = c.At(rate)
			}
		}
	}
}

// interpolate is numpy.interp for x not falling.
func interpolate(at float64, x, y []float64) float64 {
	last := len(x) - 1
	if last == 0 || at < x[0] {
		return y[0]
	}
	if at >= x[last] {
		return y[last]
	}
	j := sort.Search(len(x), func(i int) bool { return x[i] > at }) - 1
	slope := (y[j+1] - y[j]) / (x[j+1] - x[j])
	return slope*(at-x[j]) + y[j]
}
