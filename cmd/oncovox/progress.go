package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A bar shows how far a stage is on a terminal.
type bar struct {
	*mpb.Bar
	note atomic.Value // string
}

func newBar(bars *mpb.Progress, name string) *bar {
	b := &bar{}
	b.note.Store("")
	b.Bar = bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncWidthR), decor.CountersNoUnit(" %d/%d", decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.AverageETA(decor.ET_STYLE_GO), decor.Any(func(decor.Statistics) string { return " " + b.note.Load().(string) })),
	)
	return b
}

func (b *bar) report(done, total int, note string) {
	b.note.Store(note)
	b.SetTotal(int64(total), false)
	b.SetCurrent(int64(done))
}

// end leaves the bar as it is.
func (b *bar) end() { b.Abort(false) }

// lines shows how far a stage is as a line every few seconds.
type lines struct {
	out  io.Writer
	name string
	now  func() time.Time

	mu        sync.Mutex
	start     time.Time // when done was from
	from      int
	last, end int
	next      time.Time // no line before it
}

func (l *lines) report(done, total int, note string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.start.IsZero() || done < l.last || total != l.end { // a new part of the work
		l.start, l.from, l.end = now, done, total
	}
	l.last = done
	if now.Before(l.next) {
		return
	}
	l.next = now.Add(between)
	parts := []string{fmt.Sprintf("%d of %d", done, total), note}
	if total == 0 {
		parts = []string{fmt.Sprintf("%d %s", done, note)}
	}
	if done > l.from && done < total {
		left := now.Sub(l.start) * time.Duration(total-done) / time.Duration(done-l.from)
		parts = append(parts, left.Round(time.Second).String()+" left")
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	fmt.Fprintf(l.out, "%s: %s\n", l.name, strings.TrimSpace(strings.Join(parts, ", ")))
}
