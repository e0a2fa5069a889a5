package dicomio

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// A faultyDisk is the system's but for faults: every call that opens, lists or reads
// something for the first, second, ... time fails, times calls in a row.
type faultyDisk struct {
	fault error
	times int
	only  string // in the paths that fail
	calls map[string]int

	waited []time.Duration
}

func (d *faultyDisk) fails(path, call string) error {
	key := path + call
	if d.calls[key]++; d.calls[key] <= d.times && strings.Contains(path, d.only) {
		return &fs.PathError{Op: "read", Path: path, Err: d.fault}
	}
	return nil
}

func (d *faultyDisk) disk() *disk {
	d.calls = map[string]int{}
	system := systemDisk()
	return &disk{
		open: func(path string) (diskFile, error) {
			if err := d.fails(path, "open"); err != nil {
				return nil, err
			}
			f, err := system.open(path)
			return faultyFile{f, path, d}, err
		},
		list: func(dir string) ([]fs.DirEntry, error) {
			if err := d.fails(dir, "list"); err != nil {
				return nil, err
			}
			return system.list(dir)
		},
		pause: func(ctx context.Context, wait time.Duration) { d.waited = append(d.waited, wait) },
	}
}

// A faultyFile fails at every new place that it is read at.
type faultyFile struct {
	diskFile
	path string
	disk *faultyDisk
}

func (f faultyFile) Read(b []byte) (int, error) {
	at, err := f.Seek(0, 1)
	if err != nil {
		return 0, err
	}
	if err := f.disk.fails(f.path, fmt.Sprint("read", at)); err != nil {
		return 0, err
	}
	return f.diskFile.Read(b[:min(len(b), 1000)])
}

func (f faultyFile) ReadAt(b []byte, at int64) (int, error) {
	if err := f.disk.fails(f.path, fmt.Sprint("readAt", at)); err != nil {
		return 0, err
	}
	return f.diskFile.ReadAt(b, at)
}

// faultySources are a folder, a tar and a zip, each with a scan.
func faultySources(t *testing.T) []string {
	return []string{writeFolder(t, stackFiles(1, 4, nil)...), writeTar(t, stackFiles(2, 4, nil)...), writeZip(t, stackFiles(3, 4, nil)...)}
}

// Faults that pass leave no trace but in the log, wherever they come.
func TestPassingFaults(t *testing.T) {
	cfg := resumeConfig(faultySources(t))
	want, _ := runAfter(t, cfg, "")
	for _, fault := range []error{syscall.EIO, syscall.ESTALE, syscall.EAGAIN, syscall.ETIMEDOUT} {
		for times := 1; times <= len(whole.Pauses); times++ {
			d := faultyDisk{fault: fault, times: times}
			out := t.TempDir()
			var log bytes.Buffer
			if err := run(t.Context(), cfg, stage.Env{Seed: 1, Out: out, Log: slog.New(slog.NewJSONHandler(&log, nil))}, d.disk()); err != nil {
				t.Fatalf("%v, %d times: %v", fault, times, err)
			}
			sameContents(t, fault.Error(), out, want)
			var row struct {
				Tried int `json:"reads_tried_again"`
			}
			if err := json.Unmarshal(log.Bytes(), &row); err != nil || row.Tried != len(d.waited) || row.Tried < 20*times {
				t.Errorf("%v, %d times: the log says %d, want %d, at least %d (%v)", fault, times, row.Tried, len(d.waited), 20*times, err)
			}
			if len(d.waited) > times && (d.waited[0] != whole.Pauses[0] || times > 1 && d.waited[1] != whole.Pauses[1]) {
				t.Errorf("waited %v, want %v and so on", d.waited[:times], whole.Pauses)
			}
		}
	}
}

// A fault that stays, or is of another kind, refuses what it concerns, and the batch goes
// on with the rest.
func TestStayingFaults(t *testing.T) {
	for _, tt := range []struct {
		fault error
		only  int // the source that fails
		waits bool
		reads int // files that cannot be read, or parts of sources
	}{
		{syscall.EIO, 0, true, 1}, // the listing of the folder
		{syscall.ESTALE, 1, true, 1},
		{syscall.ETIMEDOUT, 2, true, 1},
		{syscall.EACCES, 1, false, 1},
		{syscall.ENXIO, 2, false, 1},
	} {
		sources := faultySources(t)
		d := faultyDisk{fault: tt.fault, times: 1 << 30, only: sources[tt.only]}
		out := t.TempDir()
		if err := run(t.Context(), resumeConfig(sources), stage.Env{Seed: 1, Out: out}, d.disk()); err != nil {
			t.Fatalf("%v: %v", tt.fault, err)
		}
		var n Counts
		b, err := os.ReadFile(filepath.Join(out, "ingest.json"))
		if err == nil {
			err = json.Unmarshal(b, &n)
		}
		if err != nil || n.Volumes != 2 || n.Reasons[Unreadable] != tt.reads || len(n.Reasons) != 1 {
			t.Errorf("%v: %d volumes, refused for %v (%v); want 2, and unreadable", tt.fault, n.Volumes, n.Reasons, err)
		}
		refused, err := os.ReadFile(filepath.Join(out, "refused.jsonl"))
		if err != nil || !strings.Contains(string(refused), tt.fault.Error()) {
			t.Errorf("%v: refused.jsonl does not say it: %s (%v)", tt.fault, refused, err)
		}
		if want := map[bool]int{true: len(whole.Pauses)}[tt.waits]; len(d.waited) != want {
			t.Errorf("%v: waited %d times, want %d", tt.fault, len(d.waited), want)
		}
	}
}

// A file that another has taken the place of is not read on.
func TestFileChangedBetweenTries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, bytes.Repeat([]byte("old"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	d := (&faultyDisk{fault: syscall.ESTALE, times: 1}).disk()
	f, err := d.openFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.WriteFile(path, bytes.Repeat([]byte("newer"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 10)); ReasonOf(err) != Unreadable {
		t.Errorf("error %v, want unreadable", err)
	}
}
