package dataset

import (
	"context"
	"path/filepath"
	"testing"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// The scans of an external test are all of the test part, and are normalised as
// the dataset is that learned: equal voxels come out equal, whatever the others are.
func TestPrepareExternal(t *testing.T) {
	set, like := newArchive(8).open(t, Default())
	other := newArchive(8)
	for _, v := range other.volumes {
		for i := range v.Data {
			v.Data[i] += 60 // moments of its own would be others
		}
	}
	out := t.TempDir()
	env := stage.Env{Seed: 7, In: map[string]string{"volumes": other.write(t), "data": like}, Out: out}
	if err := Run(context.Background(), Default(), env); err != nil {
		t.Fatal(err)
	}
	outer, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer outer.Close()
	if n := len(outer.Items(Test)); n != 8 || len(outer.Items("")) != 8 {
		t.Errorf("%d of %d scans are in the test part, want all 8", n, len(outer.Items("")))
	}
	want, got := set.Items("")[0], outer.Items("")[0]
	if want.Scale != got.Scale || want.Offset != got.Offset {
		t.Errorf("scale %v and offset %v, want %v and %v", got.Scale, got.Offset, want.Scale, want.Offset)
	}
	var s SplitReport
	if err := jsonl.ReadValue(filepath.Join(out, "split.json"), &s); err != nil {
		t.Fatal(err)
	}
	if s.Shares[Test] != 1 || len(s.Parts[Test].Labelled) != 6 {
		t.Errorf("split %+v", s)
	}
	env.In["data"] = t.TempDir()
	if err := Run(context.Background(), Default(), env); err == nil {
		t.Error("a folder without a dataset: no error")
	}
}
