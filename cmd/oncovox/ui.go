package main

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"github.com/vbauerster/mpb/v8"

	"oncovox/internal/stage"
)

// A ui shows logs and progress on standard error: bars on a terminal, else a
// plain line every few seconds.
type ui struct {
	log *slog.Logger

	mu      sync.Mutex
	stderr  *os.File
	bars    *mpb.Progress // nil until the first bar, and off a terminal
	bar     *bar          // of the stage that runs
	tty     bool
	stopped bool
}

// between is the time between two lines of progress of a stage.
const between = 5 * time.Second

func newUI(stderr *os.File) *ui {
	info, err := stderr.Stat()
	u := &ui{stderr: stderr, tty: err == nil && info.Mode()&os.ModeCharDevice != 0}
	u.log = slog.New(tint.NewTextHandler(u, &tint.Options{TimeFormat: time.TimeOnly, NoColor: !u.tty || os.Getenv("NO_COLOR") != ""}))
	return u
}

// Write writes a line of log, above the bars if there are any.
func (u *ui) Write(p []byte) (int, error) {
	u.mu.Lock()
	var w io.Writer = u.stderr
	if u.bars != nil && !u.stopped {
		w = u.bars
	}
	u.mu.Unlock()
	return w.Write(p)
}

// progress returns what shows how far the named stage is.
func (u *ui) progress(name string) stage.Progress {
	if !u.tty {
		return (&lines{out: u, name: name, now: time.Now, next: time.Now().Add(between)}).report
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bars == nil {
		u.bars = mpb.New(mpb.WithOutput(u.stderr), mpb.WithWidth(40))
	}
	if u.bar != nil {
		u.bar.end()
	}
	u.bar = newBar(u.bars, name)
	return u.bar.report
}

// close ends the bars. What is logged later goes straight to standard error.
func (u *ui) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bars == nil || u.stopped {
		return
	}
	u.bar.end()
	u.bars.Wait()
	u.stopped = true
}
