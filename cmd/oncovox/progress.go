package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A pace says how long a job will still take, from how fast it went since it was
// first heard of: what an earlier run had done took no time of this one.
type pace struct {
	start             time.Time
	from, done, total int
}

// left takes in that done of total items are done now, and returns a text such
// as "34s left", or "" where nothing can be said.
func (p *pace) left(now time.Time, done, total int) string {
	if p.start.IsZero() || done < p.done || total != p.total { // a new part of the work
		p.start, p.from, p.total = now, done, total
	}
	p.done = done
	if done <= p.from || done >= total {
		return ""
	}
	rest := now.Sub(p.start) * time.Duration(total-done) / time.Duration(done-p.from)
	return rest.Round(time.Second).String() + " left"
}

// A bar shows how far a stage is on a terminal.
type bar struct {
	*mpb.Bar
	mu   sync.Mutex
	pace pace
	note atomic.Value // string
}

func newBar(bars *mpb.Progress, name string) *bar {
	b := &bar{}
	b.note.Store("")
	b.Bar = bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncWidthR), decor.CountersNoUnit(" %d/%d", decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + b.note.Load().(string) })),
	)
	return b
}

func (b *bar) report(done, total int, note string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note.Store(list(b.pace.left(time.Now(), done, total), note))
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

	mu   sync.Mutex
	pace pace
	next time.Time // no line before it
}

func (l *lines) report(done, total int, note string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	left := l.pace.left(now, done, total)
	if now.Before(l.next) {
		return
	}
	l.next = now.Add(between)
	if total == 0 {
		fmt.Fprintf(l.out, "%s: %s\n", l.name, strings.TrimSpace(fmt.Sprint(done, " ", note)))
		return
	}
	fmt.Fprintf(l.out, "%s: %s\n", l.name, list(fmt.Sprintf("%d of %d", done, total), note, left))
}

// list joins the parts that say something.
func list(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, ", ")
}
