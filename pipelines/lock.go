package pipelines

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// A process that was killed may take a moment to end and drop its lock.
const (
	lockTries = 20
	lockPause = 50 * time.Millisecond
)

// lock takes the lock file at path for this process, and returns the function
// that gives it back. The system drops the lock of a process that dies, so no
// lock goes stale; the file's text says who holds it.
func lock(path string) (unlock func(), err error) {
	for try := 0; ; try++ {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if unwritable(err) {
			return nil, fmt.Errorf("%w: make the folder writable, or choose another with --out", err)
		}
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			holder, _ := io.ReadAll(io.LimitReader(f, 200))
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				if try < lockTries {
					time.Sleep(lockPause)
					continue
				}
				return nil, fmt.Errorf("in use by %s: wait for it to end, or choose another folder", strings.TrimSpace(string(holder)))
			}
			return nil, fmt.Errorf("%s: lock: %w", path, err)
		}
		// The holder before may have removed the file between our two calls.
		held, err1 := f.Stat()
		there, err2 := os.Stat(path)
		if err1 != nil || err2 != nil || !os.SameFile(held, there) {
			f.Close()
			continue
		}
		host, _ := os.Hostname()
		if err := f.Truncate(0); err == nil {
			fmt.Fprintf(f, "process %d on %s\n", os.Getpid(), host)
		}
		return func() { os.Remove(path); f.Close() }, nil
	}
}
