package dataset

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/golden"
	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/volume"
)

func TestPrepare(t *testing.T) {
	a := newArchive(20)
	set, out := a.open(t, Default())
	var sum, squares, n float64
	for _, it := range set.Items("") {
		m, err := set.Volume(it.ID)
		if err != nil {
			t.Fatal(err)
		}
		if m.Shape != [3]int{25, 24, 24} || !(m.Affine[2][0] > 0) {
			t.Fatalf("volume %s: shape %v, affine %v", it.ID, m.Shape, m.Affine)
		}
		for z := range m.Shape[0] {
			for y := range m.Shape[1] {
				for x := range m.Shape[2] {
					v := float64(m.At(z, y, x))
					if it.Part == Train {
						sum, squares, n = sum+v, squares+v*v, n+1
					}
					if hu := v*it.Scale + it.Offset; !(hu > -1000.01 && hu < 400.01) {
						t.Fatalf("volume %s holds %v HU", it.ID, hu)
					}
				}
			}
		}
		if air := float64(it.Pad())*it.Scale + it.Offset; !(math.Abs(air+1000) <= 1e-3) {
			t.Errorf("padding is %v HU", air)
		}
		checkLesion(t, set, it)
	}
	// Mean 0 and deviation 1 up to the rounding of float32.
	mean, std := sum/n, math.Sqrt(squares/n-(sum/n)*(sum/n))
	if !(math.Abs(mean) <= 1e-5) || !(math.Abs(std-1) <= 1e-5) {
		t.Errorf("training voxels have mean %v and deviation %v", mean, std)
	}
	var f Fingerprint
	if err := jsonl.ReadValue(filepath.Join(out, "fingerprint.json"), &f); err != nil {
		t.Fatal(err)
	}
	want := map[string]Counts{Train: {12, 12, 9, 6}, Val: {4, 4, 3, 2}, Test: {4, 4, 3, 2}}
	if d := cmp.Diff(want, f.Counts); d != "" {
		t.Error(d)
	}
	var l LeakageReport
	if err := jsonl.ReadValue(filepath.Join(out, "leakage.json"), &l); err != nil {
		t.Fatal(err)
	}
	if l.Pairs != 12*4+12*4+4*4 || l.Found != 0 || len(l.Checks) != 6 || l.Checks[5].Nearest == nil {
		t.Errorf("leakage %+v", l)
	}
}

// checkLesion checks that the lesion of it is where its voxels are brightest
// and that its mask covers it.
func checkLesion(t *testing.T, set *Set, it Item) {
	t.Helper()
	m, err := set.Mask(it.ID)
	if len(it.Lesions) == 0 {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a mask without lesions: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	v, err := set.Volume(it.ID)
	if err != nil {
		t.Fatal(err)
	}
	var at [3]int
	for a, i := range it.Geometry.Index(it.Lesions[0].CentreLPSMM) {
		at[a] = int(math.Round(i))
	}
	if got := float64(v.At(at[0], at[1], at[2]))*it.Scale + it.Offset; !(got > 250) {
		t.Errorf("volume %s: %v HU at the centre of its lesion, want about 300", it.ID, got)
	}
	if m.At(at[0], at[1], at[2]) != 1 {
		t.Errorf("volume %s: no mask at the centre of its lesion", it.ID)
	}
}

// Equal inputs give equal bytes with any number of threads.
func TestPrepareIsDeterministic(t *testing.T) {
	a := newArchive(4)
	var want map[string]string
	for _, threads := range []int{1, 3} {
		was := runtime.GOMAXPROCS(threads)
		out, err := a.prepare(t, Default())
		runtime.GOMAXPROCS(was)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		err = filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				b, err := os.ReadFile(path)
				got[strings.TrimPrefix(path, out)] = string(b)
				return err
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d threads: %.400s", threads, d)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(a *archive, cfg *Config)
		want  string
	}{
		"no volumes":         {func(a *archive, _ *Config) { a.records, a.lesions = nil, nil }, "no volumes to prepare"},
		"mixed modalities":   {func(a *archive, _ *Config) { a.records[0].Modality = "MR" }, "3 CT 1 MR"},
		"absent modality":    {func(_ *archive, cfg *Config) { cfg.Modality = "PT" }, "only 4 CT"},
		"stray lesion":       {func(a *archive, _ *Config) { a.lesions[0].CentreLPSMM[0] = 900 }, "outside its volume"},
		"unknown volume":     {func(a *archive, _ *Config) { a.lesions[0].Volume = "gone" }, "does not have"},
		"another patient":    {func(a *archive, _ *Config) { a.lesions[0].Patient = "p03" }, "different patients"},
		"all air":            {func(_ *archive, cfg *Config) { cfg.WindowHU = [2]float64{2000, 3000} }, "all equal"},
		"no train patient":   {func(_ *archive, cfg *Config) { cfg.Split = Split{0.01, 0.495, 0.495} }, "training part"},
		"shares too great":   {func(_ *archive, cfg *Config) { cfg.Split.Train = 0.9 }, "add up to"},
		"NaN share":          {func(_ *archive, cfg *Config) { cfg.Split.Train = math.NaN() }, "shares of at least 0"},
		"no spacing":         {func(_ *archive, cfg *Config) { cfg.SpacingMM[1] = 0 }, "spacing_mm"},
		"window upside down": {func(_ *archive, cfg *Config) { cfg.WindowHU = [2]float64{400, -1000} }, "window_hu"},
		"NaN window":         {func(_ *archive, cfg *Config) { cfg.WindowSUV[1] = math.NaN() }, "window_suv"},
		"strange modality":   {func(_ *archive, cfg *Config) { cfg.Modality = "ct" }, "modality"},
		"label fraction":     {func(_ *archive, cfg *Config) { cfg.LabelFraction = 1.5 }, "label_fraction"},
		"near duplicate":     {func(_ *archive, cfg *Config) { cfg.NearDuplicate = 1 }, "near_duplicate"},
		"percentiles":        {func(_ *archive, cfg *Config) { cfg.Percentiles[1] = 101 }, "percentiles"},
	} {
		a, cfg := newArchive(4), Default()
		tt.spoil(a, &cfg)
		if _, err := a.prepare(t, cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
}

// Voxels that are no numbers count as air; a slice alone, one patient alone
// and no label at all are datasets too.
func TestOddVolumes(t *testing.T) {
	a := newArchive(1)
	a.lesions, a.masks = nil, nil
	a.records[0].Labelled = false
	v := volume.New(volume.Grid([3]int{1, 5, 9}, [3]float64{1, 3, 3}, [3]float64{}))
	v.Modality, v.Unit = "CT", "HU"
	v.Data[3], v.Data[4], v.Data[5] = float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))
	a.volumes["v00"] = v
	set, out := a.open(t, Default())
	var f Fingerprint
	if err := jsonl.ReadValue(filepath.Join(out, "fingerprint.json"), &f); err != nil {
		t.Fatal(err)
	}
	if f.Intensity.NotFinite != 3 {
		t.Errorf("%d voxels are not finite, want 3", f.Intensity.NotFinite)
	}
	items := set.Items(Train)
	if len(items) != 1 || len(set.Items(Test)) != 0 {
		t.Fatalf("%d training items", len(items))
	}
	s, err := NewSampler(set, items, [3]int{4, 4, 4}, 1, "test", true)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 64)
	for step := range 50 {
		s.Random(dst, step, 0)
		for _, x := range dst {
			if x != x {
				t.Fatal("a crop holds NaN")
			}
		}
	}
	if s.Lesions() != 0 {
		t.Errorf("%d lesions", s.Lesions())
	}
}

func TestPrepareStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	env := stage.Env{In: map[string]string{"volumes": newArchive(3).write(t)}, Out: t.TempDir()}
	if err := Run(ctx, Default(), env); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := Run(context.Background(), Default(), stage.Env{Out: t.TempDir()}); !errors.Is(err, stage.ErrConfig) {
		t.Errorf("no input: error %v", err)
	}
}

// What split.json looks like, and how patients are dealt out for a seed, do
// not change unnoticed.
func TestSplitGolden(t *testing.T) {
	cfg := Default()
	cfg.LabelFraction = 0.5
	out, err := newArchive(12).prepare(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(out, "split.json"))
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "split.golden.json", b)
}
