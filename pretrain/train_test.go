package pretrain

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"oncovox/dataset"
	"oncovox/internal/checkpoint"
	"oncovox/internal/kernel"
	"oncovox/internal/nn"
	"oncovox/internal/stage"

	"github.com/google/go-cmp/cmp"
)

func train(t *testing.T, cfg Config, data, out string) map[string]string {
	t.Helper()
	if err := Run(context.Background(), cfg, testEnv(t, data, out)); err != nil {
		t.Fatal(err)
	}
	return files(t, out)
}

func readSummary(t *testing.T, out map[string]string) summary {
	t.Helper()
	var s summary
	if err := json.Unmarshal([]byte(out["pretrain.json"]), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// What a run leaves: every file, a checkpoint that builds the network again,
// and a summary of whom it learned from.
func TestRun(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Train, dataset.Val, dataset.Test)
	out := filepath.Join(t.TempDir(), "out")
	got := train(t, small(), data, out)
	want := []string{
		"backbone.safetensors", "events.out.tfevents.0.oncovox", "history.csv", "pretrain.json",
		"reconstructions/sample-01.png", "reconstructions/sample-02.png", "state/step-000000012.safetensors",
	}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(got))); d != "" {
		t.Error(d)
	}
	s := readSummary(t, got)
	if s.Volumes != 2 || s.Patients != 2 || s.ValVolumes != 1 || s.ValFrom != fromVal || s.Transductive ||
		s.Parameters != 69832 || s.Steps != 12 || s.Crops != 24 || !(s.ValLoss > 0) || len(s.References) != 2 || !(s.References[0].Loss > 0) || !(s.References[1].Loss > 0) {
		t.Errorf("pretrain.json %+v", s)
	}
	f, err := checkpoint.Read(filepath.Join(out, "backbone.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	var b nn.BackboneConfig
	if err := json.Unmarshal([]byte(f.Meta["backbone"]), &b); err != nil {
		t.Fatal(err)
	}
	ps := nn.NewParams(1)
	nn.NewBackbone(b, ps)
	if err := f.Assign(ps, nil, checkpoint.Prefixes("dec_", "mask_token")); err != nil {
		t.Error(err)
	}
	rows, err := csv.NewReader(strings.NewReader(got["history.csv"])).ReadAll()
	if err != nil || len(rows) != 13 || strings.Join(rows[0], ",") != "step,loss,lr,grad_norm,val_loss,mean_predictor,nearest_patch" {
		t.Fatalf("history.csv: %v, %d rows", err, len(rows))
	}
	for i, r := range rows[1:] {
		if measured := r[4] != "" && r[5] != "" && r[6] != ""; r[0] != strconv.Itoa(i+1) || measured != (i+1 == 5 || i+1 == 10 || i+1 == 12) {
			t.Errorf("history row %v", r)
		}
	}
}

// Equal inputs, config and seed give equal bytes, for any number of threads;
// another seed gives other ones.
func TestSameBytes(t *testing.T) {
	defer kernel.SetThreads(kernel.Threads())
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	cfg := small()
	cfg.Preset, cfg.Crop, cfg.Steps = "micro-conv", [3]int{16, 16, 16}, 3
	want := train(t, cfg, data, filepath.Join(t.TempDir(), "out"))
	for _, threads := range []int{1, 3} {
		kernel.SetThreads(threads)
		same(t, want, train(t, cfg, data, filepath.Join(t.TempDir(), "out")))
	}
	env := testEnv(t, data, filepath.Join(t.TempDir(), "other"))
	env.Seed++
	if err := Run(context.Background(), cfg, env); err != nil {
		t.Fatal(err)
	}
	if files(t, env.Out)["history.csv"] == want["history.csv"] {
		t.Error("another seed gave the same history")
	}
}

func same(t *testing.T, want, got map[string]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s differs", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("files %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
}

// A run that is stopped in the middle and started again ends with the bytes of
// one that was left alone.
func TestResumeAfterCancel(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	want := train(t, small(), data, filepath.Join(t.TempDir(), "out"))
	out := filepath.Join(t.TempDir(), "out")
	for _, stop := range []int{3, 7, 12} {
		ctx, cancel := context.WithCancel(context.Background())
		env := testEnv(t, data, out)
		env.Progress = func(done, _ int, _ string) {
			if done == stop {
				cancel()
			}
		}
		if err := Run(ctx, small(), env); stop < 12 && !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped after step %d: %v", stop, err)
		}
	}
	same(t, want, files(t, out))
}

// The same for a process that is killed outright, again and again at any place,
// with a half-written file left behind.
func TestResumeAfterKill(t *testing.T) {
	cfg := small()
	cfg.Steps = 400
	if data, out := os.Getenv("PRETRAIN_TEST_DATA"), os.Getenv("PRETRAIN_TEST_OUT"); out != "" {
		if err := Run(context.Background(), cfg, testEnv(t, data, out)); err != nil {
			t.Fatal(err)
		}
		return
	}
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	want := train(t, cfg, data, filepath.Join(t.TempDir(), "out"))
	out := filepath.Join(t.TempDir(), "out")
	kills := 0
	for range 60 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestResumeAfterKill$")
		cmd.Env = append(os.Environ(), "PRETRAIN_TEST_DATA="+data, "PRETRAIN_TEST_OUT="+out)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(100+50*kills)*time.Millisecond, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		kills++
		if err := os.WriteFile(filepath.Join(out, ".history.csv123"), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kills == 0 {
		t.Error("no run was killed")
	}
	t.Logf("killed %d times", kills)
	same(t, want, files(t, out))
}

// A damaged newest state is passed over for the one before it, and without any whole
// state the training begins anew.
func TestResumeFromDamage(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	want := train(t, small(), data, filepath.Join(t.TempDir(), "out"))
	stopped := filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithCancel(context.Background())
	env := testEnv(t, data, stopped)
	env.Progress = func(done, _ int, _ string) {
		if done == 9 {
			cancel()
		}
	}
	if err := Run(ctx, small(), env); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(states []string) error{
		"newest truncated": func(s []string) error { return os.Truncate(s[1], 1000) },
		"newest empty":     func(s []string) error { return os.Truncate(s[1], 0) },
		"newest flipped":   func(s []string) error { return flip(s[1]) },
		"newest gone":      func(s []string) error { return os.Remove(s[1]) },
		"both flipped":     func(s []string) error { return errors.Join(flip(s[0]), flip(s[1])) },
		"all gone":         func(s []string) error { return errors.Join(os.Remove(s[0]), os.Remove(s[1])) },
	} {
		out := filepath.Join(t.TempDir(), "out")
		if err := os.CopyFS(out, os.DirFS(stopped)); err != nil {
			t.Fatal(err)
		}
		states, _ := filepath.Glob(filepath.Join(out, "state", "step-*"))
		if len(states) != 2 {
			t.Fatalf("states %v, want two", states)
		}
		if err := damage(states); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Log(name)
		same(t, want, train(t, small(), data, out))
	}
}

// flip changes a bit in the middle of the file at path.
func flip(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[len(b)/2] ^= 1
	return os.WriteFile(path, b, 0o644)
}

// States are saved as time goes by too, as many are kept as asked for, and nothing of
// it is in what the training leaves.
func TestStatesByTime(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	cfg := small()
	want := train(t, cfg, data, filepath.Join(t.TempDir(), "out"))
	cfg.SaveEvery, cfg.SaveMinutes, cfg.KeepStates = 1000, 1, 3
	env := testEnv(t, data, filepath.Join(t.TempDir(), "out"))
	clock := time.Unix(0, 0)
	env.Now = func() time.Time { clock = clock.Add(30 * time.Second); return clock }
	var kept []string
	env.Progress = func(done, _ int, _ string) {
		if done == 11 {
			kept, _ = filepath.Glob(filepath.Join(env.Out, "state", "step-*"))
		}
	}
	if err := Run(context.Background(), cfg, env); err != nil {
		t.Fatal(err)
	}
	same(t, want, files(t, env.Out))
	for i, step := range []string{"7", "9", "11"} { // two steps a minute
		if len(kept) != 3 || !strings.HasSuffix(kept[i], step+".safetensors") {
			t.Fatalf("kept %v, want those of 7, 9 and 11 steps", kept)
		}
	}
}

// A run killed between its last state and its end finds nothing but the state.
func TestResumeFromLastState(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	out := filepath.Join(t.TempDir(), "out")
	want := train(t, small(), data, out)
	for name := range want {
		if !strings.HasPrefix(name, "state") {
			if err := os.Remove(filepath.Join(out, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	same(t, want, train(t, small(), data, out))
}

// Four hundred steps on smooth blobs bring the validation loss under both
// reference losses.
func TestLearns(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Train, dataset.Train, dataset.Train, dataset.Val, dataset.Val)
	cfg := small()
	cfg.Steps, cfg.Batch, cfg.ValCrops, cfg.ValEvery, cfg.LearningRate = 400, 8, 16, 100, 3e-3
	s := readSummary(t, train(t, cfg, data, filepath.Join(t.TempDir(), "out")))
	t.Logf("validation loss %.4f, references %+v", s.ValLoss, s.References)
	if !(s.ValLoss < s.References[0].Loss && s.ValLoss < s.References[1].Loss) {
		t.Errorf("validation loss %v is not under %+v", s.ValLoss, s.References)
	}
}

// Test patients are learned from only if the config says so.
func TestPool(t *testing.T) {
	set, err := dataset.Open(blobSet(t, 16, dataset.Train, dataset.Test, dataset.Val, dataset.Train))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	ids := func(items []dataset.Item) string {
		var s []string
		for _, it := range items {
			s = append(s, it.ID)
		}
		return strings.Join(s, " ")
	}
	cfg := Default()
	items, val, from := pool(set, cfg)
	if ids(items) != "v00 v03" || ids(val) != "v02" || from != fromVal {
		t.Errorf("learn from %s, validate on %s, %s", ids(items), ids(val), from)
	}
	cfg.Transductive = true
	if items, val, _ = pool(set, cfg); ids(items) != "v00 v03 v01" || ids(val) != "v02" {
		t.Errorf("transductive: learn from %s, validate on %s", ids(items), ids(val))
	}
}

// Without a validation part, whole patients are held back.
func TestHoldBack(t *testing.T) {
	item := func(id, patient string) dataset.Item { return dataset.Item{ID: id, Patient: patient} }
	items := []dataset.Item{item("a", "p2"), item("b", "p1"), item("c", "p2"), item("d", "p3"), item("e", "p3")}
	train, val, from := holdBack(items, 0.1)
	if len(train) != 3 || len(val) != 2 || val[0].ID != "d" || val[1].ID != "e" || from != fromHeldBack {
		t.Errorf("train %v, val %v, %s", train, val, from)
	}
	if train, val, from = holdBack(items[3:], 0.1); len(train) != 2 || len(val) != 2 || from != fromTraining {
		t.Errorf("one patient: train %v, val %v, %s", train, val, from)
	}
}

// A training that diverges stops and says what to do; it leaves no backbone.
func TestNonFinite(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	cfg := small()
	cfg.LearningRate, cfg.Clip, cfg.Warmup, cfg.Steps = 1e30, 0, 0, 50
	out := filepath.Join(t.TempDir(), "out")
	err := Run(context.Background(), cfg, testEnv(t, data, out))
	if err == nil || !strings.Contains(err.Error(), "lower learning_rate") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(out, "backbone.safetensors")); err == nil {
		t.Error("a backbone was left")
	}
}

func TestRefuses(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"no backbone preset": func(c *Config) { c.Preset = "x" },
		"crop [15 16 16]":    func(c *Config) { c.Crop = [3]int{15, 16, 16} },
		"mask_ratio 1":       func(c *Config) { c.MaskRatio = 1 },
		"mask_ratio NaN":     func(c *Config) { c.MaskRatio, c.Warmup = nan(), 0 },
		"steps 0":            func(c *Config) { c.Steps = 0 },
		"batch 0":            func(c *Config) { c.Batch = 0 },
		"learning_rate NaN":  func(c *Config) { c.LearningRate = nan() },
		"hold_back 0.9":      func(c *Config) { c.HoldBack = 0.9 },
	} {
		cfg := small()
		change(&cfg)
		err := Run(context.Background(), cfg, testEnv(t, t.TempDir(), t.TempDir()))
		if !errors.Is(err, stage.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	if err := Run(context.Background(), small(), testEnv(t, blobSet(t, 16, dataset.Test), t.TempDir())); err == nil || !strings.Contains(err.Error(), "no volumes") {
		t.Errorf("no training volumes: error %v", err)
	}
}

func nan() float64 { v, _ := strconv.ParseFloat("NaN", 64); return v }
