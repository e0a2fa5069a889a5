package main

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"oncovox/pipelines"
)

// A run that is killed at any moment of any stage, and started again each time with
// 1 or 2 threads, leaves the artifacts of one that was left alone. For a longer
// look than the default:
//
//	ONCOVOX_KILLS=40 go test ./cmd/oncovox -run TestKillAnywhere -v
//
// ONCOVOX_KILL_PIPELINE names another pipeline file or recipe, and
// ONCOVOX_KILL_WHOLE a finished run of it, which is made if it is not given.
// ONCOVOX_KILL_SEED draws other moments.
func TestKillAnywhere(t *testing.T) {
	number := func(name string, otherwise int) int {
		n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(otherwise)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	k := &killer{pipeline: os.Getenv("ONCOVOX_KILL_PIPELINE"), whole: os.Getenv("ONCOVOX_KILL_WHOLE"), moments: rand.New(rand.NewPCG(uint64(number("ONCOVOX_KILL_SEED", 1)), 0))}
	if k.pipeline == "" {
		k.pipeline, _ = tiny(t)
	}
	if k.whole == "" {
		k.whole = filepath.Join(t.TempDir(), "whole")
		if err := k.run(k.whole, 2, 0); err != nil {
			t.Fatal(err)
		}
	}
	want := artifactsOf(t, k.whole)
	k.kills = number("ONCOVOX_KILLS", 4)
	for len(k.killed) < k.kills {
		dir := filepath.Join(t.TempDir(), "killed")
		k.untilDone(t, dir)
		got := artifactsOf(t, dir)
		for _, name := range slices.Sorted(slices.Values(append(keysOf(want), keysOf(got)...))) {
			if got[name] != want[name] {
				t.Errorf("%s differs, or is only in one of the runs", name)
			}
		}
	}
	t.Logf("killed %d times: %s", len(k.killed), strings.Join(k.killed, ", "))
}

// tinyPipeline is the pipeline of run.txtar.
func tinyPipeline(t *testing.T) []byte {
	text, err := os.ReadFile("testdata/run.txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(text), "-- tiny.yaml --\n")
	return []byte(file)
}

// A killer runs a pipeline and kills it.
type killer struct {
	pipeline, whole string
	moments         *rand.Rand
	kills           int      // wanted
	killed          []string // in which stage, and how far it was
}

var errKilled = errors.New("killed")

// run runs the pipeline into dir, and kills it after a time unless that is 0.
func (k *killer) run(dir string, threads int, after time.Duration) error {
	cmd := exec.Command("oncovox", "run", k.pipeline, "--out", dir, "--threads", strconv.Itoa(threads))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	if after > 0 {
		defer time.AfterFunc(after, func() { cmd.Process.Kill() }).Stop()
	}
	err := cmd.Wait()
	if err != nil && cmd.ProcessState.ExitCode() == -1 {
		return errKilled
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.String())
	}
	return nil
}

// untilDone kills and starts again until the run in dir is whole. A run that gets no
// further between two kills is given longer.
func (k *killer) untilDone(t *testing.T, dir string) {
	first := 2 * secondsOf(t, k.whole) / float64(k.kills)
	longest, before := first, ""
	for {
		err := k.run(dir, 1+k.moments.IntN(2), time.Duration((0.02+k.moments.Float64()*longest)*float64(time.Second)))
		if err == nil {
			return
		}
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		at := whereIs(dir)
		k.killed = append(k.killed, at)
		if longest *= 2; at != before {
			longest, before = first, at
		}
	}
}

// whereIs says in which stage the run in dir stopped, with its newest training
// state if it has one.
func whereIs(dir string) string {
	parts, _ := filepath.Glob(filepath.Join(dir, "*.part"))
	if len(parts) == 0 {
		done, _ := filepath.Glob(filepath.Join(dir, "*", "stage.json"))
		return fmt.Sprintf("after %d stages", len(done))
	}
	states, _ := filepath.Glob(filepath.Join(parts[0], "state", "step-*"))
	at := strings.TrimSuffix(filepath.Base(parts[0]), ".part")
	if len(states) > 0 {
		at += " " + strings.TrimSuffix(filepath.Base(states[len(states)-1]), ".safetensors")
	}
	return at
}

// artifactsOf returns the digest of every artifact of the run in dir, hashed anew.
func artifactsOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	records, err := pipelines.Verify(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, r := range records {
		for name, file := range r.Outputs {
			all[r.Stage+"/"+name] = file.SHA256
		}
	}
	return all
}

func keysOf(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// secondsOf returns how long the stages of the run in dir took.
func secondsOf(t *testing.T, dir string) float64 {
	t.Helper()
	records, err := pipelines.Verify(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, r := range records {
		sum += r.End.Sub(r.Start).Seconds()
	}
	return sum
}
