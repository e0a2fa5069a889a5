package checkpoint

import (
	"fmt"
	"time"
)

// Saving says when training states are saved, and how many stay. What a training
// leaves at its end does not depend on it.
type Saving struct {
	Steps   int     // between two states
	Minutes float64 // the most between two states; 0 for any
	Keep    int     // newest states that stay until the end
}

// Check returns what is wrong with s, in the words of the settings save_every,
// save_minutes and keep_states.
func (s Saving) Check() (faults []error) {
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(s.Steps >= 1, "save_every %d: want at least 1", s.Steps)
	check(s.Minutes >= 0 && s.Minutes <= 1e6, "save_minutes %v: want 0 to a million", s.Minutes)
	check(s.Keep >= 1 && s.Keep <= 100, "keep_states %d: want 1 to 100", s.Keep)
	return faults
}

// A Due says when the next training state is to be saved: every so many steps, and
// whenever so much time has gone by, however few steps were done in it.
type Due struct {
	Saving
	Now func() time.Time // the clock; nil for none

	last time.Time
}

// After reports whether the state after so many steps is to be saved. It is asked
// after every step.
func (d *Due) After(steps int) bool {
	due := steps%d.Steps == 0
	if d.Now == nil || d.Minutes <= 0 {
		return due
	}
	now := d.Now()
	if d.last.IsZero() { // time is counted from the first step on
		d.last = now
	}
	due = due || now.Sub(d.last).Minutes() >= d.Minutes
	if due {
		d.last = now
	}
	return due
}
