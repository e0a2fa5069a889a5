package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

var threads atomic.Int64

// SetThreads sets how many goroutines a kernel may use at once; n < 1 means
// runtime.GOMAXPROCS(0), which is also the setting at start.
func SetThreads(n int) { threads.Store(int64(max(n, 0))) }

// Threads returns how many goroutines a kernel uses.
func Threads() int {
	if n := threads.Load(); n > 0 {
		return int(n)
	}
	return runtime.GOMAXPROCS(0)
}

// parallel calls f(0) to f(n-1), each once, on the package's workers.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	for range min(Threads(), n) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
}

// need panics unless s holds at least n elements.
func need(name, what string, s []float32, n int) {
	if n < 0 || len(s) < n {
		panic(fmt.Sprintf("kernel: %s: %s has %d elements, want at least %d", name, what, len(s), n))
	}
}
