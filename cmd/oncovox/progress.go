package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A pace says how fast a job goes and how long it will still take, from how fast it
// went since it was first heard of: what an earlier run had done took no time of
// this one.
type pace struct {
	start             time.Time
	from, done, total int
}

// take takes in that done of total items are done now.
func (p *pace) take(now time.Time, done, total int) {
	if p.start.IsZero() || done < p.done || total != p.total { // a new part of the work
		p.start, p.from, p.total = now, done, total
	}
	p.done = done
}

// rate returns items a second, or 0 where nothing can be said.
func (p *pace) rate(now time.Time) float64 {
	seconds := now.Sub(p.start).Seconds()
	if p.done <= p.from || seconds <= 0 {
		return 0
	}
	return float64(p.done-p.from) / seconds
}

// text returns how fast it goes and how long it will still take, such as "3.2/s" and
// "34s left", or "" where nothing can be said.
func (p *pace) text(now time.Time) (rate, left string) {
	r := p.rate(now)
	if r == 0 {
		return "", ""
	}
	if p.done < p.total {
		left = time.Duration(float64(p.total-p.done)/r*float64(time.Second)).Round(time.Second).String() + " left"
	}
	if r < 1 {
		return fmt.Sprintf("%.3g/min", 60*r), left
	}
	return fmt.Sprintf("%.3g/s", r), left
}

// megabytes says how much memory the process holds, or "" where that is not known.
func megabytes() string {
	if n := residentBytes(); n > 0 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return ""
}

// refresh is the least time between two texts beside a bar.
const refresh = 200 * time.Millisecond

// A bar shows how far a stage is on a terminal.
type bar struct {
	*mpb.Bar
	mu   sync.Mutex
	pace pace
	said time.Time    // when the note was last put together
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
	now := time.Now()
	b.pace.take(now, done, total)
	if now.Sub(b.said) > refresh || done == total {
		b.said = now
		rate, left := b.pace.text(now)
		b.note.Store(list(left, rate, note, megabytes()))
	}
	b.SetTotal(int64(total), false)
	b.SetCurrent(int64(done))
}

// A moment is what a line of progress says; texts are "" where nothing can be said.
type moment struct {
	name                     string
	done, total              int
	note, rate, left, memory string
}

// lines shows how far a stage is as a line every few seconds.
type lines struct {
	say    func(moment)
	name   string
	now    func() time.Time
	memory func() string

	mu   sync.Mutex
	pace pace
	next time.Time // no line before it
}

func (l *lines) report(done, total int, note string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.pace.take(now, done, total)
	if now.Before(l.next) {
		return
	}
	l.next = now.Add(between)
	rate, left := l.pace.text(now)
	l.say(moment{l.name, done, total, note, rate, left, l.memory()})
}

// plainLine returns what says a line of progress as text.
func plainLine(out io.Writer) func(moment) {
	return func(m moment) {
		count := fmt.Sprintf("%d of %d", m.done, m.total)
		if m.total == 0 {
			count = fmt.Sprint(m.done)
		}
		fmt.Fprintf(out, "%s: %s\n", m.name, list(count, m.note, m.rate, m.left, m.memory))
	}
}

// logLine returns what says a line of progress as an entry of a log.
func logLine(log *slog.Logger) func(moment) {
	return func(m moment) {
		attrs := []any{"stage", m.name, "done", m.done, "total", m.total}
		for _, v := range valuesOf(m.note) {
			attrs = append(attrs, v.name, v.value)
		}
		log.Info("progress", append(attrs, "rate", m.rate, "left", m.left, "memory", m.memory)...)
	}
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
