package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// A job is work in pieces that may run in any order and at the same time. Run
// does piece i, with buffers that no other piece has at that moment.
type job interface {
	run(i int, s *scratch)
}

// A pool runs one job at a time on workers that stay.
type pool struct {
	busy    sync.Mutex // held by the caller whose job is running
	job     job
	pieces  int64
	run     int64        // pieces that are taken at once
	next    atomic.Int64 // the first piece that nobody has taken
	pending atomic.Int64 // workers that still hold the job
	done    chan struct{}
	workers []*worker
}

type worker struct {
	wake    chan struct{}
	scratch scratch
}

// MaxCallers is how many callers can have workers of their own.
const MaxCallers = 16

var (
	threads atomic.Int64 // of a caller; 0 for all there are
	callers atomic.Int64 // that have a pool; 0 for one
	pools   [MaxCallers]pool
	idle    stash[scratch]
)

// SetThreads sets how many goroutines a kernel may use at once; n < 1 means
// runtime.GOMAXPROCS(0), which is also the setting at start.
func SetThreads(n int) { threads.Store(int64(max(n, 0))) }

// SetCallers sets how many callers at the same time can have the threads of
// SetThreads each, 1 to MaxCallers; at start it is one. The kernels of any others
// run on their own goroutine alone.
func SetCallers(n int) { callers.Store(int64(min(max(n, 1), MaxCallers))) }

// Threads returns how many goroutines a kernel uses.
func Threads() int {
	if n := threads.Load(); n > 0 {
		return int(n)
	}
	return runtime.GOMAXPROCS(0)
}

// parallel runs pieces 0 to n-1 of j. Where every pool has a job, which may be the
// caller's own, the pieces run one after the other.
func parallel(n int, j job) {
	helpers := min(Threads(), n) - 1
	s := idle.get()
	defer idle.put(s)
	var p *pool
	if helpers >= 1 {
		p = free()
	}
	if p == nil {
		for i := range n {
			j.run(i, s)
		}
		return
	}
	defer p.busy.Unlock()
	p.start(n, j, helpers)
	p.take(s)
	p.finish(helpers)
}

// free returns a pool that has no job, locked, or nil.
func free() *pool {
	for i := range max(1, callers.Load()) {
		if p := &pools[i]; p.busy.TryLock() {
			return p
		}
	}
	return nil
}

func (p *pool) start(n int, j job, helpers int) {
	if p.done == nil {
		p.done = make(chan struct{}, 1)
	}
	for len(p.workers) < helpers {
		w := &worker{wake: make(chan struct{}, 1)}
		p.workers = append(p.workers, w)
		go p.serve(w)
	}
	const runs = 16 // of each goroutine, so that all are done at about the same time
	p.job, p.pieces, p.run = j, int64(n), int64(max(1, n/(runs*(helpers+1))))
	p.next.Store(0)
	p.pending.Store(int64(helpers))
	for _, w := range p.workers[:helpers] {
		w.wake <- struct{}{}
	}
}

// finish waits until no worker holds the job. A worker that has not woken yet is
// told to sleep on.
func (p *pool) finish(helpers int) {
	for _, w := range p.workers[:helpers] {
		select {
		case <-w.wake:
			p.release()
		default:
		}
	}
	await(p.done)
	p.job = nil
}

func (p *pool) serve(w *worker) {
	for {
		await(w.wake)
		p.take(&w.scratch)
		p.release()
	}
}

// take runs pieces until none is left. It takes several that follow each other, as
// memory is read fastest in long runs.
func (p *pool) take(s *scratch) {
	for from := p.next.Add(p.run) - p.run; from < p.pieces; from = p.next.Add(p.run) - p.run {
		for i := from; i < min(p.pieces, from+p.run); i++ {
			p.job.run(int(i), s)
		}
	}
}

func (p *pool) release() {
	if p.pending.Add(-1) == 0 {
		p.done <- struct{}{}
	}
}

// await receives from c. It looks for some 200 µs before it sleeps: in a training
// step the next job comes sooner than a sleeper wakes, which takes 30 to 130 µs. What
// else wants to run has its turn in the meantime.
func await(c chan struct{}) {
	const looks, turn = 1 << 16, 256
	for i := range looks {
		select {
		case <-c:
			return
		default:
		}
		if i%turn == turn-1 {
			runtime.Gosched()
		}
	}
	<-c
}

// A stash keeps values for the next user, so that a call in steady state
// allocates nothing.
type stash[T any] struct {
	mu   sync.Mutex
	free []*T
}

func (s *stash[T]) get() *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		v := s.free[n-1]
		s.free = s.free[:n-1]
		return v
	}
	return new(T)
}

func (s *stash[T]) put(v *T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, v)
}

// A scratch is the buffers of one worker.
type scratch struct {
	tile  tile
	edge  [14 * 32]float32 // a tile of C that does not fit into C
	init  [32]float32
	lanes [8][32]float32 // values for each column of a panel
	bufs  [8]buffer
	group group
	segs  []int
}

// floats returns buffer i with room for n floats. They hold what they held.
func (s *scratch) floats(i, n int) []float32 { return s.bufs[i].floats(n) }

// A buffer grows to the largest size asked for.
type buffer struct{ data []float32 }

func (b *buffer) floats(n int) []float32 {
	if len(b.data) < n {
		b.data = aligned(n)
	}
	return b.data[:n]
}

// need panics unless s holds at least n elements.
func need(name, what string, s []float32, n int) {
	if n < 0 || len(s) < n {
		panic(fmt.Sprintf("kernel: %s: %s has %d elements, want at least %d", name, what, len(s), n))
	}
}
