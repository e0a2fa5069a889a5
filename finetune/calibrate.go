package finetune

import (
	"math"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/lesion"
)

// A Calibration makes the heat of a peak the probability that the detection is a
// lesion, as it was on the scans it was fitted on: the logit is divided by a
// temperature and moved by a bias (Platt 1999; Guo et al. 2017). It keeps the order of
// detections, so that nothing that goes by it changes; only at temperatures below 0.5
// may some whose heat is nearly 1 become equal. It is the file calibration.json.
type Calibration struct {
	Temperature float64 `json:"temperature"` // above 0
	Bias        float64 `json:"bias"`
	Part        string  `json:"part"`       // that it was fitted on
	Detections  int     `json:"detections"` // there, hits and false ones
	Hits        int     `json:"hits"`       // of them
	LogLoss     float64 `json:"log_loss"`   // mean, of the probabilities there
	HeatLogLoss float64 `json:"heat_log_loss"`
}

// maxLogit bounds logits, so that a heat that was rounded to 1 has one. The last one
// below that is 16.6.
const maxLogit = 17

func logit(p float64) float64 {
	return math.Max(-maxLogit, math.Min(maxLogit, math.Log(p)-math.Log1p(-p)))
}

// probability returns what a heat stands for; c may be nil, and it is then the heat.
func (c *Calibration) probability(heat float64) float64 {
	if c == nil {
		return heat
	}
	return sigmoid(logit(heat)/c.Temperature + c.Bias)
}

// apply makes the scores of found, which are heat, probabilities.
func (c *Calibration) apply(found []lesion.Detection) {
	for i := range found {
		found[i].Score = c.probability(found[i].Score)
	}
}

// calibrate fits a calibration to the detections of c. It returns nil where they are
// all hits or all false, or where the hotter ones are less often hits.
func (c curve) calibrate() *Calibration {
	var heat []float64
	var hit []bool
	for _, m := range c.pool.Matches {
		finds := map[int]bool{}
		for t, mark := range m.Found {
			finds[mark] = finds[mark] || !m.Scan.Truths[t].Ignore
		}
		for i, fate := range m.Fates {
			if finds[i] || fate == metric.False {
				heat, hit = append(heat, m.Scan.Marks[i].Score), append(hit, finds[i])
			}
		}
	}
	x := make([]float64, len(heat))
	cal := &Calibration{Part: dataset.Val, Detections: len(heat)}
	for i, h := range heat {
		x[i] = logit(h)
		if hit[i] {
			cal.Hits++
		}
	}
	if cal.Hits == 0 || cal.Hits == cal.Detections {
		return nil
	}
	slope, bias := platt(x, hit)
	if !(slope > 0) {
		return nil
	}
	cal.Temperature, cal.Bias = 1/slope, bias
	cal.HeatLogLoss = metric.LogLoss(hit, heat)
	for i, h := range heat {
		heat[i] = cal.probability(h)
	}
	cal.LogLoss = metric.LogLoss(hit, heat)
	return cal
}

// platt returns the line through x whose sigmoid has the least log-loss against hit,
// which holds both outcomes. The outcomes are drawn in by what one more of each would
// change, so that there is a least loss where a threshold tells them apart (Platt
// 1999). Newton's method with halved steps (Lin, Lin and Weng 2007).
func platt(x []float64, hit []bool) (slope, bias float64) {
	hits := 0.0
	for _, h := range hit {
		if h {
			hits++
		}
	}
	high, low := (hits+1)/(hits+2), 1/(float64(len(hit))-hits+2)
	target := func(i int) float64 {
		if hit[i] {
			return high
		}
		return low
	}
	loss := func(a, b float64) float64 {
		sum := 0.0
		for i, v := range x {
			sum += softplus(a*v+b) - target(i)*(a*v+b)
		}
		return sum
	}
	a, b := 0.0, math.Log((hits+1)/(float64(len(hit))-hits+1))
	now := loss(a, b)
	for range 100 {
		var ga, gb, aa, ab, bb float64 // gradient and curvature
		for i, v := range x {
			p := sigmoid(a*v + b)
			d, q := p-target(i), p*(1-p)
			ga, gb = ga+d*v, gb+d
			aa, ab, bb = aa+q*v*v, ab+q*v, bb+q
		}
		aa, bb = aa+1e-12, bb+1e-12 // for heats that are all the same
		det := aa*bb - ab*ab
		da, db := (bb*ga-ab*gb)/det, (aa*gb-ab*ga)/det
		step := 1.0
		next := loss(a-da, b-db)
		for ; !(next < now) && step > 1e-10; step /= 2 {
			next = loss(a-step/2*da, b-step/2*db)
		}
		if !(next < now) {
			break
		}
		a, b, now = a-step*da, b-step*db, next
	}
	return a, b
}
