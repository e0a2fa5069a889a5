package whole

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// Pauses are those between the tries of Retry.
var Pauses = []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}

// Retry calls try, up to four times, until it no longer fails in a way that file
// systems on a network give and take back. Between two tries it pauses, with the given
// function, unless ctx is done. It returns how often it tried again, and the last
// error.
func Retry(ctx context.Context, pause func(context.Context, time.Duration), try func() error) (again int, err error) {
	err = try()
	for _, d := range Pauses {
		if !Passing(err) || ctx.Err() != nil {
			break
		}
		again++
		pause(ctx, d)
		err = try()
	}
	return again, err
}

// Pause waits for d, or until ctx is done.
func Pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Passing reports whether err may pass.
func Passing(err error) bool {
	for _, e := range []error{syscall.EIO, syscall.ESTALE, syscall.EAGAIN, syscall.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
