package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"oncovox/internal/jsonl"
)

// A Cache is a folder that keeps the finished stages of runs, each in a folder by
// the key of its work, for other runs that have the same to do. Its files are
// hard links to those of the runs where the file system allows it, so that they
// take no room, and copies elsewhere. Several processes may use it.
type Cache string

// find returns the record of the work w, if the cache has it.
func (c Cache) find(w Work) *Record {
	if c == "" {
		return nil
	}
	rec, err := readRecord(filepath.Join(string(c), w.Key()))
	if err != nil || rec.Key != w.Key() || rec.Work.Key() != w.Key() || treeDigest(rec.Outputs) != rec.Digest {
		return nil
	}
	return rec
}

// fetch makes the folder out the work w of s, as the cache has it. Every file is
// read and compared with its digest first: damage says what was wrong with them,
// and then they are out of the cache.
func (c Cache) fetch(ctx context.Context, w Work, s Stage, out string, digests *digester) (_ *Record, damage, err error) {
	entry, part := filepath.Join(string(c), w.Key()), out+".part"
	rec := c.find(w)
	if rec == nil {
		return nil, errors.New("gone"), nil
	}
	if err := clear(part, w); err != nil {
		return nil, nil, err
	}
	if err := link(entry, part, rec.Outputs); errors.Is(err, fs.ErrNotExist) {
		return nil, err, os.RemoveAll(entry)
	} else if err != nil {
		return nil, nil, err
	}
	found, _, err := rec.damage(ctx, part, nil, digests)
	if err != nil {
		return nil, nil, err
	}
	if found != "" {
		return nil, errors.New(found), os.RemoveAll(entry)
	}
	rec.Stage, rec.From = s.Name, s.Needs
	if err := jsonl.WriteValue(filepath.Join(part, recordName), rec, 0o644); err != nil {
		return nil, nil, err
	}
	now := time.Now()
	return rec, nil, errors.Join(replace(out, part), os.Chtimes(entry, now, now)) // Sweep goes by its last use
}

// store keeps the finished stage in the folder out.
func (c Cache) store(rec *Record, out string) error {
	if c == "" {
		return nil
	}
	if err := os.MkdirAll(string(c), 0o755); err != nil {
		return err
	}
	part, err := os.MkdirTemp(string(c), rec.Key+partMark)
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if err := link(out, part, rec.Outputs); err != nil {
		return err
	}
	if err := jsonl.WriteValue(filepath.Join(part, recordName), rec, 0o644); err != nil {
		return err
	}
	entry := filepath.Join(string(c), rec.Key)
	if err := os.RemoveAll(entry); err != nil { // it would have been used if it were whole
		return err
	}
	return os.Rename(part, entry)
}

// partMark is in the name of an entry that is being written.
const partMark = ".part"

// link puts the files of the folder from into the folder to as well.
func link(from, to string, files map[string]File) error {
	for name := range files {
		name = filepath.FromSlash(name)
		if !filepath.IsLocal(name) {
			return fmt.Errorf("%s: not a place in a stage's folder", name)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o755); err != nil {
			return err
		}
		err := os.Link(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			err = copyFile(filepath.Join(from, name), filepath.Join(to, name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file, with its permissions. Where the file system can share
// the blocks of the two, the system does.
func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return err
	}
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}

// An Entry is a stage that a cache keeps.
type Entry struct {
	Key   string    `json:"key"`
	Kind  string    `json:"kind"`
	Bytes int64     `json:"bytes"`
	Used  time.Time `json:"used"` // last, or kept
	path  string
}

// Entries returns what the cache keeps, that used last first. Kind is "" for what
// is no whole stage.
func (c Cache) Entries() ([]Entry, error) {
	found, err := os.ReadDir(string(c))
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, f := range found {
		name, _, _ := strings.Cut(f.Name(), partMark)
		info, err := f.Info()
		if len(name) != 64 || !f.IsDir() || err != nil { // not of the cache, or just removed
			continue
		}
		e := Entry{Key: name, Used: info.ModTime(), path: filepath.Join(string(c), f.Name())}
		if rec, err := readRecord(e.path); err == nil && name == f.Name() {
			e.Kind = rec.Kind
			for _, file := range rec.Outputs {
				e.Bytes += file.Size
			}
		}
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return b.Used.Compare(a.Used) })
	return all, nil
}

// Sweep removes what was last used before the given time, and returns it. With
// dry it removes nothing.
func (c Cache) Sweep(before time.Time, dry bool) ([]Entry, error) {
	all, err := c.Entries()
	if err != nil {
		return nil, err
	}
	var out []Entry
	for _, e := range all {
		if !e.Used.Before(before) {
			continue
		}
		if !dry {
			if err := os.RemoveAll(e.path); err != nil {
				return out, err
			}
		}
		out = append(out, e)
	}
	return out, nil
}
