package dicomio

import (
	"os"
	"path/filepath"
	"testing"

	"oncovox/internal/stage"
)

// An ingest that replaces another makes only those volumes anew whose scan has
// changed, to the bytes of one that begins with nothing.
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
	run := func(previous string, sources []string) string {
		out := t.TempDir()
		if err := Run(t.Context(), resumeConfig(sources), stage.Env{Seed: 1, Out: out, Previous: previous}); err != nil {
			t.Fatal(err)
		}
		return out
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
	first := run("", scans(same))
	for _, tt := range []struct {
		name   string
		change func(*imageFile)
		want   int
	}{
		{"nothing", same, 4},
		{"one voxel", func(f *imageFile) {
			if value := f.value; f.number == 3 {
				f.value = func(y, x int) int { return value(y, x) ^ 1 }
			}
		}, 3},
		{"a place", func(f *imageFile) { f.position[0]++ }, 3},
	} {
		sources := scans(tt.change)
		again, fresh := run(first, sources), run("", sources)
		sameContents(t, tt.name, again, fresh)
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
	again := run(first, scans(same))
	sameContents(t, "damage", again, run("", scans(same)))
	if n, _ := shared(first, again); n != 3 {
		t.Errorf("damage: %d volumes taken, want 3", n)
	}
}
