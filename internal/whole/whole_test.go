package whole

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// What is not committed lies only in the folder of its place, whatever TMPDIR
// says, and Sweep removes that and nothing else.
func TestSweep(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", elsewhere)
	sub := filepath.Join(dir, "sub")
	if err := os.MkdirAll(filepath.Join(sub, ".cut", "c"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "a"), filepath.Join(sub, "b")} {
		if err := WriteFile(path, []byte("whole"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(path, 0o600); err != nil { // and killed here
			t.Fatal(err)
		}
	}
	if got := names(t, elsewhere); len(got) != 0 {
		t.Errorf("in TMPDIR: %q", got)
	}
	if got := names(t, dir); len(got) != 3 {
		t.Errorf("before: %q, want two files and a folder", got)
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"a", "sub"}) {
		t.Errorf("after: %q", got)
	}
	if got := names(t, sub); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after, below: %q", got)
	}
	if err := Sweep(filepath.Join(dir, "absent")); err != nil {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// An aborted file leaves what was there.
func TestAbort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("new")
	f.Abort()
	if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
		t.Errorf("%q, %v; want what was there", b, err)
	}
	if got := names(t, filepath.Dir(path)); len(got) != 1 {
		t.Errorf("left: %q", got)
	}
}

// All of a folder goes to the disk, what is in a folder before the folder, and a
// file's place after the file.
func TestSync(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b/c/d", "b/e"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var written []string
	real := toDisk
	defer func() { toDisk = real }()
	toDisk = func(path string) error {
		rel, _ := filepath.Rel(dir, path)
		written = append(written, rel)
		return real(path)
	}
	if err := Sync(dir); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b/c/d", "b/c", "b/e", "b", "."}; !slices.Equal(written, want) {
		t.Errorf("wrote %q, want %q", written, want)
	}
	written = nil
	if err := WriteFile(filepath.Join(dir, "b", "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Rename(filepath.Join(dir, "b"), filepath.Join(dir, "g")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"b", "."}; !slices.Equal(written, want) {
		t.Errorf("wrote %q, want %q", written, want)
	}
}
