package dicomio

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Limits bound what Scan takes from its sources.
type Limits struct {
	EntryBytes int64 // the largest single file
	Entries    int   // the most files over all sources
	Depth      int   // the most containers inside one another; a tar.gz counts as two
	// Ratio is the most bytes that one byte of a source may unpack to, beyond
	// the first GraceBytes of a source.
	Ratio      int64
	GraceBytes int64
}

// DefaultLimits fits real archives: enhanced objects of 4 GiB, millions of
// files, tar.gz in zip. CT of air, the most compressible of real data, shrinks
// about a hundredfold.
func DefaultLimits() Limits {
	return Limits{EntryBytes: 4 << 30, Entries: 50_000_000, Depth: 6, Ratio: 250, GraceBytes: 256 << 20}
}

// HeadBytes is how much of a file Scan looks at to tell what it is.
const HeadBytes = 512

// An Entry is one file that Scan has found.
type Entry struct {
	Name string // from the source's own name on, through nested archives: "scans.zip/patient1/IM0001". It may name a patient
	Head []byte // its first bytes, at most HeadBytes
	Err  error  // why it cannot be read (*Error); then Head is nil

	whole io.Reader // from Head on
	size  int64     // as its container says it, -1 if that does not
	limit int64     // of the bytes that are read
	start *bytes.Buffer
}

// Read returns the whole of the entry; the slice belongs to the caller. It may be
// called once, before visit returns, since most archives can only be read
// forwards; an entry that is not read is skipped. It fails with an *Error:
// TooLarge, ArchiveBomb, BadArchive or Unreadable.
func (e *Entry) Read() ([]byte, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	b, err := readAll(e.whole, e.size, e.limit)
	return b, at(e.Name, err)
}

// firstRead is how much of a file ReadStart reads first: more than most headers.
const firstRead = 16 << 10

// ReadStart returns as many of the first bytes of the entry as enough asks for: it
// is called with more and more of them, until it is content or, with whole set, there
// are no more. The bytes are its own for the time of the call only. ReadStart is
// called in place of Read, and fails as that does.
func (e *Entry) ReadStart(enough func(b []byte, whole bool) bool) error {
	if e.Err != nil {
		return e.Err
	}
	buf := e.start
	buf.Reset()
	for n := int64(firstRead); ; n *= 4 {
		want := min(n, e.limit+1) - int64(buf.Len())
		got, err := buf.ReadFrom(io.LimitReader(e.whole, want))
		switch {
		case err != nil:
			return at(e.Name, asBadArchive(err))
		case int64(buf.Len()) > e.limit:
			return at(e.Name, refuse(TooLarge, "more than %d bytes", e.limit))
		case enough(buf.Bytes(), got < want) || got < want:
			return nil
		}
	}
}

// MaybeDICOM reports whether the entry begins as a DICOM object does, with or
// without preamble. ReadInstance has the last word.
func (e *Entry) MaybeDICOM() bool { return maybeDICOM(e.Head) }

func maybeDICOM(head []byte) bool {
	if hasPreamble(head) || strings.HasPrefix(string(head[:min(4, len(head))]), "DICM") {
		return true
	}
	w := &walker{data: head, lay: &layout{}}
	_, ok := w.anyPlausible(0)
	return ok
}

// Scan visits every file in sources: folders (in the order of their names),
// files, and the contents of zip, tar, gzip, zstd and xz archives, nested up to
// limits.Depth. Kinds are told by content, never by name.
//
// visit is called from one goroutine, in an order that depends on the sources
// alone; a visitor that wants to use more cores reads the entry and hands the
// bytes on. A broken entry, or a broken archive, is visited with Err set and
// never ends the scan. Scan ends early only with visit's error, with ctx.Err(),
// or because a source cannot be opened.
//
// What the operating system fails to read for a passing fault, as file systems on a
// network have them, is tried again three times, over about two seconds.
func Scan(ctx context.Context, sources []string, limits Limits, visit func(*Entry) error) error {
	return systemDisk().scan(ctx, sources, limits, visit)
}

// scan is Scan of sources on d.
func (d *disk) scan(ctx context.Context, sources []string, limits Limits, visit func(*Entry) error) error {
	for _, src := range sources { // before any work, so that a misspelt one costs nothing
		if _, err := os.Stat(src); err != nil {
			return err
		}
	}
	s := &scanner{ctx: ctx, disk: d, limits: limits, visit: visit, ahead: bufio.NewReaderSize(nil, firstRead)}
	for _, src := range sources {
		if err := s.source(src); err != nil {
			return err
		}
	}
	return nil
}

// A scanner holds what the whole scan shares.
type scanner struct {
	ctx     context.Context
	disk    *disk
	limits  Limits
	visit   func(*Entry) error
	entries int

	ahead *bufio.Reader // of the file on disk
	start bytes.Buffer  // for ReadStart
}

// An endScan carries the error that ends the whole scan up through archive
// readers, which would else take it for a fault of their own.
type endScan struct{ err error }

func (e *endScan) Error() string { return e.err.Error() }

func ends(err error) bool {
	var e *endScan
	return errors.As(err, &e)
}

// source scans one folder or file.
func (s *scanner) source(src string) error {
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	name := filepath.Base(filepath.Clean(src))
	if info.IsDir() {
		err = s.folder(src, name)
	} else {
		err = s.file(src, name)
	}
	var end *endScan
	if errors.As(err, &end) {
		return end.err
	}
	return err
}

// folder scans a folder on disk.
func (s *scanner) folder(dir, name string) error {
	var entries []fs.DirEntry
	err := s.disk.retry(s.ctx, func() (err error) {
		entries, err = s.disk.list(dir)
		return err
	})
	if err != nil {
		err = s.broken(name, unreadable(err))
	}
	for i := 0; i < len(entries) && err == nil; i++ {
		e := entries[i]
		file, inner := filepath.Join(dir, e.Name()), path.Join(name, filepath.ToSlash(e.Name()))
		switch {
		case e.IsDir():
			err = s.folder(file, inner)
		case e.Type().IsRegular():
			err = s.file(file, inner)
		}
	}
	return err
}

// pathless drops the path from a file system error: the entry's name says it.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// emit visits e. Its error ends the scan.
func (s *scanner) emit(e *Entry) error {
	if err := s.ctx.Err(); err != nil {
		return &endScan{err}
	}
	s.entries++
	if s.entries > s.limits.Entries {
		return &endScan{&Error{Reason: TooLarge, Detail: "more files than the limit allows"}}
	}
	if err := s.visit(e); err != nil {
		return &endScan{err}
	}
	return nil
}

// broken visits an entry that cannot be read.
func (s *scanner) broken(name string, err error) error {
	if ends(err) {
		return err
	}
	var e *Error
	if !errors.As(err, &e) {
		err = &Error{Reason: BadArchive, Err: err}
	}
	return s.emit(&Entry{Name: name, Err: at(name, err)})
}

// file scans a file on disk.
func (s *scanner) file(file, name string) error {
	f, err := s.disk.openFile(s.ctx, file)
	if err != nil {
		return s.broken(name, err)
	}
	defer f.Close()
	size := f.info.Size()
	acc := &account{ctx: s.ctx, limits: s.limits}
	s.ahead.Reset(f)
	head, err := s.ahead.Peek(HeadBytes)
	if err != nil && err != io.EOF {
		return s.broken(name, err)
	}
	if sniff(head) == kindZip {
		acc.in = size
		return s.zip(f, size, name, acc, 1)
	}
	return s.stream(acc.source(s.ahead), size, name, acc, 0)
}
