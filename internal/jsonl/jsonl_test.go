package jsonl

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type row struct {
	Zeta  float64        `json:"zeta"`
	Alpha string         `json:"alpha"`
	Inner map[string]int `json:"inner,omitempty"`
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	rows := []row{{0.1, "a<b", map[string]int{"y": 2, "x": 1}}, {1e300, "", nil}}
	if err := Write(path, rows, 0o600); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(path)
	want := `{"alpha":"a<b","inner":{"x":1,"y":2},"zeta":0.1}` + "\n" + `{"alpha":"","zeta":1e+300}` + "\n"
	if string(b) != want {
		t.Errorf("wrote\n%s\nwant\n%s", b, want)
	}
	info, _ := os.Stat(path)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	got, err := Read[row](path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rows, got); d != "" {
		t.Error(d)
	}
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"unknown key":   "{\"alpha\":\"x\"}\n{\"beta\":1}\n",
		"two values":    "{\"alpha\":\"x\"}\n{} {}\n",
		"not JSON":      "{\"alpha\":\"x\"}\nalpha\n",
		"cut short":     "{\"alpha\":\"x\"}\n{\"alpha\":",
		"another shape": "{\"alpha\":\"x\"}\n[1]\n",
	} {
		_, err := Decode[row](strings.NewReader(text))
		if err == nil || !strings.HasPrefix(err.Error(), "2: ") {
			t.Errorf("%s: error %v, want one that names line 2", name, err)
		}
	}
}

func TestWriteRefusesNaN(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := Write(path, []row{{Zeta: math.NaN()}}, 0o600); err == nil {
		t.Error("NaN was written")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a failed write left a file")
	}
}
