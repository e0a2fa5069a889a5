package main

import (
	"io"
	"strings"
	"testing"
	"time"
)

// Off a terminal a line comes at most every few seconds, and says how fast it
// goes, how long the rest will take at that pace, and how much memory is held.
func TestLines(t *testing.T) {
	var out strings.Builder
	clock := time.Unix(0, 0)
	l := &lines{say: plainLine(&out), name: "mae", now: func() time.Time { return clock }, next: clock.Add(between), memory: func() string { return "80 MB" }}
	for step := range 31 {
		l.report(step, 60, "loss 0.5")
		clock = clock.Add(time.Second)
	}
	l.report(0, 0, "detecting") // another part, of unknown length
	clock = clock.Add(between)
	l.report(3, 0, "")
	want := `mae: 5 of 60, loss 0.5, 1/s, 55s left, 80 MB
mae: 10 of 60, loss 0.5, 1/s, 50s left, 80 MB
mae: 15 of 60, loss 0.5, 1/s, 45s left, 80 MB
mae: 20 of 60, loss 0.5, 1/s, 40s left, 80 MB
mae: 25 of 60, loss 0.5, 1/s, 35s left, 80 MB
mae: 30 of 60, loss 0.5, 1/s, 30s left, 80 MB
mae: 3, 36/min, 80 MB
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// What a step of a training pays for being watched: nanoseconds, where a step takes
// milliseconds.
func BenchmarkReport(b *testing.B) {
	w := &watch{}
	l := &lines{say: plainLine(io.Discard), name: "mae", now: time.Now, memory: megabytes}
	for i := range b.N {
		w.report("mae", i, b.N, "loss 0.2345", time.Now())
		l.report(i, b.N, "loss 0.2345")
	}
}
