package eval

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// probe makes a page send what is wrong with it to the page it lies in: how
// much wider it is than its window, errors, and all it asked for.
const probe = `<script>
const faults = [];
addEventListener("error", e => faults.push("error: " + e.message));
addEventListener("securitypolicyviolation", e => faults.push("asks for " + e.blockedURI));
addEventListener("load", () => setTimeout(() => {
  const root = document.documentElement, wide = root.scrollWidth - root.clientWidth;
  if (wide > 0) {
    const out = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > root.clientWidth && !e.closest(".scroll"));
    faults.push(wide + " px too wide: " + out.slice(0, 3).map(e => e.tagName + "." + e.className).join(", "));
  }
  for (const r of performance.getEntriesByType("resource")) if (!r.name.startsWith("data:")) faults.push("asks for " + r.name);
  for (const a of document.querySelectorAll("a[href^='#']")) if (!document.querySelector(a.hash)) faults.push("leads nowhere: " + a.hash);
  for (const e of document.querySelectorAll("img:not([alt]), svg[role=img]:not([aria-label])")) faults.push("no words for " + e.outerHTML.slice(0, 80));
  parent.postMessage(innerWidth + (faults.length ? ": " + faults.join("; ") : " fine"), "*");
}));
</script>`

// The reports, opened in Chromium once for all of them, as a phone, a laptop
// and paper have them: none is wider than its window, reports an error, asks
// for anything, or has a picture without words. Without Chromium it says so and
// does nothing.
func TestReportsInBrowser(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil || testing.Short() {
		t.Skip("the reports are not opened in a browser: no chromium here, or -short")
	}
	full, bare := newFixture(t, 12, "HU"), newFixture(t, 9, "SUV")
	full.train(t)
	full.giveMasks(t, func(_ int, truth *volume.Mask) *volume.Mask { return truth })
	full.fail(t, 1)
	must(t, lesion.WriteDetections(filepath.Join(bare.detections, "detections.jsonl"), nil))
	var reports []string
	for i, f := range []*fixture{full, bare} {
		env := f.env(t, fmt.Sprint("report", i))
		must(t, Run(context.Background(), small(), env))
		reports = append(reports, filepath.Join(env.Out, "report.html"))
	}
	luna := t.TempDir()
	must(t, RunLUNA16(context.Background(), lunaConfig(), stage.Env{Seed: 1, Out: luna, Version: "test"}))
	reports = append(reports, filepath.Join(luna, "report.html"))
	study := t.TempDir()
	reportStudy(t, plantStudy(t, 2, 2, map[string][]float64{"scratch": {0.3, 0.5, 0.7}, "mae": {0.6, 0.6, 0.7}}), study)
	reports = append(reports, filepath.Join(study, studyPage))
	two := t.TempDir()
	must(t, Compare(context.Background(), CompareConfig{evaluated(t, two, "sure", 0.9, 1), evaluated(t, two, "weak", 0.4, 2), 100, 100},
		stage.Env{Seed: 1, Out: two, Version: "test"}))
	reports = append(reports, filepath.Join(two, "sure", "report.html"), filepath.Join(two, "report.html"))
	openReports(t, chromium, reports)
}

// openReports fails where something is wrong with one of the reports.
func openReports(t *testing.T, chromium string, reports []string) {
	t.Helper()
	dir := t.TempDir()
	var frames strings.Builder
	for i, report := range reports {
		page, err := os.ReadFile(report)
		must(t, err)
		page = bytes.Replace(page, []byte("default-src 'none';"), []byte("default-src 'none'; script-src 'unsafe-inline';"), 1)
		page = bytes.Replace(page, []byte("<head>"), []byte("<head>"+probe), 1)
		paper := bytes.Replace(page, []byte("@media print"), []byte("@media all"), 1)
		for _, f := range []struct {
			name  string
			width int // 688 pixels are the width of A4 within the margins
			page  []byte
		}{{"phone", 375, page}, {"laptop", 1280, page}, {"paper", 688, paper}} {
			name := fmt.Sprintf("%d-%s.html", i, f.name)
			must(t, os.WriteFile(filepath.Join(dir, name), f.page, 0o644))
			fmt.Fprintf(&frames, `<iframe src="%s" style="width:%dpx;height:800px;border:0"></iframe>`, name, f.width)
		}
	}
	index := filepath.Join(dir, "index.html")
	must(t, os.WriteFile(index, []byte(`<script>
addEventListener("message", e => { const p = document.createElement("p"); p.textContent = e.data; document.body.append(p) });
</script><body>`+frames.String()+"</body>"), 0o644))
	out, console := dump(t, chromium, index)
	said := regexp.MustCompile(`<p>([^<]*)</p>`).FindAllStringSubmatch(out, -1)
	if len(said) != 3*len(reports) {
		t.Errorf("%d of %d pages answered: %v", len(said), 3*len(reports), said)
	}
	for _, s := range said {
		if !strings.HasSuffix(s[1], " fine") {
			t.Errorf("at a width of %s", html.UnescapeString(s[1]))
		}
	}
	for line := range strings.Lines(console) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("console: %s", line)
		}
	}
}

// dump returns the page as Chromium has it once nothing happens any more, in
// its own time and not that of the clock, and what it wrote to its log.
func dump(t *testing.T, chromium, page string) (dom, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	profile, err := os.MkdirTemp("", "oncovox-chromium-*") // its helpers may still write there when it has ended
	must(t, err)
	defer os.RemoveAll(profile)
	cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--no-first-run", "--user-data-dir="+profile, "--enable-logging=stderr",
		"--window-size=1400,900", "--virtual-time-budget=60000", "--dump-dom", "file://"+page)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Skipf("the reports are not opened in a browser: chromium does not run here: %v", err)
	}
	return out.String(), errs.String()
}
