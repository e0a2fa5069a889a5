package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/volume"
)

// What does not fit together is found when it is opened or read, and named.
func TestSpoiltSetsAreRefused(t *testing.T) {
	_, out := newArchive(4).open(t, Default())
	for name, tt := range map[string]struct{ file, old, new, want string }{
		"unknown part":       {"volumes.jsonl", `"part":"train"`, `"part":"training"`, `part "training"`},
		"no scale":           {"volumes.jsonl", `"scale":`, `"scale":0,"x":`, "unknown field"},
		"a path as id":       {"volumes.jsonl", `"id":"v00"`, `"id":"../0"`, "volume id"},
		"out of order":       {"volumes.jsonl", `"id":"v00"`, `"id":"v99"`, "order"},
		"stray lesion":       {"lesions.jsonl", `"volume":"v00"`, `"volume":"v77"`, "not in the dataset"},
		"unlabelled lesions": {"volumes.jsonl", `"labelled":true`, `"labelled":false`, "not labelled"},
	} {
		path := filepath.Join(out, "dataset", tt.file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := strings.Replace(string(b), tt.old, tt.new, 1)
		if bad == string(b) {
			t.Fatalf("%s: %s holds no %s", name, tt.file, tt.old)
		}
		if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(out); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSetNamesWhatIsMissing(t *testing.T) {
	set, out := newArchive(4).open(t, Default())
	if _, err := set.Volume("gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("unknown volume: %v", err)
	}
	if _, err := set.Mask("v03"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no mask: %v", err)
	}
	other := volume.New(volume.Grid([3]int{2, 2, 2}, [3]float64{1, 1, 1}, [3]float64{}))
	if _, err := volume.Write(filepath.Join(out, "dataset", "volumes", "v01"), other); err != nil {
		t.Fatal(err)
	}
	if _, err := set.Volume("v01"); err == nil || !strings.Contains(err.Error(), "another grid") {
		t.Errorf("a volume on another grid: %v", err)
	}
}

// The error of the first faulty item is returned, whichever came first.
func TestInParallel(t *testing.T) {
	err := inParallel(context.Background(), 40, func(i int) error {
		if i%2 == 1 {
			return fmt.Errorf("item %d", i)
		}
		return nil
	}, func(int) {})
	if err == nil || err.Error() != "item 1" {
		t.Errorf("error %v, want that of item 1", err)
	}
	last := 0
	if err := inParallel(context.Background(), 40, func(int) error { return nil }, func(done int) { last = done }); err != nil || last != 40 {
		t.Errorf("%v, %d of 40 done", err, last)
	}
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	err = inParallel(ctx, 1000, func(int) error { return nil }, func(int) { calls++; cancel() })
	if !errors.Is(err, context.Canceled) || calls > 100 {
		t.Errorf("%v after %d calls", err, calls)
	}
}
