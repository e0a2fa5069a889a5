package dicomio

import "context"

// Limits bound what Scan takes from an archive.
type Limits struct {
	EntryBytes int64 // the largest single file
	Entries    int   // the most files over all sources
	Depth      int   // the most archives inside one another
	// Ratio is the most bytes that one byte of an archive may unpack to,
	// beyond the first GraceBytes.
	Ratio      int64
	GraceBytes int64
}

// DefaultLimits fits real archives: whole-body PET/CT, enhanced multi-frame
// objects of 4 GiB, millions of files, zip in tar in zip.
func DefaultLimits() Limits {
	return Limits{EntryBytes: 4 << 30, Entries: 50_000_000, Depth: 4, Ratio: 250, GraceBytes: 256 << 20}
}

// An Entry is one file that Scan has found.
type Entry struct {
	Name string // path from its source on, through nested archives: "scans.zip/patient1/IM0001"
	Head []byte // its first bytes, at most HeadBytes; see MaybeDICOM
	Err  error  // why it cannot be read (*Error): then Head is nil and Read fails

	read func() ([]byte, error)
}

// HeadBytes is how much of a file Scan looks at before deciding what it is.
const HeadBytes = 512

// Read returns the whole of the entry. The slice belongs to the caller. It may
// be called once, and only before visit returns, since most archives can be
// read only forwards; an entry that is not read is skipped cheaply. It fails
// with an *Error: TooLarge, ArchiveBomb, BadArchive or Unreadable.
func (e *Entry) Read() ([]byte, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	return e.read()
}

// MaybeDICOM reports whether the entry begins as a DICOM object does, with or
// without preamble.
func (e *Entry) MaybeDICOM() bool { return false }

// Scan visits every file in sources: folders (in the order of their names),
// files, and the contents of zip, tar, tar.gz, tar.zst and tar.xz archives,
// nested up to limits.Depth; single compressed DICOM files too. Kinds are told
// by content, never by name.
//
// visit is called from one goroutine, in an order that depends on the sources
// alone; a visitor that wants to use more cores reads the entry and hands the
// bytes on. A broken entry, or a broken archive, is visited with Err set and
// never ends the scan. Scan ends early only with visit's error, with ctx.Err(),
// or because a source does not exist.
func Scan(ctx context.Context, sources []string, limits Limits, visit func(*Entry) error) error {
	return nil
}
