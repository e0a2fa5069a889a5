package finetune

import (
	"context"
	"encoding/csv"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A batch that is computed in parts trains as the whole one does, but for the order
// of sums in float32: over three steps every loss and norm is within 1e-3 of itself.
// The loss is divided by the lesions of the whole batch, of which the parts hold
// unequal shares.
func TestMicroBatch(t *testing.T) {
	data := ballSet(t, 6)
	cfg := small()
	cfg.Steps, cfg.Batch = 3, 4
	rows := func(micro int) [][]string {
		c := cfg
		c.MicroBatch = micro
		env := testEnv(t, filepath.Join(t.TempDir(), "out"), map[string]string{"data": data})
		if err := Run(context.Background(), c, env); err != nil {
			t.Fatal(err)
		}
		r, err := csv.NewReader(strings.NewReader(files(t, env.Out)["history.csv"])).ReadAll()
		if err != nil || len(r) != 4 {
			t.Fatalf("history.csv: %v, %d rows", err, len(r))
		}
		return r
	}
	want := rows(0)
	for _, micro := range []int{1, 2} {
		got := rows(micro)
		for i := range got[1:] {
			for j, name := range got[0] {
				g, _ := strconv.ParseFloat(got[i+1][j], 64)
				w, _ := strconv.ParseFloat(want[i+1][j], 64)
				if !strings.HasPrefix(name, "val") && !(math.Abs(g-w) <= 1e-3*math.Abs(w)) {
					t.Errorf("parts of %d, step %d, %s: %v, of the whole batch %v", micro, i+1, name, g, w)
				}
			}
		}
	}
	cfg.MicroBatch = 3
	if cfg.Validate() == nil {
		t.Error("parts of 3 of a batch of 4 pass")
	}
}
