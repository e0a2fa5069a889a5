package finetune

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/internal/checkpoint"
	"oncovox/internal/jsonl"
	"oncovox/internal/nn"
	"oncovox/internal/stage"
	"oncovox/lesion"

	"github.com/google/go-cmp/cmp"
)

// files returns what a stage left, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		got[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// From random weights a small detector learns to find bright balls: it finds
// every one of the test scans, surer than anything else, within 3 mm and a
// third of its size. The balls are 12 to 16 mm across, a cell of the map is 4 mm.
func TestLearnsToFind(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for a while")
	}
	data := ballSet(t, 15)
	cfg := small()
	cfg.Steps, cfg.Batch, cfg.ValEvery = 150, 4, 75
	env := testEnv(t, filepath.Join(t.TempDir(), "detector"), map[string]string{"data": data})
	if err := Run(context.Background(), cfg, env); err != nil {
		t.Fatal(err)
	}
	predict := testEnv(t, filepath.Join(t.TempDir(), "found"), map[string]string{"data": data, "detector": env.Out})
	if err := Predict(context.Background(), DefaultPredict(), predict); err != nil {
		t.Fatal(err)
	}
	found, err := lesion.ReadDetections(filepath.Join(predict.Out, "detections.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	items := set.Items(dataset.Test)
	if len(items) < 3 {
		t.Fatalf("%d test scans", len(items))
	}
	c := newCurve(items, found, metric.InSphere)
	if !(c.pool.AP(nil) > 0.95) {
		t.Errorf("average precision %v on test scans, want nearly 1", c.pool.AP(nil))
	}
	top := map[string]lesion.Detection{}
	for _, d := range found {
		if d.Score > top[d.Volume].Score {
			top[d.Volume] = d
		}
	}
	for _, it := range items {
		d, l := top[it.ID], it.Lesions[0]
		if off := distance(d.CentreLPSMM, l.CentreLPSMM); !(off < 3) {
			t.Errorf("%s: centre off by %.1f mm", it.ID, off)
		}
		if ratio := 2 * radius(d.SizeMM) / l.DiameterMM; !(math.Abs(ratio-1) < 0.33) {
			t.Errorf("%s: size %.2f of the truth's", it.ID, ratio)
		}
	}
}

// runOn returns what a training on data leaves.
func runOn(t *testing.T, cfg Config, data string) map[string]string {
	t.Helper()
	env := testEnv(t, filepath.Join(t.TempDir(), "out"), map[string]string{"data": data})
	if err := Run(context.Background(), cfg, env); err != nil {
		t.Fatal(err)
	}
	return files(t, env.Out)
}

// A detector takes a backbone's weights as they are, leaves its decoder behind
// and refuses one with a weight that has no place.
func TestStartFromBackbone(t *testing.T) {
	data := ballSet(t, 5)
	set, err := dataset.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	item := set.Items(dataset.Train)[0]
	dir, ps := backboneIn(t)
	meta, err := json.Marshal(mustPreset(t))
	if err != nil {
		t.Fatal(err)
	}
	write := func(extra ...checkpoint.Tensor) {
		f := checkpoint.File{Tensors: append(checkpoint.Weights(ps), extra...), Meta: map[string]string{"backbone": string(meta)}}
		if err := checkpoint.Write(filepath.Join(dir, "backbone.safetensors"), f); err != nil {
			t.Fatal(err)
		}
	}
	cfg := small()
	cfg.Preset, cfg.Freeze = "micro", true // the file says what the backbone is
	env := testEnv(t, t.TempDir(), map[string]string{"backbone": dir})
	d, err := start(cfg, env, item)
	if err != nil {
		t.Fatal(err)
	}
	named := cfg
	named.Weights = dir
	if _, err := start(named, env, item); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("two backbones: error %v", err)
	}
	e, err := start(named, testEnv(t, t.TempDir(), nil), item)
	if err != nil {
		t.Fatal(err)
	}
	named.Weights = filepath.Join(dir, "backbone.safetensors")
	file, err := start(named, testEnv(t, t.TempDir(), nil), item)
	if err != nil || cmp.Diff(file.ps.Get("norm.weight").W, e.ps.Get("norm.weight").W) != "" {
		t.Errorf("the file itself: error %v, or other weights than from its folder", err)
	}
	named.Weights = filepath.Join(dir, "nothing")
	if _, err := start(named, testEnv(t, t.TempDir(), nil), item); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("no such file: error %v", err)
	}
	for i, p := range e.ps.All() {
		if cmp.Diff(d.ps.All()[i].W, p.W) != "" {
			t.Errorf("%s: other weights from the folder that is named", p.Name)
		}
	}
	for _, p := range d.ps.All() {
		if q := ps.Get(p.Name); q != nil {
			if !p.Frozen || cmp.Diff(q.W, p.W) != "" {
				t.Errorf("%s: frozen %v, or other values than the backbone's", p.Name, p.Frozen)
			}
		} else if p.Frozen || !strings.HasPrefix(p.Name, headPrefix) {
			t.Errorf("%s is new", p.Name)
		}
	}
	write(checkpoint.Tensor{Name: "blocks.7.fc1.bias", Shape: []int{1}, Data: []float32{1}})
	if _, err := start(cfg, env, item); err == nil || !strings.Contains(err.Error(), "blocks.7.fc1.bias") {
		t.Errorf("a weight without a place: error %v", err)
	}
}

// What the stage cannot work with is refused by its class.
func TestRefuses(t *testing.T) {
	data := ballSet(t, 10)
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	if err := jsonl.Write(filepath.Join(other, "dataset", "lesions.jsonl"), []lesion.Lesion{}, 0o644); err != nil {
		t.Fatal(err)
	}
	env := testEnv(t, filepath.Join(t.TempDir(), "out"), map[string]string{"data": other})
	if err := Run(context.Background(), small(), env); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("no lesion: error %v, want one of the config class", err)
	}
	detector := testEnv(t, filepath.Join(t.TempDir(), "detector"), map[string]string{"data": data})
	cfg := small()
	cfg.Steps = 1
	if err := Run(context.Background(), cfg, detector); err != nil {
		t.Fatal(err)
	}
	d, err := Load(filepath.Join(detector.Out, detectorFile))
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	items := set.Items(dataset.Test)
	d.Modality = "PT"
	if err := d.suits(items); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("another modality: error %v", err)
	}
	d.Modality, d.SpacingMM[0] = "CT", 2.1
	if err := d.suits(items); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("another spacing: error %v", err)
	}
}

// Detections do not depend on how many windows are taken at once, and a scan as
// large as a window gets that window's map.
func TestScannerBatches(t *testing.T) {
	set, err := dataset.Open(ballSet(t, 5))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	backbone, err := nn.LookupPreset("parity")
	if err != nil {
		t.Fatal(err)
	}
	d, err := newDetector(spec{Backbone: backbone, Head: small().Head}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var want []lesion.Detection
	for _, batch := range []int{1, 3, 8} {
		s, err := NewScanner(d, batch, 0.25, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.detect(context.Background(), set, set.Items(""), 0, 5, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
			t.Errorf("%d windows at once: %d detections, %s", batch, len(got), diff)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	if err := DefaultPredict().Validate(); err != nil {
		t.Error(err)
	}
	bad := Default()
	bad.Preset, bad.Steps, bad.LearningRate, bad.Match, bad.IoU = "nano", 0, math.NaN(), "box", 1
	err := bad.Validate()
	for _, key := range []string{"preset", "steps", "learning_rate", "match", "iou"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("no fault of %s in: %v", key, err)
		}
	}
}
