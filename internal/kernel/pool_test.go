package kernel

import (
	"sync"
	"testing"
)

// A meeting is a job whose pieces all wait for one another.
type meeting struct{ all sync.WaitGroup }

func (m *meeting) run(int, *scratch) {
	m.all.Done()
	m.all.Wait()
}

// With room for them, two callers have two threads each: two jobs of two pieces,
// all four of which wait for one another, end.
func TestCallersHaveThreadsOfTheirOwn(t *testing.T) {
	SetThreads(2)
	SetCallers(2)
	defer SetThreads(0)
	defer SetCallers(1)
	for range 100 {
		m := &meeting{}
		m.all.Add(4)
		var callers sync.WaitGroup
		for range 2 {
			callers.Go(func() { parallel(2, m) })
		}
		callers.Wait()
	}
}
