package finetune

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
)

// A scan that cannot be read gets no answer and is listed; the others get the same
// as ever.
func TestPredictGoesOnWithoutAScan(t *testing.T) {
	data := ballSet(t, 10)
	cfg := small()
	cfg.Steps = 1
	detector := testEnv(t, filepath.Join(t.TempDir(), "detector"), map[string]string{"data": data})
	if err := Run(context.Background(), cfg, detector); err != nil {
		t.Fatal(err)
	}
	predict := DefaultPredict()
	predict.Part = ""
	run := func() ([]lesion.Detection, stage.Env, error) {
		env := testEnv(t, filepath.Join(t.TempDir(), "found"), map[string]string{"data": data, "detector": detector.Out})
		err := Predict(context.Background(), predict, env)
		found, readErr := lesion.ReadDetections(filepath.Join(env.Out, "detections.jsonl"))
		if readErr != nil {
			t.Fatal(readErr)
		}
		return found, env, err
	}
	all, _, err := run()
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	bad := set.Items("")[3].ID
	set.Close()
	if err := os.Truncate(filepath.Join(data, "dataset", "volumes", bad, "c", "0", "0", "0"), 64); err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(); !errors.Is(err, stage.ErrRefused) {
		t.Errorf("none may fail: error %v, want ErrRefused", err)
	}
	predict.MaxFailed = 0.1
	found, env, err := run()
	if err != nil {
		t.Fatal(err)
	}
	var others []lesion.Detection
	for _, d := range all {
		if d.Volume != bad {
			others = append(others, d)
		}
	}
	if len(found) != len(others) || len(found) == len(all) {
		t.Errorf("%d detections, want the %d of %d in other scans", len(found), len(others), len(all))
	}
	for i := range found {
		if found[i] != others[i] {
			t.Fatalf("detection %d: %v, want %v", i, found[i], others[i])
		}
	}
	failed, err := jsonl.Read[stage.Failed](filepath.Join(env.Out, stage.FailedFile))
	if err != nil || len(failed) != 1 || failed[0].Volume != bad || failed[0].Reason != "unusable" {
		t.Errorf("failed %+v, error %v", failed, err)
	}
}
