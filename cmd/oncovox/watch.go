package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"oncovox/internal/kernel"
)

// A watch answers over HTTP how far the stages are: /metrics in the text format of
// Prometheus, and /debug/pprof. It is there only where --listen asks for it.
type watch struct {
	mu      sync.Mutex
	stages  []*watched // in the order in which they began
	server  *http.Server
	address string
}

// watched is what is known of a stage.
type watched struct {
	name        string
	done, total int
	pace        pace
	rate        float64
	values      []noted
}

// noted is a value of a note, such as loss.
type noted struct {
	name  string
	value float64
}

// listen begins to answer at the address.
func (w *watch) listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("--listen %s: %w: choose another address, such as 127.0.0.1:9100", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.write(out)
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	w.address = l.Addr().String()
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go w.server.Serve(l)
	return nil
}

// close ends the answers.
func (w *watch) close() {
	if w.server != nil {
		w.server.Close()
	}
}

// report takes in how far a stage is.
func (w *watch) report(name string, done, total int, note string, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var s *watched
	for _, known := range w.stages {
		if known.name == name {
			s = known
		}
	}
	if s == nil {
		s = &watched{name: name}
		w.stages = append(w.stages, s)
	}
	s.done, s.total, s.values = done, total, valuesOf(note)
	s.pace.take(now, done, total)
	s.rate = s.pace.rate(now)
}

// valuesOf returns the values in a note: "loss 0.25, 7 detections" has loss and
// detections.
func valuesOf(note string) []noted {
	var out []noted
	for part := range strings.SplitSeq(note, ", ") {
		words := strings.Fields(part)
		if len(words) < 2 {
			continue
		}
		first, last := words[0], words[len(words)-1]
		if v, err := strconv.ParseFloat(last, 64); err == nil {
			out = append(out, noted{strings.Join(words[:len(words)-1], " "), v})
		} else if v, err := strconv.ParseFloat(first, 64); err == nil {
			out = append(out, noted{strings.Join(words[1:], " "), v})
		}
	}
	return out
}

// write writes all metrics.
func (w *watch) write(out io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	family := func(name, kind, help string) {
		fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
	}
	family("oncovox_info", "gauge", "The program.")
	fmt.Fprintf(out, "oncovox_info{version=%q,go=%q,kernel=%q} 1\n", version(), runtime.Version(), kernel.Name())
	family("oncovox_stage_done", "gauge", "Items of the stage that are done: steps, scans or files.")
	for _, s := range w.stages {
		fmt.Fprintf(out, "oncovox_stage_done{stage=%q} %d\n", s.name, s.done)
	}
	family("oncovox_stage_total", "gauge", "Items of the stage, 0 where unknown.")
	for _, s := range w.stages {
		fmt.Fprintf(out, "oncovox_stage_total{stage=%q} %d\n", s.name, s.total)
	}
	family("oncovox_stage_rate", "gauge", "Items a second since the stage began.")
	for _, s := range w.stages {
		fmt.Fprintf(out, "oncovox_stage_rate{stage=%q} %g\n", s.name, s.rate)
	}
	family("oncovox_stage_value", "gauge", "What the stage says of itself, such as its loss.")
	for _, s := range w.stages {
		for _, v := range s.values {
			fmt.Fprintf(out, "oncovox_stage_value{stage=%q,name=%q} %g\n", s.name, v.name, v.value)
		}
	}
	family("process_resident_memory_bytes", "gauge", "Memory that the process holds.")
	fmt.Fprintf(out, "process_resident_memory_bytes %d\n", residentBytes())
	family("go_goroutines", "gauge", "Goroutines.")
	fmt.Fprintf(out, "go_goroutines %d\n", runtime.NumGoroutine())
}
