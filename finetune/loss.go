package finetune

import (
	"math"

	"oncovox/internal/nn"
)

// boxScale evens the box loss out against the heat loss.
const boxScale = 0.5

// Losses are the parts of a loss.
type Losses struct {
	Heat, Offset, Size float64
}

// Total is the loss that is differentiated.
func (l Losses) Total() float64 { return l.Heat + boxScale*(l.Offset+l.Size) }

// detectionLoss adds the loss of a map, (B·cells, outCols), against t, which is
// read at each run: the penalty-reduced focal loss of the heat (Law and Deng
// 2018, equation 1, with exponents 2 and 4) over the number of lesions, and the
// absolute error of offset and log extent, averaged with the cells' weights. What
// a cell adds to these sums, and what they are divided by, has its sample's weight.
// The loss's parts are added to parts, if that is not nil.
func detectionLoss(g *nn.Graph, out *nn.Tensor, t *Targets, parts *Losses) *nn.Tensor {
	n, cells := out.Rows, out.Rows/len(t.Sample)
	return g.Apply(nn.Op{
		Name: "detection loss", Rows: 1, Cols: 1,
		Forward: func(c *nn.Call) {
			var l Losses
			lesions, weights := t.norms()
			for i := range n {
				row := c.X[0][outCols*i : outCols*(i+1)]
				s := float64(t.Sample[i/cells])
				l.Heat += s * focal(float64(row[colHeat]), float64(t.Heat[i]))
				if w := s * float64(t.Weight[i]); w > 0 {
					for a := range 3 {
						l.Offset += w * math.Abs(float64(row[colOffset+a]-t.Box[6*i+a]))
						l.Size += w * math.Abs(float64(row[colSize+a]-t.Box[6*i+3+a]))
					}
				}
			}
			l.Heat /= lesions
			l.Offset /= weights
			l.Size /= weights
			if parts != nil {
				parts.Heat += l.Heat
				parts.Offset += l.Offset
				parts.Size += l.Size
			}
			c.Y[0] = float32(l.Total())
		},
		Backward: func(c *nn.Call) {
			dy := float64(c.DY[0])
			lesions, weights := t.norms()
			for i := range n {
				row, d := c.X[0][outCols*i:outCols*(i+1)], c.DX[0][outCols*i:outCols*(i+1)]
				clear(d)
				s := float64(t.Sample[i/cells])
				d[colHeat] = float32(s * (dy / lesions) * focalSlope(float64(row[colHeat]), float64(t.Heat[i])))
				if w := s * float64(t.Weight[i]); w > 0 {
					k := dy * boxScale * w / weights
					for a := range 3 {
						d[colOffset+a] = float32(k * sign(row[colOffset+a]-t.Box[6*i+a]))
						d[colSize+a] = float32(k * sign(row[colSize+a]-t.Box[6*i+3+a]))
					}
				}
			}
		},
	}, out)
}

// norms returns what the parts of the loss are divided by: numbers of the whole
// batch, so that the losses of its parts add up to its own.
func (t *Targets) norms() (lesions, weights float64) {
	if t.whole != nil {
		t = t.whole
	}
	cells := len(t.Weight) / len(t.Sample)
	for i, w := range t.Weight {
		weights += float64(t.Sample[i/cells]) * float64(w)
	}
	return math.Max(t.Count, 1), math.Max(weights, 1e-6)
}

// focal is the loss of one cell with logit x and target heat t.
func focal(x, t float64) float64 {
	switch {
	case t < 0:
		return 0
	case t == 1:
		q := sigmoid(-x)
		return q * q * softplus(-x)
	}
	p := sigmoid(x)
	return penalty(t) * p * p * softplus(x)
}

// focalSlope is the derivative of focal by x.
func focalSlope(x, t float64) float64 {
	p, q := sigmoid(x), sigmoid(-x)
	switch {
	case t < 0:
		return 0
	case t == 1:
		return -q*q*q - 2*p*q*q*softplus(-x)
	}
	return penalty(t) * (p*p*p + 2*p*p*q*softplus(x))
}

// penalty lowers the loss of cells close to a centre.
func penalty(t float64) float64 {
	u := 1 - t
	return u * u * u * u
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus is log(1 + exp(x)), which is -log(1 - sigmoid(x)).
func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func sign(x float32) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
