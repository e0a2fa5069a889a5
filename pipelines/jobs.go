package pipelines

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"oncovox/internal/kernel"
	"oncovox/internal/whole"
)

// A crew shares the machine out among the instances of a matrix that run at the same
// time, and sees to it that none does what another is doing. The results of a kernel
// do not depend on its threads, so that their number may change at any moment.
type crew struct {
	threads int // of the machine

	mu     sync.Mutex
	active int                      // instances that compute
	busy   map[string]chan struct{} // by key, work that one of them does; closed at its end
	open   []string                 // run folders of those that run
}

// newCrew returns a crew of as many instances as jobs, which close ends.
func newCrew(jobs int) *crew {
	kernel.SetCallers(jobs)
	return &crew{threads: kernel.Threads(), busy: map[string]chan struct{}{}}
}

func (c *crew) close() {
	kernel.SetCallers(1)
	kernel.SetThreads(c.threads)
}

// compute says that by more instances compute from now on.
func (c *crew) compute(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active += by
	kernel.SetThreads(max(1, c.threads/max(1, c.active)))
}

// join takes the instance in the run folder dir in, and leave lets it go.
func (c *crew) join(dir string) {
	c.compute(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, dir)
}

func (c *crew) leave(dir string) {
	c.compute(-1)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.open {
		if other == dir {
			c.open = append(c.open[:i:i], c.open[i+1:]...)
			return
		}
	}
}

// turn waits until no other instance does the work of the key, and takes it. The
// caller, which computes, gives it back. Meanwhile its threads are the others'.
func (c *crew) turn(ctx context.Context, key string) (giveBack func(), err error) {
	c.compute(-1)
	defer c.compute(1)
	for {
		c.mu.Lock()
		other, busy := c.busy[key]
		if !busy {
			mine := make(chan struct{})
			c.busy[key] = mine
			c.mu.Unlock()
			return func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.busy, key)
				close(mine)
			}, nil
		}
		c.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// adopt moves what another instance has left of the work w, when it was interrupted,
// to the folder part, unless there is something of it already. The caller has the
// turn of w, so that nobody works on it. The other finds the work in the cache.
func (c *crew) adopt(w Work, stage, part string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if interrupted(part, w) {
		return nil
	}
	for _, dir := range c.open {
		other := filepath.Join(dir, stage) + ".part"
		if !interrupted(other, w) {
			continue
		}
		if err := errors.Join(os.RemoveAll(part), whole.WriteFile(keyOf(part), []byte(w.Key()), 0o644)); err != nil {
			return err
		}
		if err := whole.Rename(other, part); err != nil {
			return err
		}
		if err := os.Remove(keyOf(other)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return nil
}
