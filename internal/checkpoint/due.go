package checkpoint

import "time"

// A Due says when a training state is to be saved: every so many steps, and whenever
// so much time has gone by, however few steps were done in it. What a training leaves
// at its end does not depend on it.
type Due struct {
	Steps   int              // between two states
	Minutes float64          // the most between two states; 0 for any
	Now     func() time.Time // the clock; nil for none

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
