package whole

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"testing"
	"time"
)

// What may pass is tried four times, with pauses that grow; the rest once.
func TestRetry(t *testing.T) {
	gone := &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}
	stale := &fs.PathError{Op: "read", Path: "x", Err: syscall.ESTALE}
	for _, tt := range []struct {
		name         string
		fault        error
		times, again int // that it fails; that it is tried again
		want         error
	}{
		{"well", nil, 0, 0, nil},
		{"passes", stale, 2, 2, nil},
		{"passes at the last moment", stale, 3, 3, nil},
		{"stays", stale, 9, 3, stale},
		{"is not there", gone, 9, 0, gone},
	} {
		var paused []time.Duration
		calls := 0
		again, err := Retry(t.Context(), func(_ context.Context, d time.Duration) { paused = append(paused, d) }, func() error {
			if calls++; calls <= tt.times {
				return tt.fault
			}
			return nil
		})
		if again != tt.again || !errors.Is(err, tt.want) || len(paused) != tt.again {
			t.Errorf("%s: tried again %d times after pauses of %v, error %v", tt.name, again, paused, err)
		}
	}
	off, cancel := context.WithCancel(t.Context())
	cancel()
	if again, err := Retry(off, Pause, func() error { return stale }); again != 0 || !errors.Is(err, syscall.ESTALE) {
		t.Errorf("called off: tried again %d times, error %v", again, err)
	}
	Pause(off, time.Hour)
}
