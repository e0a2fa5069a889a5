package pipelines

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"oncovox/internal/jsonl"
	"oncovox/internal/whole"
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
// reading it again. It can be used by several runs at the same time.
type digester struct {
	path        string     // where it remembers; "" for nowhere
	mu          sync.Mutex // of the rest
	known, used map[string]string
	again       int // how often a read failed and was tried again
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
	d.mu.Lock()
	defer d.mu.Unlock()
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
	return d.digest(ctx, path, info)
}

// digest returns the size and digest of the file at path, of which info speaks.
func (d *digester) digest(ctx context.Context, path string, info fs.FileInfo) (File, error) {
	if !info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s: not a regular file", path)
	}
	id := identity(info)
	if sum, ok := d.recall(id); ok {
		return File{info.Size(), sum}, nil
	}
	var sum string
	again, err := whole.Retry(ctx, whole.Pause, func() (err error) {
		sum, err = hashFile(ctx, path)
		return err
	})
	if again > 0 {
		d.mu.Lock()
		d.again += again
		d.mu.Unlock()
	}
	if err != nil {
		return File{}, err
	}
	// A file that has only just changed may change again within the same tick of
	// the clock of the file system.
	if time.Since(info.ModTime()) > time.Second {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.used[id] = sum
	}
	return File{info.Size(), sum}, nil
}

// retries returns how often a read failed and was tried again, since it was last
// asked.
func (d *digester) retries() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	again := d.again
	d.again = 0
	return again
}

// recall returns the digest that is remembered of the file of that identity.
func (d *digester) recall(id string) (sum string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if sum, ok = d.used[id]; !ok {
		sum, ok = d.known[id]
	}
	if ok {
		d.used[id] = sum
	}
	return sum, ok
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

// tree returns the files under dir by their slash path, but for the record, and for
// those of the private ones that this user may not read.
func (d *digester) tree(ctx context.Context, dir string, private ...string) (map[string]File, error) {
	dir = filepath.Clean(dir)
	found, err := list(ctx, dir)
	if err != nil {
		return nil, err
	}
	files := make(map[string]File, len(found))
	for _, f := range found {
		rel := strings.TrimPrefix(f.path[len(dir):], sep)
		if rel == recordName {
			continue
		}
		name := filepath.ToSlash(rel)
		file, err := d.digest(ctx, f.path, f.info)
		if errors.Is(err, fs.ErrPermission) && slices.Contains(private, name) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[name] = file
	}
	return files, nil
}

const sep = string(filepath.Separator)

// A listed is a file that was found.
type listed struct {
	path string
	info fs.FileInfo
}

// list returns the files under dir, by paths that begin with it. A run has many
// small folders, so that those of one depth are read by several goroutines.
func list(ctx context.Context, dir string) ([]listed, error) {
	var files []listed
	for level := []string{dir}; len(level) > 0; {
		folders := make([][]string, len(level))
		found := make([][]listed, len(level))
		errs := make([]error, len(level))
		var next atomic.Int64
		var workers sync.WaitGroup
		for range min(runtime.GOMAXPROCS(0), len(level)) {
			workers.Go(func() {
				for i := int(next.Add(1)) - 1; i < len(level) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
					folders[i], found[i], errs[i] = listOne(level[i])
				}
			})
		}
		workers.Wait()
		if err := cmp.Or(slices.Insert(errs, 0, ctx.Err())...); err != nil {
			return nil, err
		}
		level = slices.Concat(folders...)
		files = append(files, slices.Concat(found...)...)
	}
	return files, nil
}

// listOne returns the folders and files in dir itself.
func listOne(dir string) (folders []string, files []listed, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		path := dir + sep + e.Name()
		if e.IsDir() {
			folders = append(folders, path)
			continue
		}
		info, err := os.Stat(path) // links are followed
		if err != nil {
			return nil, nil, err
		}
		files = append(files, listed{path, info})
	}
	return folders, files, err
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
