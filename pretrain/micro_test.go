package pretrain

import (
	"encoding/csv"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"oncovox/dataset"
)

// A batch that is computed in parts trains as the whole one does, but for the order
// of sums in float32: over three steps every loss and norm is within 1e-4 of itself.
// The crops and masks are the same ones, so a mixed up part would show at once.
func TestMicroBatch(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	cfg := small()
	cfg.Steps, cfg.Batch, cfg.ValCrops = 3, 4, 4
	rows := func(micro int) [][]string {
		c := cfg
		c.MicroBatch = micro
		out := train(t, c, data, filepath.Join(t.TempDir(), "out"))
		r, err := csv.NewReader(strings.NewReader(out["history.csv"])).ReadAll()
		if err != nil || len(r) != 4 {
			t.Fatalf("history.csv: %v, %d rows", err, len(r))
		}
		return r[1:]
	}
	want := rows(0)
	for _, micro := range []int{1, 2} {
		for i, r := range rows(micro) {
			for j, text := range r {
				got, _ := strconv.ParseFloat(text, 64)
				w, _ := strconv.ParseFloat(want[i][j], 64)
				if !(math.Abs(got-w) <= 1e-4*w) {
					t.Errorf("parts of %d, step %s, column %d: %v, of the whole batch %v", micro, r[0], j, got, w)
				}
			}
		}
	}
	cfg.MicroBatch = 3
	if cfg.Validate() == nil {
		t.Error("parts of 3 of a batch of 4 pass")
	}
}

// A training that recomputes leaves the bytes of one that does not.
func TestRecompute(t *testing.T) {
	data := blobSet(t, 24, dataset.Train, dataset.Val)
	cfg := small()
	cfg.Steps = 3
	want := train(t, cfg, data, filepath.Join(t.TempDir(), "out"))
	cfg.Recompute = true
	got := train(t, cfg, data, filepath.Join(t.TempDir(), "out"))
	for _, name := range []string{"backbone.safetensors", "history.csv"} {
		if got[name] == "" || got[name] != want[name] {
			t.Errorf("%s differs", name)
		}
	}
}
