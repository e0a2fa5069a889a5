package pipelines

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"oncovox/internal/stage"
)

// advise adds to err, which ended a stage, what to do about it: next, which says what
// the same command does, after what stands in its way. An error that asks for another
// command stays as it is.
func advise(err error, next string) error {
	for _, class := range []error{stage.ErrConfig, stage.ErrRefused, stage.ErrGate} {
		if errors.Is(err, class) {
			return err
		}
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		next = "free some space, and " + next
	case unwritable(err):
		next = "make the folder writable, and " + next
	}
	return fmt.Errorf("%w; %s", err, next)
}

// unwritable reports whether err comes from a place that cannot be written.
func unwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}
