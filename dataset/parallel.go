package dataset

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// inParallel calls f(0) to f(n-1) from as many goroutines as there are threads,
// and report after each with the number of calls that are done. It returns the
// error of the least i that has one, or that of ctx; none starts after an
// error.
func inParallel(ctx context.Context, n int, f func(i int) error, report func(done int)) error {
	errs := make([]error, n)
	var next, done atomic.Int64
	var failed atomic.Bool
	var mu sync.Mutex // one report at a time
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for !failed.Load() && ctx.Err() == nil {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				if errs[i] = f(i); errs[i] != nil {
					failed.Store(true)
					return
				}
				mu.Lock()
				report(int(done.Add(1)))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
