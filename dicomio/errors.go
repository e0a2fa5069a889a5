package dicomio

import (
	"errors"
	"fmt"
)

// A Reason says why a file, a frame or a series was refused. Reasons are part
// of the artifacts (refused.jsonl, ingest.json), so their text does not change.
type Reason string

// Reasons that concern one file or one entry of an archive.
const (
	// NotDICOM: the bytes do not begin as DICOM does.
	NotDICOM Reason = "not-dicom"
	// Malformed: it begins as DICOM, but an item, a length or a value breaks
	// the grammar in a way that leaves its meaning open.
	Malformed Reason = "malformed"
	// Truncated: the file ends before the data that it announces.
	Truncated Reason = "truncated"
	// TooDeep: sequences are nested deeper than any real object does.
	TooDeep Reason = "too-deep"
	// TooLarge: more elements, bytes or pixels than the limits allow.
	TooLarge Reason = "too-large"
	// NoPixels: the object holds no image, where one was asked for.
	NoPixels Reason = "no-pixels"
	// UnsupportedTransferSyntax: valid, but in a coding that is not read.
	UnsupportedTransferSyntax Reason = "unsupported-transfer-syntax"
	// UnsupportedPixels: valid, but in a pixel layout that is not read.
	UnsupportedPixels Reason = "unsupported-pixels"
	// BadPixelData: the pixels contradict the header or cannot be decoded.
	BadPixelData Reason = "bad-pixel-data"
	// BadArchive: an archive, or an entry of one, that cannot be unpacked.
	BadArchive Reason = "bad-archive"
	// ArchiveBomb: an archive that unpacks to far more than any real one.
	ArchiveBomb Reason = "archive-bomb"
	// UnsafePath: an entry whose name leads out of its archive.
	UnsafePath Reason = "unsafe-path"
	// Unreadable: the operating system would not hand the bytes over.
	Unreadable Reason = "unreadable"
)

// An Error is a refusal: what was refused, where, and why. It holds no value
// of an element, and so no patient data, but Path may: whoever prints it
// decides whether names of files may be shown.
type Error struct {
	Reason Reason
	Path   string // inside the archive, "" where the caller knows
	Detail string // for a person: what was wrong, and where in the bytes
	Err    error  // the cause below, or nil
}

func (e *Error) Error() string {
	s := string(e.Reason)
	if e.Path != "" {
		s = e.Path + ": " + s
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason in err's chain, or "" when it has none.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// refuse makes an Error without a path; the exported functions add theirs.
func refuse(r Reason, format string, args ...any) error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// at returns err with path set, if err is an Error that has none yet.
func at(path string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Path == "" {
		c := *e
		c.Path = path
		return &c
	}
	return err
}
