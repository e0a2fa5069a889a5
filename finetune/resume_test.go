package finetune

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

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
