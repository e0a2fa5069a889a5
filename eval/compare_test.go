package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"oncovox/eval/metric"
	"oncovox/internal/rng"
	"oncovox/internal/stage"
)

// detector writes truth.csv, scans.csv and the detections of a made detector
// that finds a share of the lesions, of 60 scans of 40 patients.
func writeFiles(t testing.TB, dir, name string, share float64, seed int64) FilesConfig {
	t.Helper()
	var truth, scans, found strings.Builder
	truth.WriteString("volume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm\n")
	scans.WriteString("volume,patient,modality,site,sex,age_band,slice_thickness_mm\n")
	found.WriteString("volume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm,score\n")
	for i := range 60 {
		fmt.Fprintf(&scans, "s%02d,p%02d,CT,site %d,%s,%s,%g\n", i, i*2/3, i%3, []string{"F", "M"}[i%2], []string{"40-59", "60-79"}[i/2%2], []float64{1, 5}[i%2])
		r := rng.At(seed, "detector", i)
		for k := range i % 3 {
			fmt.Fprintf(&truth, "s%02d,%d,0,0,12\n", i, 100*k)
			if r.Float64() < share {
				fmt.Fprintf(&found, "s%02d,%d,1,0,11,%.6f\n", i, 100*k, 0.4+0.6*r.Float64())
			}
		}
		for k := range 3 {
			fmt.Fprintf(&found, "s%02d,%d,80,0,11,%.6f\n", i, 50*k, 0.7*r.Float64())
		}
	}
	points := filepath.Join(dir, "points.json")
	must(t, os.WriteFile(points, []byte(`{"points":[{"name":"1 FP/scan","fp_per_scan":1,"threshold":0.45}],"part":"val","patients":["another"]}`), 0o644))
	cfg := FilesConfig{Truth: filepath.Join(dir, "truth.csv"), Scans: filepath.Join(dir, "scans.csv"), Detections: filepath.Join(dir, name+".csv"),
		Points: points, Match: matchSphere, IoU: 0.1, DistanceMM: 10, Bootstrap: 200}
	must(t, os.WriteFile(cfg.Truth, []byte(truth.String()), 0o644))
	must(t, os.WriteFile(cfg.Scans, []byte(scans.String()), 0o644))
	must(t, os.WriteFile(cfg.Detections, []byte(found.String()), 0o644))
	return cfg
}

// evaluated judges a made detector and returns the folder.
func evaluated(t testing.TB, dir, name string, share float64, seed int64) string {
	t.Helper()
	cfg := writeFiles(t, dir, name, share, seed)
	out := filepath.Join(dir, name)
	must(t, os.MkdirAll(out, 0o755))
	must(t, RunFiles(context.Background(), cfg, stage.Env{Seed: 1, Out: out, Version: "test"}))
	return out
}

func mustCompare(t testing.TB, a, b, out string) Comparison {
	t.Helper()
	must(t, os.MkdirAll(out, 0o755))
	must(t, Compare(context.Background(), CompareConfig{a, b, 300, 300}, stage.Env{Seed: 1, Out: out}))
	var c Comparison
	must(t, readJSON(filepath.Join(out, "compare.json"), &c))
	return c
}

func TestCompare(t *testing.T) {
	dir := t.TempDir()
	good, other, bad := evaluated(t, dir, "good", 0.95, 1), evaluated(t, dir, "other", 0.95, 2), evaluated(t, dir, "bad", 0.3, 3)
	checkReport(t, good)

	c := mustCompare(t, good, bad, filepath.Join(dir, "good-bad"))
	if c.Verdict != verdictA || c.A != "good" || c.Patients != 40 || c.Scans != 60 || c.Lesions != 60 {
		t.Errorf("verdict %q of %s, %d scans, %d patients, %d lesions", c.Verdict, c.A, c.Scans, c.Patients, c.Lesions)
	}
	back := mustCompare(t, bad, good, filepath.Join(dir, "bad-good"))
	if back.Verdict != verdictB {
		t.Errorf("swapped: verdict %q", back.Verdict)
	}
	for i, f := range c.Figures { // the same resamples, so that all is mirrored
		g := back.Figures[i]
		if f.Key == "sensitivity_1fp" && *f.Difference <= 0 || *f.Difference != -*g.Difference || *f.A != *g.B || *f.P != *g.P {
			t.Errorf("figure %+v, swapped %+v", f, g)
		}
	}
	if tests := c.Tests; tests[0].Verdict != verdictA || tests[0].Pairs != 60 || *tests[0].P > *tests[0].PHolm {
		t.Errorf("test of the lesions %+v", tests[0])
	}

	same := mustCompare(t, good, other, filepath.Join(dir, "good-other"))
	if same.Verdict != verdictNone || !strings.Contains(same.Words, "no evidence of a difference") {
		t.Errorf("two alike: %q, %q", same.Verdict, same.Words)
	}
	self := mustCompare(t, good, good, filepath.Join(dir, "self"))
	if self.A != "A" || *self.Figures[0].Difference != 0 || *self.Figures[0].P != 1 || self.Verdict != verdictNone {
		t.Errorf("one with itself: %+v", self.Figures[0])
	}
	checkReport(t, filepath.Join(dir, "self"))
	text, err := os.ReadFile(filepath.Join(dir, "good-bad", "compare.md"))
	must(t, err)
	if !strings.Contains(string(text), "good is better than bad") {
		t.Errorf("compare.md says\n%s", text)
	}

	procs := runtime.GOMAXPROCS(1)
	mustCompare(t, good, bad, filepath.Join(dir, "again"))
	runtime.GOMAXPROCS(procs)
	sameFiles(t, filepath.Join(dir, "good-bad"), filepath.Join(dir, "again"))
}

func TestCompareRefuses(t *testing.T) {
	dir := t.TempDir()
	luna := filepath.Join(dir, "luna")
	must(t, os.MkdirAll(luna, 0o755))
	must(t, RunLUNA16(context.Background(), lunaConfig(), stage.Env{Seed: 1, Out: luna, Version: "test"}))
	text, err := os.ReadFile(filepath.Join(luna, OutcomesFile))
	must(t, err)
	edited := func(name, old, new string) string {
		out := filepath.Join(dir, name)
		must(t, os.MkdirAll(out, 0o755))
		if !strings.Contains(string(text), old) {
			t.Fatalf("no %s in outcomes.json", old)
		}
		must(t, os.WriteFile(filepath.Join(out, OutcomesFile), []byte(strings.Replace(string(text), old, new, 1)), 0o644))
		return out
	}
	for name, b := range map[string]string{
		"another rule":    edited("rule", `"hit": "`, `"hit": "Other `),
		"other scans":     edited("ids", `"ids": "`, `"ids": "0`),
		"another patient": edited("patients", `"patient": 1`, `"patient": 0`),
		"other findings":  edited("ignored", `"ignored": 0`, `"ignored": 2`),
	} {
		err := Compare(context.Background(), CompareConfig{luna, b, 300, 300}, stage.Env{Out: dir})
		if !errors.Is(err, stage.ErrConfig) {
			t.Errorf("%s: error %v, want a wrong configuration", name, err)
		}
	}
	for name, b := range map[string]string{"no folder": filepath.Join(dir, "none"), "a patient out of order": edited("order", `"patient": 0`, `"patient": 7`), "cut short": edited("cut", "}", "")} {
		if err := Compare(context.Background(), CompareConfig{luna, b, 300, 300}, stage.Env{Out: dir}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// Two submissions to LUNA16 can be compared, by the figures of lesions and scans alone.
	c := mustCompare(t, luna, luna, filepath.Join(dir, "luna-luna"))
	if *c.Figures[0].A != 0.46153846153846156 || c.Tests[0].Undefined == "" {
		t.Errorf("CPM %v, tests %+v", *c.Figures[0].A, c.Tests)
	}
}

// The pool that is made from outcomes has the figures of the one they are of.
func TestOutcomesKeepFigures(t *testing.T) {
	scans, _, err := readLUNA16(lunaConfig())
	must(t, err)
	p := metric.NewPool(scans, metric.InSphere)
	q := outcomesOf("", p, nil).pool()
	if p.FROC(nil).CPM() != q.FROC(nil).CPM() || p.AP(nil) != q.AP(nil) || !slices.Equal(p.Patients(), q.Patients()) {
		t.Errorf("CPM %v and %v, AP %v and %v", p.FROC(nil).CPM(), q.FROC(nil).CPM(), p.AP(nil), q.AP(nil))
	}
	y, s, _ := p.Cases()
	z, r, _ := q.Cases()
	if !slices.Equal(y, z) || !slices.Equal(s, r) {
		t.Error("other cases")
	}
}
