// Package stage holds what every stage of a pipeline is given and what it may
// answer: the folders it reads and the one it writes, its seed, where it
// reports, and the classes of failure that a caller tells apart.
package stage

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// An Env is what a stage gets besides its own config. Nothing below pipelines
// reads the environment, a flag, the clock or a global random source.
type Env struct {
	Seed     int64             // every random number of the stage derives from it
	In       map[string]string // role ("data", "backbone", ...) to the folder of the stage that fills it
	Out      string            // an existing folder, to be filled. It may hold the state of an interrupted run of the same work
	Previous string            // the folder of finished work that this will replace, or "". What is taken from it must be proved to be the same
	Version  string            // the program's version, for provenance
	Log      *slog.Logger      // nil for none; Logger is for all cases
	Progress Progress          // may be nil
	Now      func() time.Time  // the clock, for what leaves no trace in an artifact, such as when a training state is saved; nil for none
}

// Input returns the folder that fills role, or an error that names the role.
func (e Env) Input(role string) (string, error) {
	if dir, ok := e.In[role]; ok && dir != "" {
		return dir, nil
	}
	return "", fmt.Errorf("needs a stage in the role %q", role)
}

// Logger returns where the stage logs: Log, or what says nothing if that is nil.
func (e Env) Logger() *slog.Logger {
	if e.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return e.Log
}

// A Progress hears how far a long job is: done of total items (total is 0 when
// unknown), and a short note such as "loss 0.231".
type Progress func(done, total int, note string)

// Report tells p, which may be nil.
func (p Progress) Report(done, total int, note string) {
	if p != nil {
		p(done, total, note)
	}
}

// The classes of failure that have an exit code of their own. A stage wraps
// one of them with %w.
var (
	// ErrConfig marks a setting or a pipeline file that cannot be used.
	ErrConfig = errors.New("invalid configuration")
	// ErrRefused marks more refused input than the config allows.
	ErrRefused = errors.New("more input refused than allowed")
	// ErrGate marks a check of trust that failed, such as a leak between the
	// parts of a split or a digest that does not match.
	ErrGate = errors.New("gate failed")
)
