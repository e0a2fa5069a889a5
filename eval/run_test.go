package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"oncovox/internal/stage"
	"oncovox/lesion"
)

func small() Config {
	c := Default()
	c.Bootstrap, c.Gallery = 200, 3
	return c
}

// run evaluates f and returns the folder and metrics.json.
func run(t *testing.T, f *fixture, cfg Config, name string) (string, Metrics) {
	t.Helper()
	env := f.env(t, name)
	must(t, Run(context.Background(), cfg, env))
	checkReport(t, env.Out)
	var m Metrics
	b, err := os.ReadFile(filepath.Join(env.Out, "metrics.json"))
	must(t, err)
	must(t, json.Unmarshal(b, &m))
	var keys any
	must(t, json.Unmarshal(b, &keys))
	checkKeys(t, keys)
	return env.Out, m
}

// checkKeys fails where an object in v has a key that is not lower_snake.
func checkKeys(t *testing.T, v any) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			checkKeys(t, e)
		}
	case map[string]any:
		for key, e := range v {
			if !lowerSnake.MatchString(key) {
				t.Errorf("metrics.json has the key %q, want lower_snake", key)
			}
			checkKeys(t, e)
		}
	}
}

var lowerSnake = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

var outside = regexp.MustCompile(`(?i)(src|href|url)\s*[=(]\s*["']?\s*(https?:|//)|@import`)

// pictureText is a picture as text, in which any letters may meet.
var pictureText = regexp.MustCompile(`data:image/[a-z+]+;base64,[A-Za-z0-9+/=]*`)

// checkReport fails where a file that people read holds NaN or an infinity, or
// the report asks another host.
func checkReport(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) == ".png" {
			return err
		}
		b, err := os.ReadFile(path)
		b = pictureText.ReplaceAll(b, nil)
		for _, bad := range []string{"NaN", "+Inf", "-Inf", "%!"} {
			if bytes.Contains(b, []byte(bad)) {
				t.Errorf("%s holds %s", path, bad)
			}
		}
		checkSchema(t, path, b)
		if filepath.Ext(path) == ".html" {
			if m := outside.Find(b); m != nil {
				t.Errorf("%s asks for %s", path, m)
			}
		}
		return err
	}))
}

func TestRun(t *testing.T) {
	f := newFixture(t, 24, "HU")
	f.train(t)
	f.giveCounts(t)
	dir, m := run(t, f, small(), "report")
	checkMetrics(t, m)
	for _, name := range []string{"metrics.csv", "report.html", "model_card.md", "curves/detector-froc.csv",
		"curves/detector-froc-band.csv", "plots/froc.svg", "plots/froc.png", "plots/roc.svg", "plots/pr.svg", "plots/pretraining.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(m.Methods) != 2 || m.Methods[1].Method != centralBox || len(m.Points) != 3 || len(m.Baselines) != 1 {
		t.Errorf("%d methods, %d points, %d baselines; want 2, 3, 1", len(m.Methods), len(m.Points), len(m.Baselines))
	}
	if m.WorkingPoint.Threshold != 0.45 {
		t.Errorf("working point %+v, want that of 1 FP/scan on validation", m.WorkingPoint)
	}
	for _, r := range m.Methods {
		for _, g := range r.Figures {
			if g.Definition == "" || (g.Value == nil) != (g.Undefined != "") {
				t.Errorf("%s: figure %+v: want a definition, and a value or a reason", r.Method, g)
			}
		}
	}
	html, err := os.ReadFile(filepath.Join(dir, "report.html"))
	must(t, err)
	for _, want := range []string{"Made data", "Best hits", "Missed lesions", "False detections", "nothing is shared", "data:image/png;base64,", "nearest visible patch"} {
		if !bytes.Contains(html, []byte(want)) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for _, l := range f.lesions {
		if bytes.Contains(html, []byte(l.Patient)) {
			t.Errorf("the report names patient %s", l.Patient)
		}
	}
	if dir := os.Getenv("ONCOVOX_REPORT"); dir != "" { // to look at
		must(t, os.CopyFS(dir, os.DirFS(filepath.Join(f.root, "report"))))
	}
	procs := runtime.GOMAXPROCS(1)
	again, _ := run(t, f, small(), "again")
	runtime.GOMAXPROCS(procs)
	sameFiles(t, dir, again)
}

// sameFiles fails unless both folders hold the same bytes.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	must(t, filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(a, path)
		x, err := os.ReadFile(path)
		must(t, err)
		y, err := os.ReadFile(filepath.Join(b, rel))
		if err != nil || !bytes.Equal(x, y) {
			t.Errorf("%s differs in a second run: %v", rel, err)
		}
		return nil
	}))
}

func TestBaselinesInSUV(t *testing.T) {
	f := newFixture(t, 18, "SUV")
	cfg := small()
	cfg.Baselines = []string{centralBox, suvThreshold, hottestVoxel}
	cfg.SUVThreshold = 6 // tissue lies below 5, lesions at 11
	_, m := run(t, f, cfg, "report")
	suv := m.Methods[2]
	if suv.Method != suvThreshold || suv.Counts.Found == 0 || suv.Counts.False != 0 {
		t.Errorf("threshold found %+v, want lesions and nothing false", suv.Counts)
	}
	if hot := m.Methods[3]; hot.Counts.Found == 0 || hot.Counts.Doubles != 0 {
		t.Errorf("hottest voxel found %+v, want at most one lesion a scan", hot.Counts)
	}
	// The same baselines have no meaning in HU.
	g := newFixture(t, 12, "HU")
	_, m = run(t, g, cfg, "report")
	if m.Methods[2].Absent == "" || m.Methods[3].Absent == "" || m.Methods[1].Absent != "" {
		t.Errorf("in HU: %q, %q, %q", m.Methods[1].Absent, m.Methods[2].Absent, m.Methods[3].Absent)
	}
}

func TestIoUMatch(t *testing.T) {
	f := newFixture(t, 18, "HU")
	cfg := small()
	cfg.Match = matchIoU
	_, m := run(t, f, cfg, "report")
	d := m.Methods[0]
	ap, ap10 := d.Figure("ap"), d.Figure("ap_iou_10")
	if *ap.Value != *ap10.Value {
		t.Errorf("AP %v, at IoU 0.1 %v: want the same", *ap.Value, *ap10.Value)
	}
}

// Studies in which figures have no value: the report says so.
func TestUndefined(t *testing.T) {
	f := newFixture(t, 12, "HU")
	t.Run("nothing detected", func(t *testing.T) {
		must(t, lesion.WriteDetections(filepath.Join(f.detections, "detections.jsonl"), nil))
		_, m := run(t, f, small(), "silent")
		if cpm := m.Methods[0].Figure("cpm"); cpm.Value == nil || *cpm.Value != 0 {
			t.Errorf("CPM %+v, want 0", cpm)
		}
		if c := m.Methods[0].Figure("centre_error"); c.Undefined == "" {
			t.Errorf("centre error %+v, want none", c)
		}
	})
	t.Run("no lesion", func(t *testing.T) {
		path := filepath.Join(f.data, "dataset", "lesions.jsonl")
		must(t, lesion.Write(path, nil))
		f.detect(t)
		_, m := run(t, f, small(), "healthy")
		for _, key := range []string{"cpm", "ap", "auc", "sensitivity_1fp"} {
			if g := m.Methods[0].Figure(key); g.Value != nil || g.Undefined == "" {
				t.Errorf("%s %+v, want a reason", key, g)
			}
		}
		for _, g := range m.Methods[0].Calibration.Figures {
			if line := slices.Contains([]string{"slope", "intercept", "in_the_large"}, g.Key); line != (g.Value == nil) {
				t.Errorf("%s of scans without lesions: %+v", g.Key, g)
			}
		}
	})
}

func TestRunRefuses(t *testing.T) {
	f := newFixture(t, 9, "HU")
	path := filepath.Join(f.detections, "detections.jsonl")
	good, err := os.ReadFile(path)
	must(t, err)
	first, _, _ := strings.Cut(string(good), "\n")
	for name, tt := range map[string]struct{ text, want string }{
		"unknown scan":  {strings.Replace(first, `"volume":"`, `"volume":"x`, 1), "row 1"},
		"NaN score":     {strings.Replace(first, `"score":0`, `"score":NaN0`, 1), "1:"},
		"negative size": {strings.Replace(first, `"size_mm":[`, `"size_mm":[-`, 1), "size_mm"},
		"duplicate row": {first + "\n" + first + "\n", "row 2"},
		"score above 1": {strings.Replace(first, `"score":0`, `"score":1`, 1), "score"},
		"not JSON":      {"volume,x,y,z\n", "1:"},
	} {
		must(t, os.WriteFile(path, []byte(tt.text), 0o644))
		err := Run(context.Background(), small(), f.env(t, "refused"))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
	must(t, os.WriteFile(path, good, 0o644))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ctx, small(), f.env(t, "cancelled")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
	env := f.env(t, "roles")
	delete(env.In, "detections")
	if err := Run(context.Background(), small(), env); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("no detections: error %v, want a wrong configuration", err)
	}
}

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
	for key, change := range map[string]func(*Config){
		"part":           func(c *Config) { c.Part = "" },
		"match":          func(c *Config) { c.Match = "dice" },
		"iou":            func(c *Config) { c.IoU = 0 },
		"fp_rates":       func(c *Config) { c.FPRates = []float64{1, 1} },
		"bootstrap":      func(c *Config) { c.Bootstrap = 1 },
		"suv_threshold":  func(c *Config) { c.SUVThreshold = -1 },
		"size_bins_mm":   func(c *Config) { c.SizeBinsMM = []float64{0} },
		"smallest_group": func(c *Config) { c.SmallestGroup = 0 },
		"prevalence":     func(c *Config) { c.Prevalence = 1 },
		"gallery":        func(c *Config) { c.Gallery = -1 },
		"baselines":      func(c *Config) { c.Baselines = []string{centralBox, centralBox} },
	} {
		c := Default()
		c.FPRates = slices.Clone(c.FPRates)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: error %v", key, err)
		}
	}
}
