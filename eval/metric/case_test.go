package metric

import (
	"math"
	"testing"
)

const goldenTol = 1e-9

// Oracle: scikit-learn.
func TestROC(t *testing.T) {
	c, y := readCase(t)
	near(t, "AUC 1", AUC(y, c.P1, nil), c.AUC1, goldenTol)
	near(t, "AUC 2", AUC(y, c.P2, nil), c.AUC2, goldenTol)
	near(t, "AP 1", AveragePrecision(y, c.P1), c.AP1, goldenTol)
	near(t, "AP 2", AveragePrecision(y, c.P2), c.AP2, goldenTol)
	roc := NewROC(y, c.P1)
	// scikit-learn leaves out points within straight runs: each of its points
	// must be one of ours.
	for i, thr := range c.ROC1.Thr {
		want := math.Inf(1)
		if thr != nil {
			want = *thr
		}
		found := false
		for j := range roc.Threshold {
			if roc.Threshold[j] == want {
				found = true
				near(t, "FPR", roc.FPR[j], c.ROC1.FPR[i], goldenTol)
				near(t, "TPR", roc.TPR[j], c.ROC1.TPR[i], goldenTol)
			}
		}
		if !found {
			t.Errorf("no point at threshold %v", want)
		}
	}
	near(t, "sensitivity at specificity 0.9", roc.SensitivityAt(0.9), c.SensAtSpec90, goldenTol)
	near(t, "specificity at sensitivity 0.9", roc.SpecificityAt(0.9), c.SpecAtSens90, goldenTol)
}

// Oracle: scikit-learn's precision_recall_curve, from the last threshold down.
func TestPrecisionRecall(t *testing.T) {
	c, y := readCase(t)
	for i, thr := range c.PR1.Thr {
		m := Confuse(y, c.P1, thr)
		near(t, "precision", m.PPV(), c.PR1.Precision[i], goldenTol)
		near(t, "recall", m.Sensitivity(), c.PR1.Recall[i], goldenTol)
	}
}

// Oracles: roc_comparison (variance, interval) and MLstatkit (z, p, both AUC).
func TestDeLong(t *testing.T) {
	c, y := readCase(t)
	auc, cov := DeLong(y, c.P1, c.P2)
	near(t, "AUC", auc[0], c.Delong.AUC, goldenTol)
	near(t, "variance", cov[0][0], c.Delong.Var, goldenTol)
	low, high := DeLongInterval(auc[0], cov[0][0], 0.95)
	near(t, "low", low, c.Delong.CI95[0], goldenTol)
	near(t, "high", high, c.Delong.CI95[1], goldenTol)
	z, p := DeLongTest(y, c.P1, c.P2)
	near(t, "p", p, c.Delong.PairedP, goldenTol)
	near(t, "z", z, c.DelongMLstatkit[0], goldenTol)
	near(t, "p, MLstatkit", p, c.DelongMLstatkit[1], goldenTol)
}

// Oracles: scikit-learn and statsmodels.
func TestConfusion(t *testing.T) {
	c, y := readCase(t)
	m, o := Confuse(y, c.P1, 0.5), c.At05
	if m != (Confusion{o.TP, o.FP, o.TN, o.FN}) {
		t.Errorf("counts %+v, want %+v", m, o)
	}
	got := []float64{m.Sensitivity(), m.Specificity(), m.PPV(), m.NPV(), m.F1(), m.MCC(), m.BalancedAccuracy(), m.Kappa()}
	allNear(t, "sens, spec, PPV, NPV, F1, MCC, balanced, kappa", got,
		[]float64{o.Sens, o.Spec, o.PPV, o.NPV, o.F1, o.MCC, o.Bal, o.Kappa}, goldenTol)
	interval := func(f func(int, int, float64) (float64, float64), k, n int) []float64 {
		low, high := f(k, n, 0.95)
		return []float64{low, high}
	}
	allNear(t, "sensitivity, Wilson", interval(Wilson, o.TP, o.TP+o.FN), o.SensW[:], goldenTol)
	allNear(t, "specificity, Wilson", interval(Wilson, o.TN, o.TN+o.FP), o.SpecW[:], goldenTol)
	allNear(t, "sensitivity, Clopper-Pearson", interval(ClopperPearson, o.TP, o.TP+o.FN), o.SensC[:], goldenTol)
	allNear(t, "specificity, Clopper-Pearson", interval(ClopperPearson, o.TN, o.TN+o.FP), o.SpecC[:], goldenTol)
	// Bayes' rule at the cases' own prevalence gives back their own values.
	ppv, npv := m.PredictiveValues(float64(o.TP+o.FN) / float64(len(y)))
	allNear(t, "PPV, NPV by Bayes", []float64{ppv, npv}, []float64{o.PPV, o.NPV}, 1e-12)
}

func TestIntervals(t *testing.T) {
	// From scipy 1.17.1, stats.binomtest(hits, n).proportion_ci(method="wilson").
	for _, tt := range []struct {
		hits, n   int
		low, high float64
	}{
		{8, 10, 0.4901624715366418, 0.9433178485456248},
		{0, 5, 0, 0.43448246478317476},
		{5, 5, 0.5655175352168251, 1},
	} {
		low, high := Wilson(tt.hits, tt.n, 0.95)
		allNear(t, "Wilson", []float64{low, high}, []float64{tt.low, tt.high}, 1e-12)
	}
	// All of n found: the lower end is (alpha/2)^(1/n).
	low, high := ClopperPearson(5, 5, 0.95)
	allNear(t, "Clopper-Pearson", []float64{low, high}, []float64{math.Pow(0.025, 0.2), 1}, 1e-12)
	if low, high := Wilson(0, 0, 0.95); !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("Wilson(0, 0) = %v, %v; want NaN", low, high)
	}
}

// Oracles: scikit-learn, MetricsReloaded, statsmodels.
func TestCalibration(t *testing.T) {
	c, y := readCase(t)
	near(t, "Brier", Brier(y, c.P1), c.Brier1, goldenTol)
	near(t, "Brier of both classes, MetricsReloaded", 2*Brier(y, c.P1), c.Reloaded.Brier, goldenTol)
	near(t, "log-loss", LogLoss(y, c.P1), c.Logloss1, goldenTol)
	ece, mce := CalibrationErrors(EqualWidth(y, c.P1, 10))
	near(t, "ECE", ece, c.ECE, goldenTol)
	near(t, "MCE", mce, c.MCE, goldenTol)
	near(t, "ECE, MetricsReloaded", ece, c.Reloaded.ECE, goldenTol)
	near(t, "MCE, MetricsReloaded", mce, c.Reloaded.MCE, goldenTol)
	ace, _ := CalibrationErrors(EqualMass(y, c.P1, 10))
	near(t, "ACE", ace, c.ACE, goldenTol)
	for _, b := range []struct {
		name string
		bins []Bin
		want reliability
	}{{"uniform", EqualWidth(y, c.P1, 10), c.CalibUniform}, {"quantile", ByQuantile(y, c.P1, 10), c.CalibQuantile}} {
		var fraction, mean []float64
		for _, bin := range b.bins {
			fraction = append(fraction, share(bin.Positive, bin.N))
			mean = append(mean, bin.MeanP)
		}
		allNear(t, b.name+" fraction", fraction, b.want.FracPos, goldenTol)
		allNear(t, b.name+" mean", mean, b.want.MeanPred, goldenTol)
	}
	slope, intercept := CalibrationLine(y, c.P1)
	near(t, "slope", slope, c.Line[0], goldenTol)
	near(t, "intercept", intercept, c.Line[1], goldenTol)
	near(t, "in the large", CalibrationInTheLarge(y, c.P1), c.InTheLarge, goldenTol)
}

// A line through separated classes has no end.
func TestCalibrationSeparated(t *testing.T) {
	slope, intercept := CalibrationLine([]bool{false, false, true, true}, []float64{0.1, 0.2, 0.8, 0.9})
	if !math.IsNaN(slope) && slope < 20 || math.IsInf(slope, 0) || math.IsInf(intercept, 0) {
		t.Errorf("slope %v, intercept %v; want NaN", slope, intercept)
	}
}

// Oracle: dcurves, at the thresholds 0.05 + 0.05·i in float64, which the file
// gives rounded; probabilities lie on some of them.
func TestNetBenefit(t *testing.T) {
	c, y := readCase(t)
	step := map[string]float64{}
	for _, o := range c.DCA {
		thr := 0.05 + float64(step[o.Model]*0.05) // not fused
		step[o.Model]++
		near(t, "threshold", thr, o.Thr, 1e-12)
		var got float64
		switch o.Model {
		case "p1":
			got = NetBenefit(y, c.P1, thr)
		case "p2":
			got = NetBenefit(y, c.P2, thr)
		case "all":
			got = NetBenefitOfAll(y, thr)
		}
		near(t, o.Model, got, o.NB, goldenTol)
	}
	thresholds := []float64{0.05, 0.2, 0.3, 0.43, 0.95}
	once := make([]int, len(y))
	for i := range once {
		once[i] = 1
	}
	out := make([]float64, len(thresholds))
	NetBenefitStatistic(y, c.P1, thresholds)()(once, out)
	for i, thr := range thresholds {
		near(t, "swept", out[i], NetBenefit(y, c.P1, thr), 1e-15)
	}
}

// Oracles: statsmodels (McNemar, Holm) and scipy (Wilcoxon).
func TestPairedTests(t *testing.T) {
	c, _ := readCase(t)
	exact, chi2 := McNemar(c.McNemar.B, c.McNemar.C)
	near(t, "McNemar exact", exact, c.McNemar.Exact, goldenTol)
	near(t, "McNemar chi2", chi2, c.McNemar.Chi2, goldenTol)
	d := make([]float64, len(c.P1))
	for i := range d {
		d[i] = c.P1[i] - c.P2[i]
	}
	stat, p := Wilcoxon(d)
	near(t, "Wilcoxon statistic", stat, c.Wilcoxon.Stat, goldenTol)
	near(t, "Wilcoxon p", p, c.Wilcoxon.P, goldenTol)
	allNear(t, "Holm", Holm(c.Holm.P), c.Holm.Adj, goldenTol)
	// All five of one sign: 2 of 2^5 patterns are as far from zero.
	same := []float64{0.1, 0.25, 0.3, 0.4, 0.5}
	near(t, "sign flip", flipped(same, 32), 2.0/32, 1e-15)
	_, p = Wilcoxon(same)
	near(t, "Wilcoxon exact", p, 2.0/32, 1e-15)
	// From scipy 1.17.1, stats.wilcoxon, which counts all sign patterns of few
	// differences with ties.
	stat, p = Wilcoxon([]float64{0.5, 0.5, -0.25, 1, 0, 0.75, -0.5})
	near(t, "Wilcoxon with ties, statistic", stat, 4.0, 1e-15)
	near(t, "Wilcoxon with ties", p, 0.25, 1e-15)
}

// flipped is the permutation test of the mean of paired differences, each of a
// unit of its own.
func flipped(difference []float64, n int) float64 {
	units := make([]int, len(difference))
	for i := range units {
		units[i] = i
	}
	return Permute(units, n, 1, 1, func() PairStatistic {
		return func(swapped []bool, out []float64) {
			out[0] = 0
			for i, s := range swapped {
				if s {
					out[0] -= difference[i]
				} else {
					out[0] += difference[i]
				}
			}
		}
	})[0]
}

// The Monte Carlo p value lies within five standard errors of the exact one.
func TestPermuteSampled(t *testing.T) {
	d := []float64{1, 2, -1, 3, 0.5, 1.5, -2, 2.5, 1, 0.7, -0.3, 1.1, 2.2, -1.4, 0.9, 1.8}
	exact := flipped(d, 1<<16)
	sampled := flipped(append(d, 0), 20000) // 17 differences are sampled; a zero changes nothing
	near(t, "sampled", sampled, exact, 5*math.Sqrt(exact*(1-exact)/20000))
}
