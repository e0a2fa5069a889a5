package volume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func record(id string) Record {
	g := Grid([3]int{2, 3, 4}, [3]float64{3, 1, 1}, [3]float64{5, 6, 7})
	return Record{
		ID: id, Patient: "p", Study: "st", Series: "se", Modality: "CT", Unit: "HU", Verdict: "volume",
		Shape: g.Shape, SpacingMM: g.SpacingMM(), Affine: g.Affine, DType: "int16", Digest: "d", Labelled: true,
	}
}

func TestRecordsRoundTripSorted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "volumes.jsonl")
	if err := WriteRecords(path, []Record{record("b"), record("a")}); err != nil {
		t.Fatal(err)
	}
	got, err := ReadRecords(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Record{record("a"), record("b")}, got); d != "" {
		t.Error(d)
	}
}

func TestRecordsRefuse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "volumes.jsonl")
	for name, spoil := range map[string]func(*Record){
		"a path as id": func(r *Record) { r.ID = "../b" },
		"no id":        func(r *Record) { r.ID = "" },
		"no patient":   func(r *Record) { r.Patient = "" },
		"no shape":     func(r *Record) { r.Shape = [3]int{} },
	} {
		r := record("a")
		spoil(&r)
		if err := WriteRecords(path, []Record{r}); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if err := WriteRecords(path, []Record{record("a")}); err != nil {
		t.Fatal(err)
	}
	line, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(line) + string(line): "row 2: volume a comes twice",
		string(line) + strings.Replace(string(line), `"id":"a"`, `"id":"a/../b"`, 1): "row 2: volume id",
		string(line) + strings.Replace(string(line), `[2,3,4]`, `[2,3,-4]`, 1):       "row 2: volume a: shape",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRecords(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
