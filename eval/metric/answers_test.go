package metric

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"
)

var casesPath = flag.String("cases", "", "JSON file of cases of scripts/diff-metrics.py, to be answered beside it")

// A diffCase is one random study, and an answer's figures by their names.
type diffCase struct {
	Y       []bool
	P, Q    []float64
	PICAI   []PICAICase
	A, B    []bool // masks
	Shape   [3]int
	Spacing [3]float64
	Paired  []float64 // few differences, for exact tests
	Without []float64 // of BCa
	Means   []float64
	Value   float64
}

// Oracles: scikit-learn, scipy and picai_eval, which scripts/diff-metrics.py
// asks the same; without its cases there is nothing to do.
func TestAnswerCases(t *testing.T) {
	if *casesPath == "" {
		t.Skip("no cases: scripts/diff-metrics.py runs this test with -cases")
	}
	b, err := os.ReadFile(*casesPath)
	if err != nil {
		t.Fatal(err)
	}
	var cases []diffCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	answers := make([]map[string]*float64, len(cases))
	for i, c := range cases {
		answers[i] = map[string]*float64{}
		c.answer(func(name string, v float64) {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				answers[i][name] = &v
			}
		})
	}
	out, err := json.Marshal(answers)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*casesPath+".answers", out, 0o644); err != nil {
		t.Fatal(err)
	}
}

// answer calls put with every figure of c.
func (c diffCase) answer(put func(name string, v float64)) {
	put("roc_auc", AUC(c.Y, c.P, nil))
	put("average_precision", AveragePrecision(c.Y, c.P))
	put("brier", Brier(c.Y, c.P))
	put("log_loss", LogLoss(c.Y, c.P))
	roc := NewROC(c.Y, c.P)
	put("sensitivity_at_specificity_90", roc.SensitivityAt(0.9))
	put("specificity_at_sensitivity_90", roc.SpecificityAt(0.9))
	m := Confuse(c.Y, c.P, 0.5)
	put("sensitivity", m.Sensitivity())
	put("specificity", m.Specificity())
	put("ppv", m.PPV())
	put("f1", m.F1())
	put("mcc", m.MCC())
	put("kappa", m.Kappa())
	put("balanced_accuracy", m.BalancedAccuracy())
	low, high := Wilson(m.TP, m.TP+m.FN, 0.95)
	put("wilson_low", low)
	put("wilson_high", high)
	low, high = ClopperPearson(m.TP, m.TP+m.FN, 0.95)
	put("clopper_pearson_low", low)
	put("clopper_pearson_high", high)
	ece, mce := CalibrationErrors(EqualWidth(c.Y, c.P, 10))
	put("ece", ece)
	put("mce", mce)
	quantile, _ := CalibrationErrors(ByQuantile(c.Y, c.P, 5))
	put("quantile_ece", quantile)
	slope, intercept := CalibrationLine(c.Y, c.P)
	put("slope", slope)
	put("intercept", intercept)
	auc, cov := DeLong(c.Y, c.P, c.Q)
	put("delong_auc", auc[0])
	put("delong_variance", cov[0][0])
	_, p := DeLongTest(c.Y, c.P, c.Q)
	put("delong_p", p)
	d, onlyP, onlyQ := make([]float64, len(c.P)), 0, 0
	for i := range d {
		d[i] = c.P[i] - c.Q[i]
		switch right, other := c.Y[i] == (c.P[i] >= 0.5), c.Y[i] == (c.Q[i] >= 0.5); {
		case right && !other:
			onlyP++
		case other && !right:
			onlyQ++
		}
	}
	exact, chi2 := McNemar(onlyP, onlyQ)
	put("mcnemar", exact)
	put("mcnemar_chi2", chi2)
	w, p := Wilcoxon(d)
	put("wilcoxon", w)
	put("wilcoxon_p", p)
	put("permutation_p", flipped(c.Paired, 1<<16))
	low, high = bca(c.Means, c.Value, c.Without, 0.95)
	put("bca_low", low)
	put("bca_high", high)
	ap, caseAUC, score := PICAI(c.PICAI)
	put("picai_ap", ap)
	put("picai_auroc", caseAUC)
	put("picai_score", score)
	a, b := Grid{c.Shape, c.Spacing, c.A}, Grid{c.Shape, c.Spacing, c.B}
	s := SurfaceDistances(a, b)
	put("dice", Dice(a, b))
	put("hausdorff", s.Hausdorff)
	put("hd95", s.HD95)
	put("assd", s.ASSD)
}
