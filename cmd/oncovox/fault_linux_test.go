package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mounted mounts a small file system in memory, or skips the test.
func mounted(t *testing.T, options string) string {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// A disk that is full ends a run with a message, again and again as it is made a
// little larger, and nothing is lost: at last the run is as it should be.
func TestFullDisk(t *testing.T) {
	pipeline, want := tiny(t)
	const step = 6000 // KiB
	disk := mounted(t, fmt.Sprintf("size=%dk", step))
	full := 0
	for size := step; ; size += step {
		if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dk", size)); err != nil {
			t.Fatal(err)
		}
		code, stderr := oncovox(t, "run", pipeline, "--out", filepath.Join(disk, "run"))
		if code == 0 {
			break
		}
		full++
		if code != exitFailed || !strings.Contains(stderr, "no space left on device") ||
			!strings.Contains(stderr, "free some space, and the same command goes on with the run\n") {
			t.Fatalf("%d KiB: exit code %d\n%s", size, code, stderr)
		}
	}
	t.Logf("the disk was full %d times", full)
	if full < 3 {
		t.Error("the disk is too large for this test")
	}
	if d := cmp.Diff(want, artifactsOf(t, filepath.Join(disk, "run"))); d != "" {
		t.Error(d)
	}
}

// A folder that cannot be written ends a run before it begins, and a stage.
func TestReadOnlyFolder(t *testing.T) {
	pipeline, _ := tiny(t)
	disk := mounted(t, "size=1m")
	dir := filepath.Join(disk, "run")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", pipeline, "--out", dir}, {"phantom", "--out", filepath.Join(disk, "scans")}, {"phantom", "--out", filepath.Join(disk, "a", "b")}} {
		code, stderr := oncovox(t, args...)
		if code != exitFailed || !strings.Contains(stderr, "read-only file system") || !strings.Contains(stderr, "choose another") {
			t.Errorf("%q: exit code %d\n%s", args, code, stderr)
		}
	}
}
