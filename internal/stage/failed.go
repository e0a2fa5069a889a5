package stage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
)

// A Failed is one line of failed.jsonl: a scan that could not be worked on. The
// batch goes on without it.
type Failed struct {
	Volume string `json:"volume"`         // keyed hash
	Part   string `json:"part,omitempty"` // of the split
	Reason string `json:"reason"`         // unreadable, missing or unusable
	Detail string `json:"detail"`         // without the path to it
}

// FailedFile is the name of the file of those that failed.
const FailedFile = "failed.jsonl"

// NewFailed says why the scan of a volume, in the folder dir, failed with err.
func NewFailed(volume, part, dir string, err error) Failed {
	f := Failed{Volume: volume, Part: part, Reason: "unusable", Detail: strings.ReplaceAll(err.Error(), dir+string(os.PathSeparator), "")}
	var path *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Reason = "missing"
	case errors.As(err, &path):
		f.Reason = "unreadable"
	}
	return f
}

// EndsBatch reports whether err is no fault of the scan that it was met with, but one
// that every other would meet too: an interruption, or a disk that is full.
func EndsBatch(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EMFILE)
}

// CheckFailed returns an ErrRefused that counts the reasons if more than the share
// allowed of n scans failed, or nil.
func CheckFailed(failed []Failed, n int, allowed float64) error {
	if float64(len(failed)) <= allowed*float64(n) {
		return nil
	}
	return fmt.Errorf("%w: %d of %d scans failed (%s), max_failed allows a share of %.3g; %s says why",
		ErrRefused, len(failed), n, Reasons(failed), allowed, FailedFile)
}

// Reasons counts the reasons of failed, as "2 missing, 1 unusable".
func Reasons(failed []Failed) string {
	counts := map[string]int{}
	var names []string
	for _, f := range failed {
		if counts[f.Reason]++; counts[f.Reason] == 1 {
			names = append(names, f.Reason)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return strings.Join(names, ", ")
}
