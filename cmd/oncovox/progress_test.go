package main

import (
	"strings"
	"testing"
	"time"
)

// Off a terminal a line comes at most every few seconds, and says how long the
// rest will take at the pace so far.
func TestLines(t *testing.T) {
	var out strings.Builder
	clock := time.Unix(0, 0)
	l := &lines{out: &out, name: "mae", now: func() time.Time { return clock }, next: clock.Add(between)}
	for step := range 31 {
		l.report(step, 60, "loss 0.5")
		clock = clock.Add(time.Second)
	}
	l.report(0, 0, "detecting") // another part, of unknown length
	clock = clock.Add(between)
	l.report(3, 0, "")
	want := `mae: 5 of 60, loss 0.5, 55s left
mae: 10 of 60, loss 0.5, 50s left
mae: 15 of 60, loss 0.5, 45s left
mae: 20 of 60, loss 0.5, 40s left
mae: 25 of 60, loss 0.5, 35s left
mae: 30 of 60, loss 0.5, 30s left
mae: 3
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
