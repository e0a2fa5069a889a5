package pipelines

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A stage may have a seed of its own: another one leaves the stages before it as
// they are.
func TestSeedOfAStage(t *testing.T) {
	p := mustParse(t, strings.Replace(good, "    run: learn\n", "    run: learn\n    seed: 0\n", 1)+"seed: 5\n")
	if p.Stages[0].Seed != 5 || p.Stages[1].Seed != 0 {
		t.Errorf("seeds %d and %d, want 5 and 0", p.Stages[0].Seed, p.Stages[1].Seed)
	}
	back := mustParse(t, string(p.Resolved(false)))
	if back.Stages[0].Seed != 5 || back.Stages[1].Seed != 0 {
		t.Errorf("seeds %d and %d after a round trip:\n%s", back.Stages[0].Seed, back.Stages[1].Seed, p.Resolved(false))
	}
	dir, th := filepath.Join(t.TempDir(), "p"), &theatre{}
	if _, err := th.actions(t, dir, two); err != nil {
		t.Fatal(err)
	}
	got, err := th.actions(t, dir, two, "stages.b.seed=7")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"reuse a: its work is done", "run b: seed 1 → 7", "run c: input digest of model was → now"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
