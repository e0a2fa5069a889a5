package eval

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/internal/stage"
)

func TestRunFiles(t *testing.T) {
	dir := t.TempDir()
	out := evaluated(t, dir, "good", 0.9, 1)
	checkReport(t, out)
	var m Metrics
	must(t, readJSON(filepath.Join(out, "metrics.json"), &m))
	d := m.Methods[0]
	if d.Counts.Scans != 60 || d.Counts.Lesions != 60 || m.Patients != 40 || len(m.Points) != 1 {
		t.Errorf("counts %+v, %d patients, %d points", d.Counts, m.Patients, len(m.Points))
	}
	for by, n := range map[string]int{"site": 3, "sex": 2, "age_band": 2, "slice_thickness": 2, "modality": 1, "vendor": 0} {
		if got := len(d.Groups(by)); got != n {
			t.Errorf("%d groups by %s, want %d", got, by, n)
		}
	}
	html, err := os.ReadFile(filepath.Join(out, "report.html"))
	must(t, err)
	for _, secret := range []string{">p01", "s01"} {
		if strings.Contains(string(html), secret) {
			t.Errorf("the report names %s", secret)
		}
	}
	if b, err := os.ReadFile(filepath.Join(out, OutcomesFile)); err != nil || strings.Contains(string(b), "p01") || strings.Contains(string(b), "s01") {
		t.Errorf("outcomes.json names a patient or a scan; error %v", err)
	}
}

// Studies without some class, lesion or patient: values or reasons, never NaN.
func TestFilesOfLittle(t *testing.T) {
	const truth, found, scans = "volume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm\n", "volume,x_lps_mm,y_lps_mm,z_lps_mm,score\n", "volume,patient\n"
	for name, tt := range map[string]struct{ truth, found, scans string }{
		"no detection":     {truth + "a,1,2,3,9\nb,1,2,3,9\n", found, scans + "a,p\nb,q\nc,r\n"},
		"no lesion":        {truth, found + "a,1,2,3,0.5\nb,1,2,3,0.5\n", scans + "a,p\nb,q\n"},
		"every scan":       {truth + "a,1,2,3,9\nb,1,2,3,9\n", found + "a,1,2,3,0.5\n", ""},
		"one patient":      {truth + "a,1,2,3,9\n", found + "a,1,2,3,0.5\nb,1,2,3,0.25\n", scans + "a,p\nb,p\n"},
		"one scan":         {truth + "a,1,2,3,9\n", found + "a,1,2,3,0.5\n", ""},
		"unbounded scores": {truth + "a,1,2,3,9\n", found + "a,1,2,3,-7.5\nb,1,2,3,12e300\n", scans + "a,p\nb,q\nc,r\nd,s\n"},
		"equal scores":     {truth + "a,1,2,3,9\nc,1,2,3,9\n", found + "a,1,2,3,1\nb,1,2,3,1\nc,1,2,3,1\nd,1,2,3,1\n", scans + "a,p\nb,q\nc,r\nd,s\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "no lesion" && name != "one scan" {
				t.Skip("-short: two of the cases stand for all")
			}
			dir := t.TempDir()
			cfg := FilesConfig{Truth: write(t, dir, "t.csv", tt.truth), Detections: write(t, dir, "d.csv", tt.found), Match: matchSphere, IoU: 0.1, DistanceMM: 10, Bootstrap: 40}
			if tt.scans != "" {
				cfg.Scans = write(t, dir, "s.csv", tt.scans)
			}
			out := t.TempDir()
			must(t, RunFiles(context.Background(), cfg, stage.Env{Seed: 1, Out: out, Version: "test"}))
			checkReport(t, out)
			var m Metrics
			must(t, readJSON(filepath.Join(out, "metrics.json"), &m))
			for _, figures := range [][]Figure{m.Methods[0].Figures, m.Methods[0].Calibration.Figures} {
				for _, g := range figures {
					if (g.Value == nil) != (g.Undefined != "") {
						t.Errorf("figure %+v: want a value or a reason", g)
					}
				}
			}
			must(t, os.MkdirAll(filepath.Join(dir, "c"), 0o755))
			must(t, Compare(context.Background(), CompareConfig{out, out, 40, 40}, stage.Env{Out: filepath.Join(dir, "c")}))
			checkReport(t, filepath.Join(dir, "c"))
		})
	}
}

func TestRunFilesRefuses(t *testing.T) {
	const truth = "volume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm\na,1,2,3,9\n"
	const found = "volume,x_lps_mm,y_lps_mm,z_lps_mm,score\na,1,2,3,0.5\n"
	for name, tt := range map[string]struct{ truth, found, scans, points, want string }{
		"unknown scan":          {truth, found + "b,1,2,3,0.5\n", "", "", "row 2: volume \"b\" has no lesion"},
		"not among the scans":   {truth, found + "b,1,2,3,0.5\n", "volume\na\n", "", "row 2: volume \"b\" is not among"},
		"truth not among them":  {truth, found, "volume\nb\n", "", "row 1: volume \"a\" is not among"},
		"NaN score":             {truth, found + "a,1,2,3,NaN\n", "", "", ":3: score"},
		"infinite score":        {truth, found + "a,1,2,3,Inf\n", "", "", ":3: score"},
		"negative size":         {truth + "a,1,2,3,-9\n", found, "", "", ":3: diameter_mm"},
		"detection twice":       {truth, found + "a,1,2,3,0.5\n", "", "", "row 2: the same detection comes twice"},
		"lesion twice":          {truth + "a,1,2,3,9\n", found, "", "", "row 2: the same lesion comes twice"},
		"empty truth":           {"", found, "", "", "empty"},
		"empty detections":      {truth, "", "", "", "empty"},
		"no scan":               {truth[:len(truth)-len("a,1,2,3,9\n")], found[:len(found)-len("a,1,2,3,0.5\n")], "", "", "no scan"},
		"scan twice":            {truth, found, "volume\na\na\n", "", ":3: volume \"a\" comes twice"},
		"an age":                {truth, found, "volume,age_band\na,57\n", "", ":2: age_band"},
		"no thickness":          {truth, found, "volume,slice_thickness_mm\na,0\n", "", ":2: slice_thickness_mm"},
		"unknown scan column":   {truth, found, "volume,name\na,x\n", "", `unknown column "name"`},
		"point of no threshold": {truth, found, "", `{"points":[{"name":"x"}]}`, "point 1: no threshold"},
	} {
		dir := t.TempDir()
		cfg := FilesConfig{Truth: write(t, dir, "t.csv", tt.truth), Detections: write(t, dir, "d.csv", tt.found), Match: matchSphere, IoU: 0.1, DistanceMM: 10, Bootstrap: 40}
		if tt.scans != "" {
			cfg.Scans = write(t, dir, "s.csv", tt.scans)
		}
		if tt.points != "" {
			cfg.Points = write(t, dir, "p.json", tt.points)
		}
		err := RunFiles(context.Background(), cfg, stage.Env{Out: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
	dir := t.TempDir()
	cfg := FilesConfig{Truth: write(t, dir, "t.csv", truth), Detections: write(t, dir, "d.csv", found), Match: matchIoU, IoU: 0.1, DistanceMM: 10, Bootstrap: 40}
	if err := RunFiles(context.Background(), cfg, stage.Env{Out: dir}); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("overlap of detections without sizes: error %v", err)
	}
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}
