package metric

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"runtime"
	"testing"
)

// readOracle reads a JSON file of other implementations' answers, in which
// Python wrote NaN, into v.
func readOracle(t *testing.T, path string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/oracle/" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.ReplaceAll(b, []byte("NaN"), []byte("null")), v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// near fails unless got is within tol of want.
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s: %.16g, want %.16g within %g", what, got, want, tol)
	}
}

// allNear fails unless got and want agree element by element within tol.
func allNear(t *testing.T, what string, got, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tol) {
			t.Errorf("%s[%d]: %.16g, want %.16g within %g", what, i, got[i], want[i], tol)
		}
	}
}

// caseOracle is the block "case" of metrics-golden.json.
type caseOracle struct {
	Y                []int
	P1, P2           []float64
	AUC1, AUC2       float64
	AP1, AP2         float64
	Brier1, Logloss1 float64
	ROC1             struct {
		FPR, TPR []float64
		Thr      []*float64
	}
	PR1    struct{ Precision, Recall, Thr []float64 }
	Delong struct {
		AUC, Var float64
		CI95     [2]float64
		PairedP  float64 `json:"paired_p"`
	}
	DelongMLstatkit [4]float64  `json:"delong_mlstatkit"`
	CalibUniform    reliability `json:"calib_uniform"`
	CalibQuantile   reliability `json:"calib_quantile"`
	ECE             float64     `json:"-"` // its key holds a comma, which tags cannot
	MCE             float64     `json:"mce10"`
	ACE             float64     `json:"ace10_eqmass"`
	Reloaded        struct {
		Brier float64 `json:"brier_score"`
		ECE   float64 `json:"expectation_calibration_error"`
		MCE   float64 `json:"maximum_calibration_error"`
	} `json:"metrics_reloaded"`
	Line       [2]float64 `json:"calib_slope_intercept(joint)"`
	InTheLarge float64    `json:"calib_in_the_large"`
	DCA        []struct {
		Model   string
		Thr, NB float64
	}
	At05 struct {
		TP, FP, TN, FN                            int
		Sens, Spec, PPV, NPV, F1, MCC, Bal, Kappa float64
		SensW                                     [2]float64 `json:"sens_wilson"`
		SensC                                     [2]float64 `json:"sens_cp"`
		SpecW                                     [2]float64 `json:"spec_wilson"`
		SpecC                                     [2]float64 `json:"spec_cp"`
	} `json:"at_0.5"`
	SensAtSpec90 float64 `json:"sens_at_spec90"`
	SpecAtSens90 float64 `json:"spec_at_sens90"`
	McNemar      struct {
		B, C  int
		Exact float64 `json:"exact_p"`
		Chi2  float64 `json:"chi2_cc_p"`
	}
	Wilcoxon struct{ Stat, P float64 }  `json:"wilcoxon_p1_p2"`
	Holm     struct{ P, Adj []float64 } `json:"holm_bonferroni"`
}

type reliability struct {
	FracPos  []float64 `json:"frac_pos"`
	MeanPred []float64 `json:"mean_pred"`
}

func readCase(t *testing.T) (c caseOracle, positive []bool) {
	t.Helper()
	var golden struct{ Case caseOracle }
	readOracle(t, "metrics-golden.json", &golden)
	var plain struct{ Case map[string]any }
	readOracle(t, "metrics-golden.json", &plain)
	golden.Case.ECE = plain.Case["ece10_eqwidth_(lo,hi]"].(float64)
	for _, y := range golden.Case.Y {
		positive = append(positive, y == 1)
	}
	return golden.Case, positive
}

// withProcs calls f on the given number of threads.
func withProcs[T any](n int, f func() (T, error)) (T, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
	return f()
}
