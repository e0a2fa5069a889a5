package dicomio

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"oncovox/internal/whole"
)

// A disk is where sources lie. Those on a network fail at times, and a little later do
// not: what fails so is tried again.
type disk struct {
	open  func(path string) (diskFile, error)
	list  func(dir string) ([]fs.DirEntry, error) // sorted; with an error, those that were read
	pause func(ctx context.Context, d time.Duration)

	retried int // how often; of the goroutine that scans alone
}

// A diskFile is an *os.File, or what a test has in its place.
type diskFile interface {
	io.ReadSeekCloser
	io.ReaderAt
	Stat() (fs.FileInfo, error)
}

// systemDisk is that of the operating system.
func systemDisk() *disk {
	return &disk{
		open:  func(path string) (diskFile, error) { return os.Open(path) },
		list:  os.ReadDir,
		pause: whole.Pause,
	}
}

// retry calls try until it no longer fails in a way that may pass.
func (d *disk) retry(ctx context.Context, try func() error) error {
	again, err := whole.Retry(ctx, d.pause, try)
	d.retried += again
	return err
}

// unreadable returns err, of the operating system, as a refusal.
func unreadable(err error) error {
	var e *Error
	if errors.As(err, &e) || ends(err) {
		return err
	}
	return &Error{Reason: Unreadable, Err: pathless(err)}
}

// A patientFile reads a file of a disk. What it fails with, but for the end of the file,
// is an *Error.
type patientFile struct {
	ctx  context.Context
	disk *disk
	path string
	file diskFile
	info fs.FileInfo
	at   int64 // where Read goes on
}

// openFile opens the file at path.
func (d *disk) openFile(ctx context.Context, path string) (*patientFile, error) {
	p := &patientFile{ctx: ctx, disk: d, path: path}
	err := d.retry(ctx, p.reopen)
	if err != nil {
		return nil, unreadable(err)
	}
	return p, nil
}

// reopen opens the file, again if it was open: a handle that went stale stays so.
func (p *patientFile) reopen() error {
	p.Close()
	f, err := p.disk.open(p.path)
	if err != nil {
		return err
	}
	p.file = f
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case p.info == nil:
		p.info = info
	case info.Size() != p.info.Size() || !info.ModTime().Equal(p.info.ModTime()):
		return errors.New("it changed while it was read")
	}
	if p.at > 0 {
		_, err = f.Seek(p.at, io.SeekStart)
	}
	return err
}

// Close closes the file, if it is open.
func (p *patientFile) Close() error {
	if p.file == nil {
		return nil
	}
	f := p.file
	p.file = nil
	return f.Close()
}

// Read reads on.
func (p *patientFile) Read(b []byte) (n int, err error) {
	err = p.again(func() error {
		n, err = p.file.Read(b)
		p.at += int64(n)
		if n > 0 && whole.Passing(err) {
			err = nil // the next call meets it again
		}
		return err
	})
	return n, err
}

// ReadAt reads at offset.
func (p *patientFile) ReadAt(b []byte, offset int64) (n int, err error) {
	err = p.again(func() error {
		n, err = p.file.ReadAt(b, offset)
		return err
	})
	return n, err
}

// again calls read, on a file that is opened anew for every further try.
func (p *patientFile) again(read func() error) error {
	first := true
	err := p.disk.retry(p.ctx, func() error {
		if !first || p.file == nil {
			if err := p.reopen(); err != nil {
				return err
			}
		}
		first = false
		return read()
	})
	if err == nil || err == io.EOF {
		return err
	}
	return unreadable(err)
}
