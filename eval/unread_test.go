package eval

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
)

// Scans that the detector could not read count as scans without detections, and
// the report has the figures without them beside it.
func TestUnreadScans(t *testing.T) {
	f := newFixture(t, 15, "HU")
	f.train(t)
	path := filepath.Join(f.detections, "detections.jsonl")
	with, err := os.ReadFile(path)
	must(t, err)
	lost, kept := f.fail(t, 3)
	dir, m := run(t, f, small(), "report")
	u := m.Unread
	if u == nil || u.Scans != 3 || u.Lesions != lost || u.Reasons["missing"] != 3 || u.Working.Lesions != kept {
		t.Fatalf("unread %+v, want 3 scans with %d lesions, and %d in the others", u, lost, kept)
	}
	if c := m.Methods[0].Counts; c.Lesions != lost+kept || c.Missed < lost {
		t.Errorf("counts %+v: want %d lesions, and %d of them missed at least", c, lost+kept, lost)
	}
	read := &Result{Figures: u.Figures}
	for _, key := range []string{"cpm", "sensitivity_1fp", "ap"} {
		if all, some := m.Methods[0].Figure(key), read.Figure(key); !(*all.Value < *some.Value) {
			t.Errorf("%s is %v, without the unread scans %v: want more", key, *all.Value, *some.Value)
		}
	}
	if m.Points[1].Found != u.Points[1].Found || m.Points[1].Lesions != u.Points[1].Lesions+lost {
		t.Errorf("point %+v, without the unread scans %+v", m.Points[1], u.Points[1])
	}
	html, err := os.ReadFile(filepath.Join(dir, "report.html"))
	must(t, err)
	for _, want := range []string{"could not read 3 scans of these (3 missing)", "Scans that the detector could not read", "3 scans got no answer"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	// A scan cannot be unread and answered.
	must(t, os.WriteFile(path, with, 0o644))
	if err := Run(context.Background(), small(), f.env(t, "both")); err == nil || !strings.Contains(err.Error(), "has detections, although it could not be read") {
		t.Errorf("detections in a scan that was not read: error %v", err)
	}
	must(t, jsonl.Write(filepath.Join(f.detections, stage.FailedFile), []stage.Failed{{Volume: "x", Reason: "missing"}}, 0o644))
	if err := Run(context.Background(), small(), f.env(t, "unknown")); err == nil || !strings.Contains(err.Error(), "is not in the dataset") {
		t.Errorf("an unknown scan that was not read: error %v", err)
	}
}

// fail takes the answers to n test scans with lesions away, as scans that could
// not be read, and returns how many lesions these and the others have.
func (f *fixture) fail(t *testing.T, n int) (lost, kept int) {
	t.Helper()
	set, err := dataset.Open(f.data)
	must(t, err)
	defer set.Close()
	path := filepath.Join(f.detections, "detections.jsonl")
	rows, err := lesion.ReadDetections(path)
	must(t, err)
	var failed []stage.Failed
	for _, it := range set.Items(dataset.Test) {
		if len(failed) == n || len(it.Lesions) == 0 {
			kept += len(it.Lesions)
			continue
		}
		failed = append(failed, stage.Failed{Volume: it.ID, Part: it.Part, Reason: "missing"})
		lost += len(it.Lesions)
		rows = slices.DeleteFunc(rows, func(d lesion.Detection) bool { return d.Volume == it.ID })
	}
	must(t, lesion.WriteDetections(path, rows))
	must(t, jsonl.Write(filepath.Join(f.detections, stage.FailedFile), failed, 0o644))
	return lost, kept
}

// The same from files: a scan may be marked as failed.
func TestUnreadFiles(t *testing.T) {
	dir := t.TempDir()
	cfg := FilesConfig{
		Truth:      write(t, dir, "t.csv", "volume,x_lps_mm,y_lps_mm,z_lps_mm,diameter_mm\na,1,2,3,9\nb,1,2,3,9\n"),
		Detections: write(t, dir, "d.csv", "volume,x_lps_mm,y_lps_mm,z_lps_mm,score\na,1,2,3,0.5\n"),
		Scans:      write(t, dir, "s.csv", "volume,failed\na,\nb,true\nc,false\n"),
		Match:      matchSphere, IoU: 0.1, DistanceMM: 10, Bootstrap: 40}
	must(t, RunFiles(context.Background(), cfg, stage.Env{Seed: 1, Out: dir, Version: "test"}))
	checkReport(t, dir)
	var m Metrics
	must(t, readJSON(filepath.Join(dir, "metrics.json"), &m))
	if u := m.Unread; u == nil || u.Scans != 1 || u.Lesions != 1 || *(&Result{Figures: u.Figures}).Figure("cpm").Value != 1 || *m.Methods[0].Figure("cpm").Value != 0.5 {
		t.Errorf("unread %+v", m.Unread)
	}
	cfg.Detections = write(t, dir, "d.csv", "volume,x_lps_mm,y_lps_mm,z_lps_mm,score\nb,1,2,3,0.5\n")
	if err := RunFiles(context.Background(), cfg, stage.Env{Out: dir}); err == nil || !strings.Contains(err.Error(), "says that it failed") {
		t.Errorf("detections in a failed scan: error %v", err)
	}
	cfg.Scans = write(t, dir, "s.csv", "volume,failed\na,1\nb,1\n")
	cfg.Detections = write(t, dir, "d.csv", "volume,x_lps_mm,y_lps_mm,z_lps_mm,score\n")
	must(t, RunFiles(context.Background(), cfg, stage.Env{Seed: 1, Out: dir, Version: "test"}))
	checkReport(t, dir)
}
