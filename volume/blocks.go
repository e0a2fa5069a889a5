package volume

import "sync"

// inTurn has n blocks of size bytes filled by several workers at once, and hands
// them to use one by one, in their order. It stops at the first block that either fails with.
func inTurn(n, workers, size int, fill func(i int, b []byte) error, use func(b []byte) error) error {
	type filled struct {
		b   []byte
		err error
	}
	workers = max(1, min(workers, n))
	free := make(chan []byte, workers+1)
	ready := make([]chan filled, cap(free)) // block i comes in ready[i%len]: there are no more in flight than buffers
	for i := range ready {
		free <- make([]byte, size)
		ready[i] = make(chan filled, 1)
	}
	var next sync.Mutex
	begun := 0
	take := func() (i int, b []byte, ok bool) {
		next.Lock()
		defer next.Unlock()
		b, ok = <-free
		i = begun
		begun++
		return i, b, ok && i < n
	}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i, b, ok := take(); ok; i, b, ok = take() {
				ready[i%len(ready)] <- filled{b, fill(i, b)}
			}
		})
	}
	var err error
	for i := 0; i < n && err == nil; i++ {
		block := <-ready[i%len(ready)]
		if err = block.err; err == nil {
			err = use(block.b)
			free <- block.b
		}
	}
	close(free)
	all.Wait()
	return err
}
