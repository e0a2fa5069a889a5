package pipelines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"oncovox/internal/jsonl"
)

// A File is what is kept of one artifact.
type File struct {
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// recordName is the file of the runner in a stage's folder. It is no artifact.
const recordName = "stage.json"

// A digester hashes files. It remembers those that it has hashed by device,
// inode, size and time of change, so that a run folder is planned without
// reading it again.
type digester struct {
	path        string // where it remembers; "" for nowhere
	known, used map[string]string
}

func newDigester(path string) *digester {
	d := &digester{path: path, known: map[string]string{}, used: map[string]string{}}
	if path != "" {
		// A memory that cannot be read costs time, and nothing else.
		if err := jsonl.ReadValue(path, &d.known); err != nil {
			d.known = map[string]string{}
		}
	}
	return d
}

// save writes what was used of the memory.
func (d *digester) save() error {
	if d.path == "" || maps.Equal(d.known, d.used) {
		return nil
	}
	return jsonl.WriteValue(d.path, d.used, 0o600)
}

// file returns the size and digest of the file at path.
func (d *digester) file(ctx context.Context, path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	if !info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s: not a regular file", path)
	}
	id := identity(info)
	sum, ok := d.used[id]
	if !ok {
		sum, ok = d.known[id]
	}
	if ok {
		d.used[id] = sum
		return File{info.Size(), sum}, nil
	}
	if sum, err = hashFile(ctx, path); err != nil {
		return File{}, err
	}
	// A file that has only just changed may change again within the same tick of
	// the clock of the file system.
	if time.Since(info.ModTime()) > time.Second {
		d.used[id] = sum
	}
	return File{info.Size(), sum}, nil
}

// hashFile returns the SHA-256 of the file at path, in hexadecimal.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if err := copyTo(ctx, h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func copyTo(ctx context.Context, h hash.Hash, r io.Reader) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := io.CopyN(h, r, 16<<20); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// identity tells one content of one file from any other.
func identity(info fs.FileInfo) string {
	id := fmt.Sprintf("%d:%d", info.Size(), info.ModTime().UnixNano())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id = fmt.Sprintf("%d:%d:%s", st.Dev, st.Ino, id)
	}
	return id
}

// tree returns the files under dir by their slash path, but for the record.
func (d *digester) tree(ctx context.Context, dir string) (map[string]File, error) {
	files := map[string]File{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == recordName {
			return err
		}
		if files[filepath.ToSlash(rel)], err = d.file(ctx, path); err != nil {
			return err
		}
		return nil
	})
	return files, err
}

// treeDigest returns one digest over files.
func treeDigest(files map[string]File) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d %s\n", files[name].SHA256, files[name].Size, name)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sources returns one digest over the content of the files and folders at paths.
func (d *digester) sources(ctx context.Context, paths []string) (string, error) {
	h := sha256.New()
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return "", err
		}
		sum := ""
		if info.IsDir() {
			files, err := d.tree(ctx, path)
			if err != nil {
				return "", err
			}
			sum = treeDigest(files)
		} else {
			file, err := d.file(ctx, path)
			if err != nil {
				return "", err
			}
			sum = file.SHA256
		}
		fmt.Fprintln(h, sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
