package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// An archive is what a test gives to prepare in place of an ingest stage.
type archive struct {
	records []volume.Record
	lesions []lesion.Lesion
	volumes map[string]*volume.Volume
	masks   map[string]*volume.Mask
}

// newArchive makes a CT of 20×24×24 voxels for each of n patients: a soft ball
// in air with noise of its own. Of each four patients the first two have a
// lesion, the third is labelled without one, and the fourth is not labelled.
func newArchive(n int) *archive {
	a := &archive{volumes: map[string]*volume.Volume{}, masks: map[string]*volume.Mask{}}
	for p := range n {
		id := fmt.Sprintf("v%02d", p)
		v := newScan(uint64(p))
		r := volume.Record{
			ID: id, Patient: fmt.Sprintf("p%02d", p), Study: "st" + id, Series: "se" + id, Frame: "fr" + id,
			Modality: "CT", Unit: "HU", Verdict: "volume", Labelled: p%4 < 3, Manufacturer: "A", Digest: "d" + id,
		}
		a.volumes[id] = v
		a.records = append(a.records, r)
		if p%4 < 2 {
			centre := [3]int{8 + p%3, 10, 12}
			m := volume.NewMask(v.Geometry)
			for i := range m.Labels {
				dz, dy, dx := i/576-centre[0], i/24%24-centre[1], i%24-centre[2]
				if dz*dz+dy*dy+dx*dx <= 4 {
					m.Labels[i], v.Data[i] = 1, 300
				}
			}
			a.masks[id] = m
			a.lesions = append(a.lesions, lesion.Lesion{
				ID: "l" + id, Volume: id, Patient: r.Patient, SizeMM: [3]float64{10, 10, 12.5}, DiameterMM: 10, Label: 1,
				CentreLPSMM: v.LPS([3]float64{float64(centre[0]), float64(centre[1]), float64(centre[2])}),
			})
		}
	}
	return a
}

// newScan returns a volume whose slices run to the feet, as many CTs do.
func newScan(seed uint64) *volume.Volume {
	g := volume.Grid([3]int{20, 24, 24}, [3]float64{2.5, 2, 2}, [3]float64{-20, -20, 400})
	g.Affine[2][0] = -2.5
	v := volume.New(g)
	v.Modality, v.Unit = "CT", "HU"
	r := rand.New(rand.NewPCG(seed, 1))
	cy, cx := 11+2*r.Float64(), 11+2*r.Float64()
	for i := range v.Data {
		y, x := float64(i/24%24)-cy, float64(i%24)-cx
		v.Data[i] = -1000
		if y*y+x*x < 81 {
			v.Data[i] = float32(math.Round(40 + 60*r.NormFloat64()))
		}
	}
	return v
}

// write leaves the archive as an ingest stage would.
func (a *archive) write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, kind := range []string{"volumes", "masks"} {
		if err := os.Mkdir(filepath.Join(dir, kind), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i := range a.records {
		r := &a.records[i]
		v := a.volumes[r.ID]
		r.Shape, r.Affine, r.SpacingMM = v.Shape, v.Affine, v.SpacingMM()
		st, err := volume.Write(filepath.Join(dir, "volumes", r.ID), v)
		if err != nil {
			t.Fatal(err)
		}
		r.DType = st.DType
		if m := a.masks[r.ID]; m != nil {
			if _, err := volume.WriteMask(filepath.Join(dir, "masks", r.ID), m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := volume.WriteRecords(filepath.Join(dir, "volumes.jsonl"), a.records); err != nil {
		t.Fatal(err)
	}
	if err := lesion.Write(filepath.Join(dir, "lesions.jsonl"), a.lesions); err != nil {
		t.Fatal(err)
	}
	return dir
}

// prepare runs the stage on the archive and returns its folder.
func (a *archive) prepare(t testing.TB, cfg Config) (out string, err error) {
	t.Helper()
	out = t.TempDir()
	env := stage.Env{Seed: 7, In: map[string]string{"volumes": a.write(t)}, Out: out}
	return out, Run(context.Background(), cfg, env)
}

// open prepares the archive and opens the set.
func (a *archive) open(t testing.TB, cfg Config) (*Set, string) {
	t.Helper()
	out, err := a.prepare(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set, out
}

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
	a := newArchive(8)
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

func TestLeaksAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		leak func(a *archive)
		want string
	}{
		"frame of reference": {func(a *archive) {
			for i := range a.records {
				a.records[i].Frame = "shared"
			}
		}, "same frame of reference shared"},
		"study": {func(a *archive) {
			for i := range a.records {
				a.records[i].Study = "shared"
			}
		}, "same study shared"},
		"voxels": {func(a *archive) {
			for id := range a.volumes {
				a.volumes[id] = newScan(3)
				a.volumes[id].Affine[0][3] += float64(len(id)) // elsewhere in the room
			}
		}, "same voxels"},
		"a copy with noise and another size": {func(a *archive) {
			base := newScan(3)
			for i, r := range a.records {
				rng := rand.New(rand.NewPCG(uint64(i), 9))
				v := base.ResampleSpacing([3]float64{2.5, 1.8, 1.8})
				for k := range v.Data {
					v.Data[k] = float32(math.Round(float64(v.Data[k]) + 5*rng.NormFloat64()))
				}
				a.volumes[r.ID] = v
			}
		}, "near-duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArchive(6)
			a.masks, a.lesions = nil, nil
			tt.leak(a)
			out, err := a.prepare(t, Default())
			if !errors.Is(err, stage.ErrGate) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want ErrGate and %q", err, tt.want)
			}
			var l LeakageReport
			if err := jsonl.ReadValue(filepath.Join(out, "leakage.json"), &l); err != nil {
				t.Fatal(err)
			}
			if l.Found == 0 || len(l.Findings) == 0 {
				t.Errorf("the proof is not written: %+v", l)
			}
		})
	}
}

// What one patient's volumes share is no leak.
func TestSamePatientMayShare(t *testing.T) {
	a := newArchive(8)
	a.lesions, a.masks = nil, nil
	for i := range a.records {
		pair := fmt.Sprint(i / 2)
		a.records[i].Patient, a.records[i].Study, a.records[i].Frame = "p"+pair, "s"+pair, "f"+pair
		a.volumes[a.records[i].ID] = newScan(uint64(i / 2))
	}
	if _, err := a.prepare(t, Default()); err != nil {
		t.Error(err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(a *archive, cfg *Config)
		want  string
	}{
		"no volumes":         {func(a *archive, _ *Config) { a.records, a.lesions = nil, nil }, "no volumes to prepare"},
		"mixed modalities":   {func(a *archive, _ *Config) { a.records[0].Modality = "MR" }, "7 CT 1 MR"},
		"absent modality":    {func(_ *archive, cfg *Config) { cfg.Modality = "PT" }, "only 8 CT"},
		"stray lesion":       {func(a *archive, _ *Config) { a.lesions[0].CentreLPSMM[0] = 900 }, "outside its volume"},
		"unknown volume":     {func(a *archive, _ *Config) { a.lesions[0].Volume = "gone" }, "does not have"},
		"another patient":    {func(a *archive, _ *Config) { a.lesions[0].Patient = "p05" }, "different patients"},
		"all air":            {func(_ *archive, cfg *Config) { cfg.WindowHU = [2]float64{2000, 3000} }, "all equal"},
		"no train patient":   {func(_ *archive, cfg *Config) { cfg.Split = Split{0.01, 0.495, 0.495} }, "training part"},
		"shares too great":   {func(_ *archive, cfg *Config) { cfg.Split.Train = 0.9 }, "add up to"},
		"NaN share":          {func(_ *archive, cfg *Config) { cfg.Split.Train = math.NaN() }, "shares of at least 0"},
		"no spacing":         {func(_ *archive, cfg *Config) { cfg.SpacingMM[1] = 0 }, "spacing_mm"},
		"window upside down": {func(_ *archive, cfg *Config) { cfg.WindowHU = [2]float64{400, -1000} }, "window_hu"},
		"NaN window":         {func(_ *archive, cfg *Config) { cfg.WindowSUV[1] = math.NaN() }, "window_suv"},
		"strange modality":   {func(_ *archive, cfg *Config) { cfg.Modality = "ct" }, "modality"},
		"label fraction":     {func(_ *archive, cfg *Config) { cfg.LabelFraction = 1.5 }, "label_fraction"},
		"percentiles":        {func(_ *archive, cfg *Config) { cfg.Percentiles[1] = 101 }, "percentiles"},
	} {
		a, cfg := newArchive(8), Default()
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

// MR has no unit: every volume is scaled by its own percentiles.
func TestMRWindows(t *testing.T) {
	a := newArchive(6)
	a.lesions, a.masks = nil, nil
	for i := range a.records {
		a.records[i].Modality, a.records[i].Unit = "MR", ""
		v := a.volumes[a.records[i].ID]
		v.Modality, v.Unit = "MR", ""
		for k := range v.Data {
			v.Data[k] *= float32(i + 1)
		}
	}
	set, _ := a.open(t, Default())
	items := set.Items("")
	for i, it := range items {
		ratio := it.WindowLow / items[0].WindowLow
		if !(math.Abs(ratio-float64(i+1)) <= 1e-6) {
			t.Errorf("window of volume %d begins at %v, that of the first at %v", i, it.WindowLow, items[0].WindowLow)
		}
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

// Oracle: sorting.
func TestPercentiles(t *testing.T) {
	v := volume.New(volume.Grid([3]int{3, 7, 5}, [3]float64{1, 1, 1}, [3]float64{}))
	r := rand.New(rand.NewPCG(5, 6))
	for i := range v.Data {
		v.Data[i] = float32(i-50) + 0.25
	}
	r.Shuffle(len(v.Data), func(i, j int) { v.Data[i], v.Data[j] = v.Data[j], v.Data[i] })
	v.Data[0], v.Data[1] = v.Data[1], float32(math.NaN())
	sorted := []float64{}
	for i := range 105 {
		x := float64(i-50) + 0.25
		for _, y := range v.Data {
			if float64(y) == x {
				sorted = append(sorted, x)
			}
		}
	}
	dir := filepath.Join(t.TempDir(), "v")
	if _, err := volume.Write(dir, v); err != nil {
		t.Fatal(err)
	}
	m, err := volume.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, p := range [][2]float64{{0, 100}, {0.5, 99.5}, {25, 50}} {
		low, high := percentiles(m, p)
		n := float64(len(sorted) - 1)
		if wl, wh := sorted[int(p[0]/100*n+0.5)], sorted[int(p[1]/100*n+0.5)]; low != wl || high != wh {
			t.Errorf("percentiles %v: %v and %v, want %v and %v", p, low, high, wl, wh)
		}
	}
}
