package dicomio

import (
	"context"
	"encoding/binary"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"oncovox/internal/stage"
)

// resumeSources is some of everything: DICOM of several kinds with labels and
// faults in a tar, and MetaImages with a list in a folder.
func resumeSources(t *testing.T) []string {
	raw := metaVoxelsOf(binary.LittleEndian)
	luna := writeTree(t, map[string][]byte{
		"subset0/1.2.mhd": []byte(metaText("1.2.raw", nil)), "subset0/1.2.raw": raw,
		"subset0/1.3.mhd": []byte(metaText("1.3.zraw", map[string]string{"CompressedData": "True"})), "subset0/1.3.zraw": zlibOf(raw),
		"annotations.csv": []byte(lunaHeader + "1.2,-9,21,-27.5,3.25\n"),
	})
	files := mixedArchive()
	for n := range 6 {
		files = append(files, stackFiles(10+n, 12, func(f *imageFile) { f.patient, f.space = 10+n, 10+n })...)
	}
	return []string{writeTar(t, files...), luna, decathlon(t, `{"1": "liver", "2": "cancer"}`)}
}

func resumeConfig(sources []string) Config {
	cfg := Default()
	cfg.MaxRefused, cfg.Sources = 1, sources
	return cfg
}

// sameContents compares all that two ingests have left.
func sameContents(t *testing.T, name, got, want string) {
	t.Helper()
	a, b := contents(t, got), contents(t, want)
	if len(a) != len(b) {
		t.Errorf("%s: %d files, want %d", name, len(a), len(b))
	}
	for path, bytes := range b {
		if string(a[path]) != string(bytes) {
			t.Errorf("%s: %s differs", name, path)
		}
	}
}

// copyTree copies the folder from as a kill would leave it: the journal first, since
// all that it speaks of was written before it.
func copyTree(t *testing.T, from, to string) {
	journal, _ := os.ReadFile(filepath.Join(from, "state", "journal.jsonl"))
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "journal.jsonl" {
			return nil // a temporary folder that has been renamed meanwhile
		}
		rel, _ := filepath.Rel(from, path)
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(to, "state", "journal.jsonl"), journal, 0o600); err != nil {
		t.Error(err)
	}
}

// An ingest that was cut off anywhere goes on to the same bytes: after ctx was
// done, from a snapshot in the middle, with a torn journal, and with a spill that was
// lost in part.
func TestResume(t *testing.T) {
	cfg := resumeConfig(resumeSources(t))
	whole := t.TempDir()
	if err := Run(t.Context(), cfg, stage.Env{Seed: 1, Out: whole}); err != nil {
		t.Fatal(err)
	}
	resumed := func(name, out string) {
		t.Helper()
		if err := Run(t.Context(), cfg, stage.Env{Seed: 1, Out: out}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sameContents(t, name, out, whole)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		out, snapshot := t.TempDir(), t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		var mu sync.Mutex
		calls, at := 0, 1+random.IntN(14) // a report a 64 files and a series
		progress := func(done, total int, note string) {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls == at {
				copyTree(t, out, snapshot)
				stop()
			}
		}
		err := Run(ctx, cfg, stage.Env{Seed: 1, Out: out, Progress: progress})
		stop()
		if calls < at {
			t.Fatalf("%d reports of progress, want %d (%v)", calls, at, err)
		}
		if err != nil {
			if _, err := os.Stat(filepath.Join(out, "state", "journal.jsonl")); err != nil {
				t.Errorf("stopped at %d: no journal was left", at)
			}
		}
		resumed("stopped", out)
		torn, lost := t.TempDir(), t.TempDir()
		copyTree(t, snapshot, torn)
		copyTree(t, snapshot, lost)
		resumed("killed", snapshot)
		journal := filepath.Join(torn, "state", "journal.jsonl")
		if info, err := os.Stat(journal); err == nil && info.Size() > 0 {
			os.Truncate(journal, random.Int64N(info.Size()))
		}
		resumed("torn", torn)
		spill := filepath.Join(lost, "state", "slices")
		if info, err := os.Stat(spill); err == nil && info.Size() > 0 {
			os.Truncate(spill, random.Int64N(info.Size()))
		}
		resumed("lost", lost)
	}
}

// What an interrupted run has decoded and written is not done again.
func TestResumeSavesWork(t *testing.T) {
	cfg := resumeConfig([]string{writeTar(t, stackFiles(1, 40, nil)...)})
	out := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	err := Run(ctx, cfg, stage.Env{Seed: 1, Out: out, Progress: func(done, total int, note string) {
		if note == "series assembled" {
			stop()
		}
	}})
	if err == nil {
		t.Fatal("not stopped")
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(out, "state", "slices"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	j, err := openJournal(filepath.Join(out, "state", "journal.jsonl"))
	if err != nil || len(j.volumes) != 1 {
		t.Fatalf("%d volumes in the journal (%v), want 1", len(j.volumes), err)
	}
	if info, err := j.rows.Stat(); err != nil || info.Size() != 41*rowSize { // visits count from 1
		t.Fatalf("%d bytes of rows (%v), want 41 rows", info.Size(), err)
	}
	ctx, stop = context.WithCancel(t.Context())
	err = Run(ctx, cfg, stage.Env{Seed: 1, Out: out, Progress: func(done, total int, note string) {
		if note == "series assembled" {
			stop()
		}
	}})
	if grown := size() - before; err == nil || grown != sectionHead+40*frameRow { // digests that are in memory alone
		t.Errorf("the spill of %d bytes grew by %d (%v)", before, grown, err)
	}
}

// What an interrupted run has kept of a file counts for nothing once the file holds
// something else, be it of the same name and size.
func TestResumeChangedFile(t *testing.T) {
	dir := writeFolder(t, stackFiles(1, 6, nil)...)
	cfg := resumeConfig([]string{dir})
	out, fresh := t.TempDir(), t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	err := Run(ctx, cfg, stage.Env{Seed: 1, Out: out, Progress: func(done, total int, note string) { stop() }})
	if err == nil {
		t.Fatal("not stopped")
	}
	changed := stackFiles(1, 6, func(f *imageFile) { f.value = func(y, x int) int { return 7 } })
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b := changed[0]
		changed = changed[1:]
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []string{out, fresh} {
		if err := Run(t.Context(), cfg, stage.Env{Seed: 1, Out: o}); err != nil {
			t.Fatal(err)
		}
	}
	sameContents(t, "changed", out, fresh)
}

// TestKillHelper is the process that TestResumeKilled kills.
func TestKillHelper(t *testing.T) {
	out := os.Getenv("ONCOVOX_TEST_INGEST_OUT")
	if out == "" {
		t.Skip("the child of TestResumeKilled")
	}
	cfg := resumeConfig(filepath.SplitList(os.Getenv("ONCOVOX_TEST_INGEST_SOURCES")))
	if err := Run(t.Context(), cfg, stage.Env{Seed: 1, Out: out}); err != nil {
		t.Fatal(err)
	}
}

// A process that is killed again and again, at any moment, ends with the same
// bytes as one that is not, and leaves nothing of what it was writing.
func TestResumeKilled(t *testing.T) {
	sources := resumeSources(t)
	whole, out := t.TempDir(), t.TempDir()
	if err := Run(t.Context(), resumeConfig(sources), stage.Env{Seed: 1, Out: whole}); err != nil {
		t.Fatal(err)
	}
	list := ""
	for i, s := range sources {
		if i > 0 {
			list += string(filepath.ListSeparator)
		}
		list += s
	}
	if err := os.WriteFile(filepath.Join(out, ".lesions.jsonl1"), nil, 0o644); err != nil { // of a kill in the last rename
		t.Fatal(err)
	}
	kills := 0
	for wait := 5 * time.Millisecond; ; wait += wait / 8 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKillHelper$")
		cmd.Env = append(os.Environ(), "ONCOVOX_TEST_INGEST_OUT="+out, "ONCOVOX_TEST_INGEST_SOURCES="+list)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(wait, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		kills++
	}
	t.Logf("killed %d times", kills)
	sameContents(t, "killed", out, whole)
}
