package metric

import "math"

// A Confusion counts cases against a threshold.
type Confusion struct {
	TP, FP, TN, FN int
}

// Confuse calls every score of at least threshold positive and counts.
func Confuse(positive []bool, score []float64, threshold float64) Confusion {
	var c Confusion
	for i, p := range positive {
		switch called := score[i] >= threshold; {
		case p && called:
			c.TP++
		case p:
			c.FN++
		case called:
			c.FP++
		default:
			c.TN++
		}
	}
	return c
}

// Sensitivity is TP / (TP + FN), NaN without a positive.
func (c Confusion) Sensitivity() float64 { return share(c.TP, c.TP+c.FN) }

// Specificity is TN / (TN + FP), NaN without a negative.
func (c Confusion) Specificity() float64 { return share(c.TN, c.TN+c.FP) }

// PPV is TP / (TP + FP) in these cases, NaN if none is called positive.
func (c Confusion) PPV() float64 { return share(c.TP, c.TP+c.FP) }

// NPV is TN / (TN + FN) in these cases, NaN if none is called negative.
func (c Confusion) NPV() float64 { return share(c.TN, c.TN+c.FN) }

// PredictiveValues returns PPV and NPV at another prevalence, by Bayes' rule.
func (c Confusion) PredictiveValues(prevalence float64) (ppv, npv float64) {
	se, sp := c.Sensitivity(), c.Specificity()
	ppv = se * prevalence / (se*prevalence + (1-sp)*(1-prevalence))
	npv = sp * (1 - prevalence) / (sp*(1-prevalence) + (1-se)*prevalence)
	return ppv, npv
}

// F1 is the harmonic mean of sensitivity and PPV.
func (c Confusion) F1() float64 { return share(2*c.TP, 2*c.TP+c.FP+c.FN) }

// BalancedAccuracy is the mean of sensitivity and specificity.
func (c Confusion) BalancedAccuracy() float64 { return (c.Sensitivity() + c.Specificity()) / 2 }

// MCC is the correlation of truth and call (Matthews 1975).
func (c Confusion) MCC() float64 {
	tp, fp, tn, fn := float64(c.TP), float64(c.FP), float64(c.TN), float64(c.FN)
	return (tp*tn - fp*fn) / math.Sqrt((tp+fp)*(tp+fn)*(tn+fp)*(tn+fn))
}

// Kappa is the agreement of truth and call beyond chance (Cohen 1960).
func (c Confusion) Kappa() float64 {
	tp, fp, tn, fn := float64(c.TP), float64(c.FP), float64(c.TN), float64(c.FN)
	n := tp + fp + tn + fn
	chance := ((tp+fp)*(tp+fn) + (tn+fp)*(tn+fn)) / (n * n)
	return ((tp+tn)/n - chance) / (1 - chance)
}

func share(part, whole int) float64 { return float64(part) / float64(whole) }
