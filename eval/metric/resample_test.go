package metric

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Oracle: scipy 1.17.1, scipy.stats._resampling._bca_interval and
// numpy.percentile on the same means of the same 64 draws.
func TestBCa(t *testing.T) {
	x := []float64{0.1, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.9, 1.4, 2.9, 0.2, 3.3}
	var means, without []float64
	for i := range 64 {
		sum := 0.0
		for j := range x {
			sum += x[(i*7+j*j*5+i*j*3)%12]
		}
		means = append(means, sum/12)
	}
	slices.Sort(means)
	total := 0.0
	for _, v := range x {
		total += v
	}
	for _, v := range x {
		without = append(without, (total-v)/11)
	}
	near(t, "acceleration", acceleration(without), 0.07009779402566446, 1e-12)
	low, high := bca(means, total/12, without, 0.95)
	near(t, "low", low, 0.30833333333333335, 1e-12)
	near(t, "high", high, 1.3, 1e-12)
}

// A figure that never changes has an interval of no width; one that has no
// value without some unit has none.
func TestBCaEdges(t *testing.T) {
	if low, high := bca([]float64{1, 1, 1}, 1, []float64{1, 1}, 0.95); low != 1 || high != 1 {
		t.Errorf("constant: %v to %v, want 1 to 1", low, high)
	}
	for name, r := range map[string][]float64{"no value": {1, math.NaN()}, "one side": {1, 2}} {
		value := 2.0
		if name == "one side" {
			value = 9
		}
		if low, high := bca([]float64{1, 2, 3}, value, r, 0.95); !math.IsNaN(low) || !math.IsNaN(high) {
			t.Errorf("%s: %v to %v, want NaN", name, low, high)
		}
	}
}

// Of two methods on one scale of false positives each figure is what it was, and
// swapping the methods changes the sign of the difference only.
func TestJoint(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	figures := func(p *Pool) Statistic {
		return func(w []int, out []float64) { out[0], out[1] = p.FROC(w).CPM(), p.AP(w) }
	}
	for range 20 {
		scans := randomScans(r, 20)
		other := slices.Clone(scans)
		for i := range other {
			other[i].Marks = nil
			for _, m := range randomScans(r, 1)[0].Marks {
				m.Score *= 1000 // a scale of its own
				other[i].Marks = append(other[i].Marks, m)
			}
			for _, l := range scans[i].Truths {
				if r.IntN(2) == 0 {
					other[i].Marks = append(other[i].Marks, Mark{l.Centre, l.Size, r.Float64() * 1000})
				}
			}
		}
		for name, rule := range map[string]func(Scan) Match{"sphere": InSphere, "iou": ByIoU(0.1)} {
			a, b := NewPool(scans, rule), NewPool(other, rule)
			got := make([]float64, 2)
			NewJoint(a, b).Statistic(2, figures)()(make([]bool, 20), got)
			want := []float64{a.FROC(nil).CPM() - b.FROC(nil).CPM(), a.AP(nil) - b.AP(nil)}
			allNear(t, name, got, want, 1e-12) // one rounding a rate
			back := make([]float64, 2)
			all := slices.Repeat([]bool{true}, 20)
			NewJoint(a, b).Statistic(2, figures)()(all, back)
			allNear(t, name+" swapped", []float64{-back[0], -back[1]}, want, 1e-12)
		}
	}
}

// The test of means counts the patterns of signs with few units; and the sampled
// one lies within five standard errors of it.
func TestPermute(t *testing.T) {
	a := []float64{3, 5, 2, 8, 6, 9, 4, 7, 5, 6}
	b := []float64{2, 5.5, 1, 6, 6.2, 7, 4.4, 5, 3, 6.1}
	unit, d := make([]int, len(a)), make([]float64, len(a))
	for i := range a {
		unit[i], d[i] = i, a[i]-b[i]
	}
	far, given := 0, 0.0
	for _, v := range d {
		given += v
	}
	for pattern := range 1 << len(d) {
		sum := 0.0
		for i, v := range d {
			if pattern>>i&1 == 1 {
				v = -v
			}
			sum += v
		}
		if math.Abs(sum) >= math.Abs(given)*(1-1e-12) {
			far++
		}
	}
	exact := float64(far) / 1024
	near(t, "exact", flipped(d, 1024), exact, 1e-15)
	near(t, "sampled", flipped(d, 1000), exact, 5*math.Sqrt(exact*(1-exact)/1000))
	none := func() PairStatistic { return func(_ []bool, out []float64) { out[0] = math.NaN() } }
	if p := Permute(unit, 10, 1, 1, none)[0]; !math.IsNaN(p) {
		t.Errorf("p of no value is %v", p)
	}
}

// The difference of AUCs by ranks is that by scores.
func TestAUCPair(t *testing.T) {
	c, y := readCase(t)
	out := make([]float64, 1)
	AUCPair(y, c.P1, c.P2)()(make([]bool, len(y)), out)
	near(t, "difference", out[0], c.AUC1-c.AUC2, goldenTol)
	unit := make([]int, len(y))
	for i := range unit {
		unit[i] = i
	}
	// DeLong's test gives 0.0823: both ask the same, in large samples.
	near(t, "p", Permute(unit, 2000, 1, 1, AUCPair(y, c.P1, c.P2))[0], c.Delong.PairedP, 0.03)
}

// Mirroring and swapping the axes of the patient changes no figure.
func TestMirrorAndAxes(t *testing.T) {
	turn := func(v [3]float64) [3]float64 { return [3]float64{-v[1], v[2], v[0]} }
	size := func(v [3]float64) [3]float64 { return [3]float64{v[1], v[2], v[0]} }
	r := rand.New(rand.NewPCG(8, 8))
	scans := randomScans(r, 40)
	turned := slices.Clone(scans)
	for i, s := range turned {
		turned[i].Truths, turned[i].Marks = slices.Clone(s.Truths), slices.Clone(s.Marks)
		for k, v := range s.Truths {
			turned[i].Truths[k].Centre, turned[i].Truths[k].Size = turn(v.Centre), size(v.Size)
		}
		for k, v := range s.Marks {
			turned[i].Marks[k].Centre, turned[i].Marks[k].Size = turn(v.Centre), size(v.Size)
		}
	}
	for name, rule := range map[string]func(Scan) Match{"sphere": InSphere, "iou": ByIoU(0.1), "distance": ByDistance(12), "mask": byBoxesAsMasks(0.1)} {
		p, q := NewPool(scans, rule), NewPool(turned, rule)
		if p.Counts() != q.Counts() {
			t.Errorf("%s: %+v, turned %+v", name, p.Counts(), q.Counts())
		}
		near(t, name+" CPM", q.FROC(nil).CPM(), p.FROC(nil).CPM(), 0)
		near(t, name+" AP", q.AP(nil), p.AP(nil), 0)
	}
}

// Any number of threads draws the same.
func TestBootstrapThreads(t *testing.T) {
	scans := randomScans(rand.New(rand.NewPCG(2, 2)), 12)
	p := NewPool(scans, InSphere)
	var want string
	for _, procs := range []int{1, 2, 5} {
		boot, err := withProcs(procs, func() (Resampled, error) {
			return Bootstrap(p.Patients(), 100, 3, 1, p.FROCStatistic([]float64{1}))
		})
		if err != nil {
			t.Fatal(err)
		}
		low, high := boot.BCa(0, 0.95)
		got := fmt.Sprint(boot.Values, boot.Redraws, low, high)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("%d threads: %s, want %s", procs, got, want)
		}
	}
}
