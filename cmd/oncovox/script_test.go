package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"oncovox/internal/jsonl"
	"oncovox/pipelines"
)

// exits runs a command that must end with the given code: exits CODE COMMAND
// ARGS... What it wrote is there for stdout, stderr and cmp.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	err := ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	code := 0
	if errors.As(err, &failed) {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s\n%s", code, args[0], ts.ReadFile("stderr"))
	}
}

// signalled runs a command, sends it a signal as soon as a file exists, and wants
// its exit code, which is -1 after SIGKILL:
// signalled SIGNAL CODE PATTERN COMMAND ARGS...
func signalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signalled SIGNAL CODE PATTERN COMMAND ARGS...")
	}
	signal := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}[args[0]]
	cmd := exec.Command(inPath(ts, args[3]), args[4:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stderr = ts.Stderr()
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if found, _ := filepath.Glob(ts.MkAbs(args[2])); len(found) > 0 {
			ts.Check(cmd.Process.Signal(signal))
			<-ended
			if code := strconv.Itoa(cmd.ProcessState.ExitCode()); code != args[1] {
				ts.Fatalf("exit code %s after %s, want %s", code, args[0], args[1])
			}
			return
		}
		select {
		case err := <-ended:
			ts.Fatalf("it ended (%v) before %s was there", err, args[2])
		case <-time.After(time.Millisecond):
		}
	}
}

// inPath returns the program of that name in the script's PATH.
func inPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	ts.Fatalf("no program %s", name)
	return ""
}

// corrupt damages every third file in the first zips of a folder: corrupt DIR ZIPS.
func corrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: corrupt DIR ZIPS")
	}
	zips, err := strconv.Atoi(args[1])
	ts.Check(err)
	paths, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.zip"))
	ts.Check(err)
	for _, path := range paths[:zips] {
		b, err := os.ReadFile(path)
		ts.Check(err)
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		ts.Check(err)
		for i := 0; i < len(z.File); i += 3 {
			at, err := z.File[i].DataOffset()
			ts.Check(err)
			for k := range z.File[i].CompressedSize64 / 20 {
				b[uint64(at)+20*k] ^= 0xff
			}
		}
		ts.Check(os.WriteFile(path, b, 0o644))
	}
}

// digests writes the digest of every stage of a run: digests RUN_DIR FILE.
func digests(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: digests RUN_DIR FILE")
	}
	paths, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "stage.json"))
	ts.Check(err)
	sort.Strings(paths)
	var out strings.Builder
	for _, path := range paths {
		var rec pipelines.Record
		ts.Check(jsonl.ReadValue(path, &rec))
		names := make([]string, 0, len(rec.Outputs))
		for name := range rec.Outputs {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			out.WriteString(rec.Stage + "/" + name + " " + rec.Outputs[name].SHA256 + "\n")
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(out.String()), 0o644))
}
