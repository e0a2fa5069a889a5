package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
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
	shown   []*bar        // those that have not ended
	tty     bool
	json    bool // the log, and progress in it, as JSON lines
	watch   *watch
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

// asJSON makes the log one JSON object a line, progress among them.
func (u *ui) asJSON() {
	u.json, u.tty = true, false
	u.log = slog.New(slog.NewJSONHandler(u, nil))
}

// listen answers over HTTP how far the stages are, until close.
func (u *ui) listen(address string) error {
	u.watch = &watch{}
	if err := u.watch.listen(address); err != nil {
		return err
	}
	u.log.Info("listening", "metrics", "http://"+u.watch.address+"/metrics", "pprof", "http://"+u.watch.address+"/debug/pprof/")
	return nil
}

// fail says why the program ends, a line at a time.
func (u *ui) fail(err error, code int) {
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSuffix(line, "\n")
		if u.json {
			u.log.Error(line, "exit_code", code)
		} else {
			fmt.Fprintf(u.stderr, "oncovox: %s\n", line)
		}
	}
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

// progress returns what shows how far the named stage is, and what ends that. The
// stages of an instance of a matrix go by the names of both.
func (u *ui) progress(instance, stage string) (report stage.Progress, end func()) {
	name := stage
	if instance != "" {
		name = instance + "/" + stage
	}
	show, end := u.show(name, instance != "")
	if u.watch == nil {
		return show, end
	}
	return func(done, total int, note string) {
		u.watch.report(name, done, total, note, time.Now())
		show(done, total, note)
	}, end
}

// show returns what shows on standard error how far the named stage is, and what ends
// that. The bar of one that passes is taken away at its end: there may be hundreds.
func (u *ui) show(name string, passes bool) (report stage.Progress, end func()) {
	if !u.tty {
		say := plainLine(u)
		if u.json {
			say = logLine(u.log)
		}
		l := &lines{say: say, name: name, now: time.Now, next: time.Now().Add(between), memory: megabytes}
		return l.report, func() {}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.bars == nil {
		u.bars = mpb.New(mpb.WithOutput(u.stderr), mpb.WithWidth(40))
	}
	b := newBar(u.bars, name)
	u.shown = append(u.shown, b)
	return b.report, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.shown = slices.DeleteFunc(u.shown, func(other *bar) bool { return other == b })
		b.Abort(passes)
	}
}

// close ends the bars. What is logged later goes straight to standard error.
func (u *ui) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.watch != nil {
		u.watch.close()
	}
	if u.bars == nil || u.stopped {
		return
	}
	for _, b := range u.shown {
		b.Abort(false)
	}
	u.bars.Wait()
	u.stopped = true
}
