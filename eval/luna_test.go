package eval

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/internal/stage"
)

// lunaConfig names the small study of the official script's corner cases.
func lunaConfig() LUNA16Config {
	dir := "metric/testdata/oracle/luna16-small/"
	return LUNA16Config{dir + "annotations.csv", dir + "annotations_excluded.csv", dir + "seriesuids.csv", dir + "submission.csv", 1000}
}

// Oracle: the official evaluation script; the values are checked one by one in
// metric, here that they reach the file.
func TestRunLUNA16(t *testing.T) {
	out := t.TempDir()
	must(t, RunLUNA16(context.Background(), lunaConfig(), stage.Env{Seed: 1, Out: out, Version: "test"}))
	b, err := os.ReadFile(filepath.Join(out, "metrics.json"))
	must(t, err)
	var got luna16File
	must(t, json.Unmarshal(b, &got))
	want := luna16Counts{Series: 9, Nodules: 13, TruePositives: 8, FalsePositives: 116, FalseNegatives: 5, Ignored: 7, Doubles: 3, Dropped: got.Counts.Dropped}
	if got.Counts != want {
		t.Errorf("counts %+v, want %+v", got.Counts, want)
	}
	if cpm := got.Figures[0].Value; cpm == nil || *cpm != 0.46153846153846156 {
		t.Errorf("CPM %v, want 0.46153846153846156", cpm)
	}
	if s := got.Rates[4].Sensitivity; s == nil || *s != 0.6153846153846154 {
		t.Errorf("sensitivity at 2 FP/scan %v, want 0.6153846153846154", s)
	}
	checkReport(t, out)
}

func TestRunLUNA16Refuses(t *testing.T) {
	for name, tt := range map[string]struct {
		file, text, want string
	}{
		"no such column":    {"submission", "seriesuid,coordX,coordY,coordZ,score\n", `no column "probability"`},
		"empty":             {"submission", "", "empty"},
		"not a number":      {"submission", "seriesuid,coordX,coordY,coordZ,probability\ns00,1,2,x,0.5\n", ":2: coordZ"},
		"NaN score":         {"submission", "seriesuid,coordX,coordY,coordZ,probability\ns00,1,2,3,NaN\n", ":2: probability"},
		"infinite diameter": {"annotations", "seriesuid,coordX,coordY,coordZ,diameter_mm\ns00,1,2,3,inf\n", ":2: diameter_mm"},
		"short row":         {"annotations", "seriesuid,coordX,coordY,coordZ,diameter_mm\ns00,1,2,3\n", "line 2"},
		"series twice":      {"series", "s00\ns00\n", ":2: the series comes twice"},
		"no series":         {"series", "", "no series"},
	} {
		cfg := lunaConfig()
		path := filepath.Join(t.TempDir(), "bad.csv")
		must(t, os.WriteFile(path, []byte(tt.text), 0o644))
		switch tt.file {
		case "submission":
			cfg.Submission = path
		case "annotations":
			cfg.Annotations = path
		case "series":
			cfg.Series = path
		}
		err := RunLUNA16(context.Background(), cfg, stage.Env{Out: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
}

// Whatever a CSV file holds, reading it ends, and numbers are finite.
func FuzzCSV(f *testing.F) {
	f.Add("seriesuid,coordX,coordY,coordZ,probability\ns00,1,2,3,0.5\n")
	f.Add("\ufeffprobability,coordZ,coordY,coordX,seriesuid\n1e309,1,2,3,\"a\nb\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(t.TempDir(), "f.csv")
		must(t, os.WriteFile(path, []byte(text), 0o644))
		eachRow(path, []string{"seriesuid", "coordX", "probability"}, func(cells []string, v []float64) error {
			if number(v[0]) == nil || number(v[1]) == nil || cells[0] == "" {
				t.Errorf("row %q %v", cells, v)
			}
			return nil
		})
	})
}
