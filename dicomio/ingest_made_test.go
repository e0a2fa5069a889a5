package dicomio

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"oncovox/internal/stage"
)

// runAfter ingests sources in place of the ingest in previous, and returns where and how
// many frames were decoded.
func runAfter(t *testing.T, cfg Config, previous string) (out string, decoded int) {
	t.Helper()
	out = t.TempDir()
	var log bytes.Buffer
	env := stage.Env{Seed: 1, Out: out, Previous: previous, Log: slog.New(slog.NewJSONHandler(&log, nil))}
	if err := Run(t.Context(), cfg, env); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(log.Bytes()) {
		var row struct {
			Frames *int `json:"frames_decoded"`
		}
		if json.Unmarshal(line, &row); row.Frames != nil {
			return out, *row.Frames
		}
	}
	t.Fatalf("the log does not count decoded frames: %s", log.Bytes())
	return out, 0
}

// An ingest that replaces another decodes and makes only those volumes anew whose scan
// has changed, to the bytes of one that begins with nothing.
func TestIngestTakesUnchangedVolumes(t *testing.T) {
	scans := func(change func(*imageFile)) []string {
		var files [][]byte
		for n := range 4 {
			files = append(files, stackFiles(20+n, 6, func(f *imageFile) {
				f.patient, f.space = 20+n, 20+n
				if n == 2 {
					change(f)
				}
			})...)
		}
		return []string{writeTar(t, files...)}
	}
	run := func(previous string, sources []string) (string, int) {
		t.Helper()
		return runAfter(t, resumeConfig(sources), previous)
	}
	shared := func(a, b string) (n, of int) {
		entries, err := os.ReadDir(filepath.Join(b, "volumes"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			x, errX := os.Stat(filepath.Join(a, "volumes", e.Name(), "c/0/0/0"))
			y, errY := os.Stat(filepath.Join(b, "volumes", e.Name(), "c/0/0/0"))
			if errX == nil && errY == nil && os.SameFile(x, y) {
				n++
			}
		}
		return n, len(entries)
	}
	same := func(*imageFile) {}
	first, decoded := run("", scans(same))
	if decoded != 24 {
		t.Errorf("%d frames decoded at first, want 24", decoded)
	}
	for _, tt := range []struct {
		name    string
		change  func(*imageFile)
		want    int
		decoded int
	}{
		{"nothing", same, 4, 0},
		{"one voxel", func(f *imageFile) {
			if value := f.value; f.number == 3 {
				f.value = func(y, x int) int { return value(y, x) ^ 1 }
			}
		}, 3, 6},
		{"a place", func(f *imageFile) { f.position[0]++ }, 3, 6},
		{"a name", func(f *imageFile) { f.more = []element{elText(0x00081030, "LO", "other")} }, 4, 6}, // in the header only
	} {
		sources := scans(tt.change)
		again, decoded := run(first, sources)
		fresh, _ := run("", sources)
		sameContents(t, tt.name, again, fresh)
		if decoded != tt.decoded {
			t.Errorf("%s: %d frames decoded, want %d", tt.name, decoded, tt.decoded)
		}
		if n, of := shared(first, again); n != tt.want || of != 4 {
			t.Errorf("%s: %d of %d volumes taken, want %d", tt.name, n, of, tt.want)
		}
	}
	// A volume that is not what was written is made again.
	entries, _ := os.ReadDir(filepath.Join(first, "volumes"))
	chunk := filepath.Join(first, "volumes", entries[0].Name(), "c/0/0/0")
	text, err := os.ReadFile(chunk)
	if err != nil {
		t.Fatal(err)
	}
	text[7] ^= 1
	if err := os.WriteFile(chunk, text, 0o644); err != nil {
		t.Fatal(err)
	}
	again, decoded := run(first, scans(same))
	fresh, _ := run("", scans(same))
	sameContents(t, "damage", again, fresh)
	if n, _ := shared(first, again); n != 3 || decoded != 6 {
		t.Errorf("damage: %d volumes taken and %d frames decoded, want 3 and 6", n, decoded)
	}
}
