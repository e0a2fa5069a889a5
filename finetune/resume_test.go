package finetune

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"oncovox/internal/kernel"

	"github.com/google/go-cmp/cmp"
)

// Whatever of the state is damaged or gone, the training ends with the same bytes:
// it goes on from the state before, or begins anew where the best weights are lost.
func TestResumeFromDamage(t *testing.T) {
	in := map[string]string{"data": ballSet(t, 10)}
	cfg := small()
	cfg.Steps, cfg.SaveEvery, cfg.ValEvery = 8, 2, 3
	undisturbed := testEnv(t, filepath.Join(t.TempDir(), "out"), in)
	if err := Run(context.Background(), cfg, undisturbed); err != nil {
		t.Fatal(err)
	}
	want := files(t, undisturbed.Out)
	stopped := testEnv(t, filepath.Join(t.TempDir(), "out"), in)
	ctx, cancel := context.WithCancel(context.Background())
	stopped.Progress = func(done, _ int, _ string) {
		if done == 7 {
			cancel()
		}
	}
	if err := Run(ctx, cfg, stopped); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	const newest, before, best = "step-000000007.safetensors", "step-000000006.safetensors", bestFile
	truncate := func(path string) error { return os.Truncate(path, 1000) }
	flip := func(path string) error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[len(b)/2] ^= 1
		return os.WriteFile(path, b, 0o644)
	}
	for name, tt := range map[string]struct {
		damage func(path string) error
		files  []string
	}{
		"newest truncated": {truncate, []string{newest}},
		"newest flipped":   {flip, []string{newest}},
		"newest gone":      {os.Remove, []string{newest}},
		"both flipped":     {flip, []string{newest, before}},
		"best truncated":   {truncate, []string{best}},
		"best flipped":     {flip, []string{best}},
		"best gone":        {os.Remove, []string{best}},
		"all gone":         {os.Remove, []string{newest, before, best}},
	} {
		env := testEnv(t, filepath.Join(t.TempDir(), "out"), in)
		if err := os.CopyFS(env.Out, os.DirFS(stopped.Out)); err != nil {
			t.Fatal(err)
		}
		for _, f := range tt.files {
			if err := tt.damage(filepath.Join(env.Out, "state", f)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := Run(context.Background(), cfg, env); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(want, files(t, env.Out)); d != "" {
			t.Errorf("%s: the files differ", name)
		}
	}
}

// everything turns on what keeps something from step to step beside the weights.
func everything() Config {
	c := small()
	c.EMA, c.Flips, c.Calibrate, c.Labels = 0.9, 4, true, 0.5
	c.HardNegatives = HardNegatives{Share: 1, Every: 3, Scans: 2}
	c.SelfTraining = SelfTraining{Share: 0.5, Weight: 0.5, RampUp: 0.5, Confidence: 0.02, Every: 2, Scans: 1}
	c.Batch = 4
	return c
}

// Stopped at any step, or killed and left with an older state, and started
// again: the same bytes as never stopped, for any number of threads.
func TestResume(t *testing.T) {
	data := ballSet(t, 10)
	t.Run("plain", func(t *testing.T) { testResume(t, small(), data, 1, 5, 6, 11) })
	t.Run("everything", func(t *testing.T) { testResume(t, everything(), data, 5, 7) })
}

func testResume(t *testing.T, cfg Config, data string, stops ...int) {
	defer kernel.SetThreads(kernel.Threads())
	in := map[string]string{"data": data}
	whole := testEnv(t, filepath.Join(t.TempDir(), "whole"), in)
	if err := Run(context.Background(), cfg, whole); err != nil {
		t.Fatal(err)
	}
	want := files(t, whole.Out)
	for _, name := range []string{"detector.safetensors", "history.csv", "operating_points.json"} {
		if want[name] == "" {
			t.Fatalf("no %s", name)
		}
	}
	for _, at := range stops {
		kernel.SetThreads(1 + at%3)
		killed := filepath.Join(t.TempDir(), "killed")
		env := testEnv(t, filepath.Join(t.TempDir(), "stopped"), in)
		ctx, cancel := context.WithCancel(context.Background())
		env.Progress = func(done, _ int, _ string) {
			if done == at {
				// What a kill at this moment leaves: no farewell state.
				if err := os.CopyFS(killed, os.DirFS(env.Out)); err != nil {
					t.Fatal(err)
				}
				cancel()
			}
		}
		if err := Run(ctx, cfg, env); !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after step %d: error %v", at, err)
		}
		for what, out := range map[string]string{"stopped": env.Out, "killed": killed} {
			if err := Run(context.Background(), cfg, testEnv(t, out, in)); err != nil {
				t.Fatalf("%s after step %d: %v", what, at, err)
			}
			if d := cmp.Diff(want, files(t, out)); d != "" {
				t.Errorf("%s after step %d: the files differ", what, at)
			}
		}
	}
}
