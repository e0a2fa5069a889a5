package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// oncovox runs the program and returns its exit code and standard error.
func oncovox(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	cmd := exec.Command("oncovox", args...)
	var b strings.Builder
	cmd.Stderr = &b
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), b.String()
}

// tinyRun is a run of the pipeline of run.txtar that was left alone: the pipeline,
// and the digests of what it left.
var tinyRun = struct {
	sync.Once
	digests map[string]string
}{}

// tiny writes the pipeline of run.txtar and returns it, and the digests of what a
// run of it leaves that is left alone.
func tiny(t *testing.T) (pipeline string, digests map[string]string) {
	t.Helper()
	pipeline = filepath.Join(t.TempDir(), "tiny.yaml")
	if err := os.WriteFile(pipeline, tinyPipeline(t), 0o644); err != nil {
		t.Fatal(err)
	}
	tinyRun.Do(func() {
		dir := t.TempDir()
		if code, stderr := oncovox(t, "run", pipeline, "--out", dir); code != 0 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		tinyRun.digests = artifactsOf(t, dir)
	})
	return pipeline, tinyRun.digests
}

// A second runner on a folder is turned away, and named; the lock of one that was
// killed is nobody's.
func TestSecondRunner(t *testing.T) {
	pipeline, want := tiny(t)
	dir := filepath.Join(t.TempDir(), "run")
	first := exec.Command("oncovox", "run", pipeline, "--out", dir, "--set", "stages.mae.with.steps=1000000")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	for state := filepath.Join(dir, "mae.part", "state"); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(state); err == nil {
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("the first runner ended: %v", err)
		default:
		}
	}
	code, stderr := oncovox(t, "run", pipeline, "--out", dir)
	if holder := fmt.Sprintf("in use by process %d on ", first.Process.Pid); code != exitFailed || !strings.Contains(stderr, holder) {
		t.Errorf("a second runner: exit code %d, want %q\n%s", code, holder, stderr)
	}
	first.Process.Kill()
	<-ended
	if _, err := os.Stat(filepath.Join(dir, ".lock")); err != nil {
		t.Errorf("the lock of the runner that was killed: %v", err)
	}
	if code, stderr := oncovox(t, "run", pipeline, "--out", dir); code != exitDone {
		t.Fatalf("after the first was killed: exit code %d\n%s", code, stderr)
	}
	if d := cmp.Diff(want, artifactsOf(t, dir)); d != "" {
		t.Error(d)
	}
}
