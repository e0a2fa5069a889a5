package oncovox

import "oncovox/internal/stage"

// An Env is what the Run of a stage is given besides its settings: the folders that
// it reads, by role, and the one that it fills, its seed, and where it logs.
type Env = stage.Env

// The classes of failure: [errors.Is] tells them apart.
var (
	ErrConfig  = stage.ErrConfig  // a setting or a pipeline file that cannot be used
	ErrRefused = stage.ErrRefused // more input refused, or more scans failed, than allowed
	ErrGate    = stage.ErrGate    // a check of trust failed: a leak, or a digest
)
