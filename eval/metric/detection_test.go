package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// detOracle is the blocks "nndetection" and "nndetection_noignore".
type detOracle struct {
	NNDetection struct {
		Cases []struct {
			GT, Pred [][6]float64 // x1, y1, x2, y2, z1, z2
			Score    []float64
			Ignore   []bool
		}
		Result struct {
			MAP  float64 `json:"mAP_IoU_0.10_0.50_0.05_MaxDet_100"`
			AP10 float64 `json:"AP_IoU_0.10_MaxDet_100"`
			AP50 float64 `json:"AP_IoU_0.50_MaxDet_100"`
			AP75 float64 `json:"AP_IoU_0.75_MaxDet_100"`
		}
	}
	NoIgnore struct {
		Result struct {
			MAP    float64   `json:"mAP_IoU_0.10_0.50_0.05_MaxDet_100"`
			AP10   float64   `json:"AP_IoU_0.10_MaxDet_100"`
			AP50   float64   `json:"AP_IoU_0.50_MaxDet_100"`
			AP75   float64   `json:"AP_IoU_0.75_MaxDet_100"`
			CPM10  float64   `json:"FROC_score_IoU_0.10"`
			CPM50  float64   `json:"FROC_score_IoU_0.50"`
			FROC10 []float64 `json:"FROC_curve_IoU_0.10"`
			FROC50 []float64 `json:"FROC_curve_IoU_0.50"`
		}
	} `json:"nndetection_noignore"`
	BoxIoU struct {
		A, B [][6]float64
		IoU  [][]float64
	} `json:"box_iou_3d"`
}

func box(b [6]float64) (centre, size [3]float64) {
	low, high := [3]float64{b[0], b[1], b[4]}, [3]float64{b[2], b[3], b[5]}
	for k := range 3 {
		centre[k], size[k] = (low[k]+high[k])/2, high[k]-low[k]
	}
	return centre, size
}

func (o detOracle) scans(ignore bool) []Scan {
	var scans []Scan
	for i, c := range o.NNDetection.Cases {
		s := Scan{ID: fmt.Sprintf("%02d", i)}
		for k, b := range c.GT {
			centre, size := box(b)
			s.Truths = append(s.Truths, Truth{Centre: centre, Size: size, Ignore: ignore && c.Ignore[k]})
		}
		for k, b := range c.Pred {
			centre, size := box(b)
			s.Marks = append(s.Marks, Mark{Centre: centre, Size: size, Score: c.Score[k]})
		}
		scans = append(scans, s)
	}
	return scans
}

// Oracle: nnDetection's COCO metric, with and without ignored truths, and its
// FROC, which ends in an error where a truth is ignored.
func TestNNDetection(t *testing.T) {
	var o detOracle
	readOracle(t, "metrics-golden.json", &o)
	const tol = 1e-12
	ap := func(ignore bool, iou float64) float64 { return NewPool(o.scans(ignore), ByIoU(iou)).AP(nil) }
	ign, all := o.NNDetection.Result, o.NoIgnore.Result
	near(t, "AP 0.10 with ignored", ap(true, 0.1), ign.AP10, tol)
	near(t, "AP 0.50 with ignored", ap(true, 0.5), ign.AP50, tol)
	near(t, "AP 0.75 with ignored", ap(true, 0.75), ign.AP75, tol)
	near(t, "AP 0.10", ap(false, 0.1), all.AP10, tol)
	near(t, "AP 0.50", ap(false, 0.5), all.AP50, tol)
	near(t, "AP 0.75", ap(false, 0.75), all.AP75, tol)
	m, _ := MeanAP(PoolsByIoU(o.scans(true)), nil)
	near(t, "mAP with ignored", m, ign.MAP, tol)
	m, _ = MeanAP(PoolsByIoU(o.scans(false)), nil)
	near(t, "mAP", m, all.MAP, tol)

	for _, c := range []struct {
		iou, cpm float64
		curve    []float64
	}{{0.1, all.CPM10, all.FROC10}, {0.5, all.CPM50, all.FROC50}} {
		froc := NewPool(o.scans(false), ByIoU(c.iou)).FROC(nil)
		near(t, fmt.Sprintf("FROC score at IoU %v", c.iou), froc.CPM(), c.cpm, tol)
		for k, rate := range CPMRates {
			near(t, fmt.Sprintf("FROC at IoU %v, %v per scan", c.iou, rate), froc.At(rate), c.curve[k], tol)
		}
	}
	if cpm := NewPool(o.scans(true), ByIoU(0.1)).FROC(nil).CPM(); !(cpm > 0 && cpm < 1) {
		t.Errorf("FROC score with ignored truths %v, want one between 0 and 1", cpm)
	}
}

// Oracle: nnDetection's box_iou_3d.
func TestBoxIoU(t *testing.T) {
	var o detOracle
	readOracle(t, "metrics-golden.json", &o)
	for i, a := range o.BoxIoU.A {
		for j, b := range o.BoxIoU.B {
			ca, sa := box(a)
			cb, sb := box(b)
			near(t, fmt.Sprintf("IoU %d, %d", i, j), BoxIoU(ca, sa, cb, sb), o.BoxIoU.IoU[i][j], 1e-15)
			near(t, fmt.Sprintf("IoU %d, %d swapped", i, j), BoxIoU(cb, sb, ca, sa), o.BoxIoU.IoU[i][j], 1e-15)
		}
	}
}

// randomScans returns n scans with lesions, ignored findings and marks near
// and far, of scores with many ties.
func randomScans(r *rand.Rand, n int) []Scan {
	place := func() [3]float64 { return [3]float64{r.Float64() * 60, r.Float64() * 60, r.Float64() * 60} }
	side := func() [3]float64 { return [3]float64{6 + r.Float64()*20, 6 + r.Float64()*20, 6 + r.Float64()*20} }
	var scans []Scan
	for i := range n {
		s := Scan{ID: fmt.Sprintf("%03d", i), Patient: fmt.Sprint(i / 2)}
		for range r.IntN(4) {
			s.Truths = append(s.Truths, Truth{place(), side(), 6 + r.Float64()*20, r.IntN(4) == 0})
		}
		for range r.IntN(12) {
			s.Marks = append(s.Marks, Mark{place(), side(), float64(r.IntN(20)) / 20})
		}
		scans = append(scans, s)
	}
	return scans
}

// byBoxesAsMasks is ByMask with the overlap of the boxes in the place of masks.
func byBoxesAsMasks(least float64) func(Scan) Match {
	return func(s Scan) Match {
		s.Overlap = nil
		for _, t := range s.Truths {
			var row []float64
			for _, m := range s.Marks {
				row = append(row, BoxIoU(t.Centre, t.Size, m.Centre, m.Size))
			}
			s.Overlap = append(s.Overlap, row)
		}
		return ByMask(least)(s)
	}
}

// The order of scans, truths and marks, and the unit of length, change no figure.
func TestOrderAndScale(t *testing.T) {
	rules := map[string]func(scale float64) func(Scan) Match{
		"sphere":   func(float64) func(Scan) Match { return InSphere },
		"iou":      func(float64) func(Scan) Match { return ByIoU(0.1) },
		"distance": func(scale float64) func(Scan) Match { return ByDistance(12 * scale) },
		"mask":     func(float64) func(Scan) Match { return byBoxesAsMasks(0.1) },
	}
	figures := func(scans []Scan, rule func(Scan) Match) []float64 {
		p := NewPool(scans, rule)
		c := p.Counts()
		positive, score, _ := p.Cases()
		return []float64{float64(c.Found), float64(c.False), float64(c.Ignored), float64(c.Doubles),
			p.FROC(nil).CPM(), p.AP(nil), AUC(positive, score, nil)}
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		scans := randomScans(r, 30)
		shuffled := slices.Clone(scans)
		for i, s := range shuffled {
			truths, marks := slices.Clone(s.Truths), slices.Clone(s.Marks)
			r.Shuffle(len(truths), func(a, b int) { truths[a], truths[b] = truths[b], truths[a] })
			r.Shuffle(len(marks), func(a, b int) { marks[a], marks[b] = marks[b], marks[a] })
			shuffled[i].Truths, shuffled[i].Marks = truths, marks
		}
		r.Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		doubled := slices.Clone(scans)
		for i, s := range doubled {
			doubled[i].Truths, doubled[i].Marks = slices.Clone(s.Truths), slices.Clone(s.Marks)
			for k := range s.Truths {
				v := &doubled[i].Truths[k]
				v.Diameter *= 2
				for a := range 3 {
					v.Centre[a], v.Size[a] = 2*v.Centre[a], 2*v.Size[a]
				}
			}
			for k := range s.Marks {
				v := &doubled[i].Marks[k]
				for a := range 3 {
					v.Centre[a], v.Size[a] = 2*v.Centre[a], 2*v.Size[a]
				}
			}
		}
		for name, rule := range rules {
			want := figures(scans, rule(1))
			allNear(t, name+" shuffled", figures(shuffled, rule(1)), want, 0)
			allNear(t, name+" doubled", figures(doubled, rule(2)), want, 0)
		}
	}
}

// A resample with weights equals the study with the scans repeated.
func TestWeightsRepeatScans(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	scans := randomScans(r, 25)
	weights := make([]int, len(scans))
	var repeated []Scan
	for i, s := range scans {
		weights[i] = r.IntN(3)
		for k := range weights[i] {
			s.ID = fmt.Sprintf("%03d-%d", i, k)
			repeated = append(repeated, s)
		}
	}
	for name, rule := range map[string]func(Scan) Match{"sphere": InSphere, "iou": ByIoU(0.1)} {
		p, q := NewPool(scans, rule), NewPool(repeated, rule)
		near(t, name+" CPM", p.FROC(weights).CPM(), q.FROC(nil).CPM(), 1e-15)
		near(t, name+" AP", p.AP(weights), q.AP(nil), 1e-15)
	}
}

func TestEdges(t *testing.T) {
	at := func(x float64) [3]float64 { return [3]float64{x, 0, 0} }
	on := Scan{ID: "on", Truths: []Truth{{Centre: at(0), Diameter: 10}}, Marks: []Mark{{Centre: at(4), Score: 0.5}}}
	empty := Scan{ID: "empty"}
	edge := Scan{ID: "edge", Truths: []Truth{{Centre: at(0), Diameter: 10}}, Marks: []Mark{{Centre: at(5), Score: 0.5}}}
	miss := Scan{ID: "miss", Truths: []Truth{{Centre: at(0), Diameter: 10}}}
	tests := []struct {
		name  string
		scans []Scan
		cpm   float64
	}{
		{"no false positive", []Scan{on, empty}, 1},
		{"on the radius is a miss", []Scan{edge}, 0},
		{"nothing found, nothing false", []Scan{miss}, 0},
		{"no lesion", []Scan{empty}, math.NaN()},
		{"no scan", nil, math.NaN()},
	}
	for _, tt := range tests {
		p := NewPool(tt.scans, InSphere)
		if got := p.FROC(nil).CPM(); got != tt.cpm && !(math.IsNaN(got) && math.IsNaN(tt.cpm)) {
			t.Errorf("%s: CPM %v, want %v", tt.name, got, tt.cpm)
		}
		if got := p.AP(nil); got != tt.cpm && !(math.IsNaN(got) && math.IsNaN(tt.cpm)) {
			t.Errorf("%s: AP %v, want %v", tt.name, got, tt.cpm)
		}
	}
	if _, err := Bootstrap([]int{0, 0}, 10, 1, 1, nil); err == nil {
		t.Error("one patient was resampled")
	}
}

// A long run of false positives has a threshold for each rate, and tied scores
// go together.
func TestThresholdAt(t *testing.T) {
	s := Scan{ID: "s", Truths: []Truth{{Diameter: 10}}, Marks: []Mark{{Score: 0.9}}}
	for k := range 6 {
		s.Marks = append(s.Marks, Mark{Centre: [3]float64{100 * float64(k+1)}, Score: []float64{0.8, 0.7, 0.6, 0.5, 0.5, 0.4}[k]})
	}
	p := NewPool([]Scan{s, {ID: "empty"}}, InSphere)
	for rate, want := range map[float64]float64{0: 0.9, 0.4: 0.9, 0.5: 0.8, 1: 0.7, 1.5: 0.6, 2: 0.6, 2.5: 0.5, 9: 0.4} {
		if got := p.ThresholdAt(rate); got != want {
			t.Errorf("threshold at %v FP/scan: %v, want %v", rate, got, want)
		}
	}
	s.Marks[0].Score = 0.1
	if got := NewPool([]Scan{s}, InSphere).ThresholdAt(0.5); !math.IsInf(got, 1) {
		t.Errorf("the surest is wrong: threshold %v, want +Inf", got)
	}
}

// The draws do not depend on who does them, and undefined resamples are
// redrawn: with one lesion among five patients a resample lacks it with chance
// (4/5)^5 = 0.33.
func TestBootstrapRedraws(t *testing.T) {
	var scans []Scan
	for i := range 5 {
		scans = append(scans, Scan{ID: fmt.Sprint(i), Patient: fmt.Sprint(i)})
	}
	scans[0].Truths = []Truth{{Diameter: 10}}
	scans[0].Marks = []Mark{{Score: 0.9}}
	p := NewPool(scans, InSphere)
	boot, err := Bootstrap(p.Patients(), 1000, 5, 1, p.FROCStatistic([]float64{1}))
	if err != nil {
		t.Fatal(err)
	}
	// Expected redraws 1000·q/(1-q) = 487, standard deviation 27; five of them.
	if boot.Redraws < 350 || boot.Redraws > 625 {
		t.Errorf("%d redraws, want about 487", boot.Redraws)
	}
	if low, high := boot.Interval(0, 0.95); low != 1 || high != 1 {
		t.Errorf("interval %v to %v, want 1 to 1", low, high)
	}
	scans[0].Truths = nil
	p = NewPool(scans, InSphere)
	if _, err := Bootstrap(p.Patients(), 10, 5, 1, p.FROCStatistic([]float64{1})); err == nil {
		t.Error("a study without lesions has an interval")
	}
}
