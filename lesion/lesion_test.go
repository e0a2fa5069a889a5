package lesion

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func nodule(volume, id string) Lesion {
	return Lesion{ID: id, Volume: volume, Patient: "p", CentreLPSMM: [3]float64{1, -2, 3.25}, SizeMM: [3]float64{4, 5, 6}, DiameterMM: 4.9, Label: 1}
}

func TestRoundTripIsSorted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lesions.jsonl")
	ignored := nodule("a", "1")
	ignored.Ignore, ignored.Label = true, 0
	if err := Write(path, []Lesion{nodule("b", "3"), nodule("a", "2"), ignored}); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Lesion{ignored, nodule("a", "2"), nodule("b", "3")}, got); d != "" {
		t.Error(d)
	}
	b, _ := os.ReadFile(path)
	want := `{"centre_lps_mm":[1,-2,3.25],"diameter_mm":4.9,"id":"1","ignore":true,"patient":"p","size_mm":[4,5,6],"volume":"a"}`
	if first, _, _ := strings.Cut(string(b), "\n"); first != want {
		t.Errorf("wrote %s, want %s", first, want)
	}
}

// Detections come by volume, then from the surest down, whatever order they
// were given in.
func TestDetectionsAreSorted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "detections.jsonl")
	size := [3]float64{1, 1, 1}
	want := []Detection{
		{"a", [3]float64{1, 0, 0}, size, 0.9},
		{"a", [3]float64{0, 0, 1}, size, 0.5},
		{"a", [3]float64{0, 2, 0}, size, 0.5},
		{"b", [3]float64{}, size, 1},
	}
	for _, order := range [][4]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
		var rows []Detection
		for _, i := range order {
			rows = append(rows, want[i])
		}
		if err := WriteDetections(path, rows); err != nil {
			t.Fatal(err)
		}
		got, err := ReadDetections(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("order %v: %s", order, d)
		}
	}
}

func TestNoneIsAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "detections.jsonl")
	if err := WriteDetections(path, nil); err != nil {
		t.Fatal(err)
	}
	got, err := ReadDetections(path)
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestValidateRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*Lesion){
		"no id":             func(l *Lesion) { l.ID = "" },
		"no volume":         func(l *Lesion) { l.Volume = "" },
		"NaN centre":        func(l *Lesion) { l.CentreLPSMM[1] = math.NaN() },
		"infinite centre":   func(l *Lesion) { l.CentreLPSMM[0] = math.Inf(-1) },
		"no size":           func(l *Lesion) { l.SizeMM[2] = 0 },
		"negative size":     func(l *Lesion) { l.SizeMM[0] = -1 },
		"NaN size":          func(l *Lesion) { l.SizeMM[0] = math.NaN() },
		"infinite size":     func(l *Lesion) { l.SizeMM[0] = math.Inf(1) },
		"no diameter":       func(l *Lesion) { l.DiameterMM = 0 },
		"NaN diameter":      func(l *Lesion) { l.DiameterMM = math.NaN() },
		"infinite diameter": func(l *Lesion) { l.DiameterMM = math.Inf(1) },
		"label over a byte": func(l *Lesion) { l.Label = 256 },
		"negative label":    func(l *Lesion) { l.Label = -1 },
	} {
		l := nodule("a", "1")
		spoil(&l)
		if l.Validate() == nil {
			t.Errorf("%s: taken as a lesion", name)
		}
		if Write(filepath.Join(t.TempDir(), "l"), []Lesion{l}) == nil {
			t.Errorf("%s: written", name)
		}
	}
	for _, score := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		d := Detection{"a", [3]float64{}, [3]float64{1, 1, 1}, score}
		if d.Validate() == nil {
			t.Errorf("a score of %v was taken", score)
		}
	}
}

// Every error names the row.
func TestReadRefuses(t *testing.T) {
	good := `{"id":"1","volume":"a","patient":"p","centre_lps_mm":[0,0,0],"size_mm":[1,1,1],"diameter_mm":1}` + "\n"
	for name, tt := range map[string]struct{ row, want string }{
		"twice":         {good, "row 2: lesion 1 comes twice"},
		"unknown key":   {`{"id":"2","colour":"red"}`, `:2: json: unknown field "colour"`},
		"no centre":     {`{"id":"2","volume":"a","size_mm":[1,1,1],"diameter_mm":1}`, "row 2: centre_lps_mm: want three"},
		"short centre":  {`{"id":"2","volume":"a","centre_lps_mm":[0,0],"size_mm":[1,1,1],"diameter_mm":1}`, "row 2: centre_lps_mm: want three"},
		"long size":     {`{"id":"2","volume":"a","centre_lps_mm":[0,0,0],"size_mm":[1,1,1,1],"diameter_mm":1}`, "row 2: size_mm: want three"},
		"flat":          {`{"id":"2","volume":"a","centre_lps_mm":[0,0,0],"size_mm":[1,0,1],"diameter_mm":1}`, "row 2: lesion 2: size_mm"},
		"a number only": {`7`, ":2: "},
	} {
		path := filepath.Join(t.TempDir(), "lesions.jsonl")
		if err := os.WriteFile(path, []byte(good+tt.row), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"id":"1","volume":"a","patient":"p","centre_lps_mm":[0,0,0],"size_mm":[1,1,1],"diameter_mm":1}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "in.jsonl")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		rows, err := Read(path)
		if err != nil {
			return
		}
		if err := Write(path, rows); err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		again, err := Read(path)
		if err != nil || len(again) != len(rows) {
			t.Fatalf("%d rows came back as %d: %v", len(rows), len(again), err)
		}
	})
}
