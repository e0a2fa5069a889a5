package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/stage"
)

// giveCounts adds the counts that ingest leaves.
func (f *fixture) giveCounts(t testing.TB) {
	t.Helper()
	f.counts = f.dir(t, "counts")
	must(t, os.WriteFile(filepath.Join(f.counts, "ingest.json"), []byte(
		`{"files":{"total":900},"series":{"total":30,"refused":6},"volumes":24,"refused_by_reason":{"gap":6},"lesions":9}`), 0o644))
}

// checkMetrics fails unless every figure of metrics.json has a definition, and a
// value or a reason, and what is counted adds up.
func checkMetrics(t *testing.T, m Metrics) {
	t.Helper()
	d := m.Methods[0]
	for _, figures := range [][]Figure{d.Figures, d.Calibration.Figures, d.Segmentation.Figures} {
		for _, g := range figures {
			if g.Definition == "" || (g.Value == nil) != (g.Undefined != "") {
				t.Errorf("figure %+v: want a definition, and a value or a reason", g)
			}
			if g.Low != nil && !(*g.Low <= *g.High) || g.BCaLow != nil && !(*g.BCaLow <= *g.BCaHigh) {
				t.Errorf("figure %s: ends of an interval are swapped", g.Key)
			}
		}
	}
	n, positive := 0, 0
	for _, b := range d.Calibration.Bins {
		n, positive = n+b.N, positive+b.Positive
	}
	if n != d.Counts.Scans || d.Calibration.Scans != n {
		t.Errorf("%d scans in the bins of %d", n, d.Counts.Scans)
	}
	for _, p := range m.Points {
		c := p.Cases
		if c.TP+c.FN != positive || c.TP+c.FP+c.TN+c.FN != n || p.ChosenOn != dataset.Val {
			t.Errorf("point %+v, cases %+v: want %d scans, %d with a lesion", p, c, n, positive)
		}
	}
	if len(d.Decision.Points) != 99 || d.Segmentation.Undefined == "" {
		t.Errorf("%d thresholds of decision, masks %+v", len(d.Decision.Points), d.Segmentation)
	}
	for _, g := range d.Strata {
		scans := 0
		for _, s := range g.Groups {
			scans += s.Scans
		}
		known := g.By == "modality" || g.By == "vendor" || g.By == "slice_thickness"
		if known && scans != n || !known && g.By != "size" && g.Undefined != "not recorded" {
			t.Errorf("groups %+v: want all %d scans, or none known", g, n)
		}
	}
	if m.Flow.Files != 900 || m.Flow.Refused != 6 || m.Flow.Reasons["gap"] != 6 || m.Flow.Judged.Volumes != n || len(m.Flow.Parts) != 3 {
		t.Errorf("flow %+v", m.Flow)
	}
	if len(m.Gates) != 2 || m.Gates[0].Status != Passed || m.Gates[1].Status != Passed {
		t.Errorf("gates %+v", m.Gates)
	}
}

// A threshold that was chosen on what is reported fails the gate: by the part,
// and by a patient.
func TestGateThresholds(t *testing.T) {
	f := newFixture(t, 12, "HU")
	f.train(t)
	set, err := dataset.Open(f.data)
	must(t, err)
	defer set.Close()
	reported := set.Items(dataset.Test)[0].Patient
	for name, text := range map[string]string{
		"the same part": `{"points":[{"name":"p","threshold":0.5}],"part":"test"}`,
		"a patient":     fmt.Sprintf(`{"points":[{"name":"p","threshold":0.5}],"part":"val","patients":["x","%s"]}`, reported),
	} {
		must(t, os.WriteFile(filepath.Join(f.tuned, "operating_points.json"), []byte(text), 0o644))
		if err := Run(context.Background(), small(), f.env(t, "gated")); !errors.Is(err, stage.ErrGate) {
			t.Errorf("%s: error %v, want a failed gate", name, err)
		}
	}
	must(t, os.WriteFile(filepath.Join(f.tuned, "operating_points.json"), []byte(`{"points":[{"name":"p"}]}`), 0o644))
	if err := Run(context.Background(), small(), f.env(t, "gated")); err == nil || errors.Is(err, stage.ErrGate) {
		t.Errorf("no threshold: error %v", err)
	}
}

func TestMergeSmall(t *testing.T) {
	groups := map[string]*cohort{}
	for name, n := range map[string]int{"A": 9, "B": 2, "C": 1, "D": 7} {
		groups[name] = newCohort(name)
		for i := range n {
			groups[name].patients[fmt.Sprint(name, i)] = true
			groups[name].Scans++
			groups[name].Lesions++
		}
	}
	out, merged := mergeSmall(groups, 5)
	// B and C are 3 together: the next smallest, D, joins them.
	if !slices.Equal(merged, []string{"B", "C", "D"}) || len(out) != 2 || out[1].Name != "other" || out[1].Patients != 10 || out[1].Lesions != 10 {
		t.Errorf("merged %v into %+v", merged, out)
	}
}
