package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// Volumes that cannot be read are listed with the reason and left out; the others
// are prepared as if they had not been there. More than are allowed fail the stage,
// after all were tried.
func TestVolumesThatFailAreLeftOut(t *testing.T) {
	a := newArchive(10)
	in := a.write(t)
	chunk := func(id string) string { return filepath.Join(in, "volumes", id, "c", "0", "0", "0") }
	for _, err := range []error{
		os.Truncate(chunk("v01"), 1000),
		os.RemoveAll(filepath.Join(in, "volumes", "v04")),
		os.WriteFile(filepath.Join(in, "volumes", "v07", "zarr.json"), []byte("{"), 0o644),
		os.WriteFile(filepath.Join(in, "masks", "v08", "zarr.json"), nil, 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	cfg := Default()
	env := stage.Env{Seed: 7, In: map[string]string{"volumes": in}, Out: t.TempDir()}
	if err := Run(context.Background(), cfg, env); !errors.Is(err, stage.ErrRefused) {
		t.Fatalf("four of ten failed: error %v, want ErrRefused", err)
	}
	cfg.MaxFailed = 0.4
	if err := Run(context.Background(), cfg, env); err != nil {
		t.Fatal(err)
	}
	failed, err := jsonl.Read[stage.Failed](filepath.Join(env.Out, stage.FailedFile))
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, f := range failed {
		reasons[f.Volume] = f.Reason
		if filepath.IsAbs(f.Detail) || f.Detail == "" || f.Part == "" {
			t.Errorf("%+v: want a part and a detail without the path", f)
		}
	}
	if len(reasons) != 4 || reasons["v04"] != "missing" || reasons["v01"] != "unusable" || reasons["v07"] != "unusable" || reasons["v08"] != "unusable" {
		t.Errorf("reasons %v", reasons)
	}
	set, err := Open(env.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if n := len(set.Items("")); n != 6 {
		t.Errorf("%d volumes, want 6", n)
	}
	left, _ := filepath.Glob(filepath.Join(env.Out, "dataset", "volumes", "*"))
	if len(left) != 6 {
		t.Errorf("left %v, want 6 volumes", left)
	}
}

// Parts that were mixed after the proof are found when the dataset is opened.
func TestOpenProvesTheParts(t *testing.T) {
	_, out := newArchive(8).open(t, Default())
	path := filepath.Join(out, "dataset", "volumes.jsonl")
	rows, err := readRows(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, share := range map[string]func(a, b *row){
		"patient":            func(a, b *row) { a.Patient = b.Patient },
		"study":              func(a, b *row) { a.Study = b.Study },
		"series":             func(a, b *row) { a.Series = b.Series },
		"frame of reference": func(a, b *row) { a.Frame = b.Frame },
		"scan":               func(a, b *row) { a.SourceDigest = b.SourceDigest },
	} {
		mixed := slices.Clone(rows)
		i := slices.IndexFunc(rows, func(r row) bool { return r.Part == Train })
		k := slices.IndexFunc(rows, func(r row) bool { return r.Part == Test })
		share(&mixed[i], &mixed[k])
		if err := jsonl.Write(path, mixed, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(out); !errors.Is(err, stage.ErrGate) || !strings.Contains(err.Error(), "same "+what+" ") {
			t.Errorf("%s: error %v, want ErrGate", what, err)
		}
	}
}
