package main

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Oracle: the text format of Prometheus, version 0.0.4, line by line, and the values
// that were reported.
func TestMetrics(t *testing.T) {
	w := &watch{}
	clock := time.Unix(100, 0)
	w.report("scans", 3, 0, "3 archives", clock)
	for step := 1; step <= 21; step++ {
		w.report("mae", step, 60, "loss 0.25", clock)
		clock = clock.Add(500 * time.Millisecond)
	}
	var out strings.Builder
	w.write(&out)
	line := regexp.MustCompile(`^(# HELP [a-z_]+ .+|# TYPE [a-z_]+ gauge|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+0-9.e]+)$`)
	for l := range strings.Lines(out.String()) {
		if !line.MatchString(strings.TrimSuffix(l, "\n")) {
			t.Errorf("not in the format: %q", l)
		}
	}
	for _, want := range []string{
		`oncovox_stage_done{stage="mae"} 21`, `oncovox_stage_total{stage="mae"} 60`, `oncovox_stage_rate{stage="mae"} 2`,
		`oncovox_stage_value{stage="mae",name="loss"} 0.25`, `oncovox_stage_value{stage="scans",name="archives"} 3`,
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("no line %s in\n%s", want, out.String())
		}
	}
}

func TestListen(t *testing.T) {
	w := &watch{}
	if err := w.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := (&watch{}).listen("127.0.0.1:no"); err == nil || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("error %v", err)
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/cmdline"} {
		r, err := http.Get("http://" + w.address + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != http.StatusOK || len(b) == 0 {
			t.Errorf("%s: status %d, %d bytes", path, r.StatusCode, len(b))
		}
	}
}
