package dicomio

import (
	"math"
	"testing"
)

// fdg is a plausible whole-body FDG series: 370 MBq, 74 kg, one hour.
func fdg() petFacts {
	return petFacts{
		PET: PET{
			Units: "BQML", CorrectedImage: []string{"DECY", "ATTN"}, DecayCorrection: "START",
			PatientWeight: 74, TotalDose: 370e6, HalfLife: 6588, StartTime: "100000",
		},
		series:      parseMoment("20200101", "110000"),
		acquisition: parseMoment("20200101", "110000"),
	}
}

func TestSUVFactor(t *testing.T) {
	// By hand: 74,000 g / 370e6 Bq = 2e-4, times 2^(seconds/6588).
	after := func(s float64) float64 { return 2e-4 * math.Exp2(s/6588) }
	tests := []struct {
		name   string
		change func(f *petFacts)
		want   float64
	}{
		{"start", func(f *petFacts) {}, after(3600)},
		{"admin", func(f *petFacts) { f.DecayCorrection = "ADMIN" }, 2e-4},
		{"grams per ml", func(f *petFacts) { f.PET = PET{Units: "GML"} }, 1},
		{"grams per ml by body weight", func(f *petFacts) { f.PET = PET{Units: "GML", SUVType: "BW"} }, 1},
		{"date and time", func(f *petFacts) { f.StartTime, f.StartDateTime = "", "20200101103000.00+0100" }, after(1800)},
		{"date shifted by a day", func(f *petFacts) { f.StartDateTime = "20200102103000" }, after(1800)},
		{"over midnight", func(f *petFacts) {
			f.StartTime = "233000.000000"
			f.series, f.acquisition = parseMoment("20200102", "003000"), parseMoment("20200102", "003000")
		}, after(3600)},
		{"made later: first acquisition", func(f *petFacts) { f.series = parseMoment("20200101", "150000") }, after(3600)},
		{"made later: GE states the start", func(f *petFacts) {
			f.series = parseMoment("20200101", "150000")
			f.GEScanDateTime = "20200101105000.00"
		}, after(3000)},
		{"made later: counted back", func(f *petFacts) {
			f.series = parseMoment("20200101", "150000")
			f.FrameReference, f.FrameDuration = 600e3, 1 // a frame of 1 ms: its middle
		}, after(3000)},
		{"Philips SUV", func(f *petFacts) { f.PET = PET{Units: "CNTS", PhilipsSUV: 0.0003} }, 0.0003},
		{"Philips activity", func(f *petFacts) { f.Units, f.PhilipsActivity = "CNTS", 2 }, 2 * after(3600)},
	}
	for _, tt := range tests {
		f := fdg()
		tt.change(&f)
		got, err := f.suvFactor()
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := math.Abs(got/tt.want - 1); !(diff <= 1e-6) {
			t.Errorf("%s: factor %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestSUVRefuses(t *testing.T) {
	tests := []struct {
		reason Reason
		change func(f *petFacts)
	}{
		{SUVUnits, func(f *petFacts) { f.Units = "CNTS" }},
		{SUVUnits, func(f *petFacts) { f.Units = "" }},
		{SUVUnits, func(f *petFacts) { f.mixed = true }},
		{SUVType, func(f *petFacts) { f.Units, f.SUVType = "GML", "LBM" }},
		{SUVNotCorrected, func(f *petFacts) { f.CorrectedImage = []string{"DECY"} }},
		{SUVDecay, func(f *petFacts) { f.DecayCorrection = "NONE" }},
		{SUVWeight, func(f *petFacts) { f.PatientWeight = 0 }},
		{SUVWeight, func(f *petFacts) { f.PatientWeight = 74000 }},
		{SUVWeight, func(f *petFacts) { f.PatientWeight = math.NaN() }},
		{SUVDose, func(f *petFacts) { f.TotalDose = 370 }}, // MBq, where Bq is meant
		{SUVHalfLife, func(f *petFacts) { f.HalfLife = 0 }},
		{SUVTimes, func(f *petFacts) { f.StartTime = "" }},
		{SUVTimes, func(f *petFacts) { f.StartTime = "120000" }}, // after the scan
		{SUVTimes, func(f *petFacts) { f.series, f.acquisition = moment{}, moment{} }},
		{SUVTimes, func(f *petFacts) {
			f.StartTime = "000000.00"
			f.series, f.acquisition = parseMoment("", "000000.00"), parseMoment("", "000000.00")
		}},
	}
	for i, tt := range tests {
		f := fdg()
		tt.change(&f)
		if _, err := f.suvFactor(); ReasonOf(err) != tt.reason {
			t.Errorf("case %d: error %v, want %s", i, err, tt.reason)
		}
	}
}

func TestPETFactsMerge(t *testing.T) {
	a, b := fdg(), fdg()
	a.sop, b.sop = "1", "2"
	b.acquisition = parseMoment("20200101", "105900")
	if x, y := a.merge(b), b.merge(a); x.sop != "2" || y.sop != "2" || x.mixed || y.mixed {
		t.Errorf("merged to %+v and %+v, want the slice acquired first", x, y)
	}
	b.TotalDose++
	if !a.merge(b).mixed {
		t.Error("different doses were merged in silence")
	}
}

func FuzzMoment(f *testing.F) {
	f.Add("20200101", "110000.5")
	f.Add("2020.01.01", "11:00:00")
	f.Fuzz(func(t *testing.T, da, tm string) {
		for _, m := range []moment{parseMoment(da, tm), parseDateTime(da + tm)} {
			if !(m.second >= 0 && m.second < day) {
				t.Errorf("%q %q is second %v of its day", da, tm, m.second)
			}
		}
	})
}
