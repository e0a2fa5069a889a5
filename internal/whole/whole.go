// Package whole writes files that appear whole, by rename, or not at all. What is
// not yet whole lies beside its place, under a name that begins with a dot, as no
// artifact's does, so that Sweep finds what a killed process has left.
package whole

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
)

// WriteFile writes b to the file at path and to the disk under it, from the
// beginning again if that fails in a way that may pass. perm is that of a new file,
// before the umask.
func WriteFile(path string, b []byte, perm fs.FileMode) error {
	_, err := Retry(context.Background(), Pause, func() error { return writeFile(path, b, perm) })
	return err
}

func writeFile(path string, b []byte, perm fs.FileMode) error {
	f, err := Create(path, perm)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Commit()
}

// A File is being written.
type File struct {
	*renameio.PendingFile
	dir string // where it will lie
}

// Create begins a file that Commit puts at path, with permissions perm before the
// umask. The caller defers Abort.
func Create(path string, perm fs.FileMode) (File, error) {
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithPermissions(perm))
	return File{f, filepath.Dir(path)}, err
}

// Commit writes f to the disk, closes it and puts it in its place, where a power
// cut does not take it away again.
func (f File) Commit() error {
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return toDisk(f.dir)
}

// Abort closes and removes f. After Commit it does nothing.
func (f File) Abort() { f.Cleanup() }

// Sweep removes what a killed process was writing in the folder dir and those in
// it: all whose name begins with a dot. A folder that is not there is as good.
func Sweep(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir || !strings.HasPrefix(d.Name(), ".") {
			return err
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sync writes to the disk all that lies in the folder dir, each folder after what is
// in it. It comes before a rename of dir, which else a power cut may leave with files
// that are empty.
func Sync(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			err = Sync(path)
		case e.Type().IsRegular():
			err = toDisk(path)
		}
		if err != nil {
			return err
		}
	}
	return toDisk(dir)
}

// Rename renames the file or folder from to to, beside it, and writes the folder
// that they lie in to the disk.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return toDisk(filepath.Dir(to))
}

// toDisk writes the file or folder at path to the disk. Tests replace it.
var toDisk = func(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
