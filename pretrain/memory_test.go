package pretrain

import (
	"log/slog"
	"testing"

	"oncovox/dataset"
	"oncovox/internal/stage"
)

// What Memory says is what a trainer holds.
func TestMemory(t *testing.T) {
	set, err := dataset.Open(blobSet(t, 24, dataset.Train, dataset.Val))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	for _, method := range []string{methodMAE, methodSimCLR} {
		cfg := small()
		cfg.Method, cfg.Batch = method, 4
		got, err := cfg.Memory()
		if err != nil {
			t.Fatal(err)
		}
		tr, err := newTrainer(set, cfg, stage.Env{Seed: 1, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		want := tr.train.prog.ArenaBytes() + tr.val.prog.ArenaBytes()
		for _, m := range tr.opt.Moments() {
			want += 4 * (len(m.Param.W) + len(m.Param.G) + len(m.M) + len(m.V))
		}
		if got != int64(want) {
			t.Errorf("%s: %d bytes, want %d", method, got, want)
		}
	}
	if _, err := (Config{Preset: "none"}).Memory(); err == nil {
		t.Error("an unknown preset has a size")
	}
}
