package metric

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"
)

// readLUNA returns the nine scans of testdata/oracle/luna16-small.
func readLUNA(t testing.TB) []Scan {
	t.Helper()
	rows := func(name string) [][]string {
		f, err := os.Open("testdata/oracle/luna16-small/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		all, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return all
	}
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	var scans []Scan
	index := map[string]int{}
	for _, r := range rows("seriesuids.csv") {
		index[r[0]] = len(scans)
		scans = append(scans, Scan{ID: r[0], Patient: r[0]})
	}
	for _, name := range []string{"annotations.csv", "annotations_excluded.csv"} {
		for _, r := range rows(name)[1:] {
			s := &scans[index[r[0]]]
			s.Truths = append(s.Truths, Truth{
				Centre:   [3]float64{number(r[1]), number(r[2]), number(r[3])},
				Diameter: number(r[4]), Ignore: name != "annotations.csv",
			})
		}
	}
	for _, r := range rows("submission.csv")[1:] {
		s := &scans[index[r[0]]]
		s.Marks = append(s.Marks, Mark{
			Centre: [3]float64{number(r[1]), number(r[2]), number(r[3])}, Score: number(r[4]),
		})
	}
	return scans
}

// Oracle: the official evaluation script of LUNA16.
func TestLUNA16(t *testing.T) {
	var official struct {
		Sens []float64
		CPM  float64
		Lo   []float64 `json:"boot_lo"`
		Up   []float64 `json:"boot_up"`
	}
	readOracle(t, "luna16-small/official.json", &official)
	p := NewPool(readLUNA(t), InSphere)
	c := p.Counts()
	if c.Found != 8 || c.False != 116 || c.Missed != 5 || c.Ignored != 7 || c.Doubles != 3 {
		t.Errorf("counts %+v, want 8 found, 116 false, 5 missed, 7 ignored, 3 doubles", c)
	}
	curve := p.FROC(nil)
	for k, rate := range CPMRates {
		if got := curve.At(rate); got != official.Sens[k] { // to the digit
			t.Errorf("sensitivity at %v: %v, official %v", rate, got, official.Sens[k])
		}
	}
	if got := curve.CPM(); got != official.CPM {
		t.Errorf("CPM %v, official %v", got, official.CPM)
	}

	boot, err := Bootstrap(p.Patients(), 1000, 1, len(CPMRates), p.FROCStatistic(CPMRates[:]))
	if err != nil {
		t.Fatal(err)
	}
	// Two sets of 1,000 resamples of 9 scans differ in their 2.5 % quantiles: by
	// 0.09 at most over ten seeds of ours. The official ones also rank resamples
	// without a found nodule, NaN there, above all others, and are float32.
	const tol = 0.1
	for k, rate := range CPMRates {
		low, high := boot.Interval(k, 0.95)
		near(t, fmt.Sprintf("lower bound at %v", rate), low, official.Lo[k], tol)
		near(t, fmt.Sprintf("upper bound at %v", rate), high, official.Up[k], tol)
		if math.IsNaN(boot.Mean(k)) {
			t.Errorf("mean at %v is NaN", rate)
		}
	}
}

// The size of LUNA16 itself: 888 scans, 1,186 nodules, 55,000 marks.
func BenchmarkLUNA16(b *testing.B) {
	scans := make([]Scan, 888)
	for i := range scans {
		scans[i] = Scan{ID: fmt.Sprint(i), Patient: fmt.Sprint(i)}
		for k := range 62 {
			at := float64(k * 20)
			scans[i].Marks = append(scans[i].Marks, Mark{Centre: [3]float64{at, 0, 0}, Score: math.Mod(float64(i*62+k)*0.618, 1)})
			if k < 1 || k < 2 && i%3 == 0 {
				scans[i].Truths = append(scans[i].Truths, Truth{Centre: [3]float64{at + 2, 0, 0}, Diameter: 8})
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		p := NewPool(scans, InSphere)
		if _, err := Bootstrap(p.Patients(), 1000, 1, len(CPMRates), p.FROCStatistic(CPMRates[:])); err != nil {
			b.Fatal(err)
		}
	}
}
