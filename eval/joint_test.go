package eval

import (
	"strings"
	"testing"
)

// The page shows every run, links those that have a report, and draws each figure
// over each factor that has more than one level.
func TestJoint(t *testing.T) {
	v := func(x float64) *float64 { return &x }
	run := func(name, a, b string, cpm float64) JointRun {
		return JointRun{Name: name, Levels: []string{a, b}, Report: name + "/report/report.html",
			Figures: []JointFigure{{Value: v(cpm), Low: v(cpm - 0.1), High: v(cpm + 0.1)}, {Words: "not defined"}}, Others: []JointFigure{{Value: v(6)}}}
	}
	failed := JointRun{Name: "a=3,b=x", Levels: []string{"3", "x"}, Error: "disk <full>", Figures: make([]JointFigure, 2), Others: make([]JointFigure, 1)}
	j := Joint{Name: "p", Program: "v1", Wanted: 4, MadeData: true, Factors: []string{"a", "b"}, Figures: []string{"report CPM", "report AUC"}, Others: []string{"volumes volumes"},
		Runs: []JointRun{run("a=1,b=x", "1", "x", 0.25), run("a=2,b=x", "2", "x", 0.5), failed}}
	got, err := j.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"<title>p: runs side by side</title>", "2 of 4 runs", "4 runs of the pipeline p", "1 failed.", "3 have ended so far.", "made by a program",
		`<a href="a=1,b=x/report/report.html">a=1,b=x</a>`, `0.250<small>0.150 to 0.350</small>`, "not defined",
		"<h2>By a</h2>", `aria-label="report CPM by a"`, "disk &lt;full&gt;", "volumes volumes", `<td class="n">6</td>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, no := range []string{"<h2>By b</h2>", "report AUC by a", "http:", "https:"} {
		if strings.Contains(strings.ReplaceAll(got, "http://www.w3.org", ""), no) {
			t.Errorf("%q", no)
		}
	}
	if got, err := (Joint{Name: "p", Wanted: 2, Factors: []string{"a"}}).HTML(); err != nil || !strings.Contains(got, "0 of 2 runs") {
		t.Errorf("before any run: error %v", err)
	}
}
