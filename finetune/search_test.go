package finetune

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/internal/jsonl"
	"oncovox/lesion"
)

func found(x float64, score float64) lesion.Detection {
	return lesion.Detection{Volume: "a", CentreLPSMM: [3]float64{x, 0, 0}, SizeMM: [3]float64{8, 8, 8}, Score: score}
}

// By hand: what lies on no lesion is mistaken, whatever its score; a double and what
// lies on an ignored lesion are not.
func TestMistaken(t *testing.T) {
	l := func(x float64, ignore bool) lesion.Lesion {
		return lesion.Lesion{CentreLPSMM: [3]float64{x, 0, 0}, DiameterMM: 10, Ignore: ignore}
	}
	items := []dataset.Item{{ID: "a", Lesions: []lesion.Lesion{l(0, false), l(100, true)}}, {ID: "b"}, {ID: "c"}}
	s := searched{Found: map[string][]lesion.Detection{
		"a": {found(0, 0.9), found(1, 0.8), found(50, 0.7), found(100, 0.6), found(60, 0.1)},
		"b": {},
	}}
	got, n := s.mistaken(items, metric.InSphere)
	if n != 2 || len(got) != 1 || got[0].ID != "a" || len(got[0].Lesions) != 2 ||
		got[0].Lesions[0].CentreLPSMM[0] != 50 || got[0].Lesions[1].CentreLPSMM[0] != 60 {
		t.Errorf("%d mistaken: %+v", n, got)
	}
	if len(items[0].Lesions) != 2 || items[0].Lesions[0].CentreLPSMM[0] != 0 {
		t.Error("the items have changed")
	}
}

// By hand: at a confidence of 0.6 a detection of 0.6 is a lesion, down to 0.2 nothing
// is asked, and below that it is background. A scan that was gone through without a
// find is background, one that was not is left out.
func TestBelieved(t *testing.T) {
	items := []dataset.Item{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	s := searched{Found: map[string][]lesion.Detection{"a": {found(0, 0.7), found(20, 0.6), found(40, 0.3), found(60, 0.1)}, "b": nil}}
	got, n := s.believed(items, 0.6)
	if n != 2 || len(got) != 2 || got[1].ID != "b" || len(got[1].Lesions) != 0 || len(got[0].Lesions) != 3 {
		t.Fatalf("%d believed: %+v", n, got)
	}
	for i, ignore := range []bool{false, false, true} {
		if l := got[0].Lesions[i]; l.Ignore != ignore || l.CentreLPSMM[0] != 20*float64(i) || !(math.Abs(l.DiameterMM-8) <= 1e-12) {
			t.Errorf("%d: %+v", i, l)
		}
	}
}

func TestRamp(t *testing.T) {
	u := SelfTraining{Weight: 0.8, RampUp: 0.1, Every: 100}
	for step, want := range map[int]float64{100: 0.008, 149: 0.4, 199: 0.8, 900: 0.8} { // 100 steps of 1,000
		if got := u.ramp(step, 1000); !(math.Abs(got-want) <= 1e-12) {
			t.Errorf("step %d: weight %v, want %v", step, got, want)
		}
	}
	u.RampUp = 0
	if got := u.ramp(100, 1000); got != 0.8 {
		t.Errorf("without a ramp: %v", got)
	}
}

// A batch has what its shares say, in the places that they say: crops around lesions
// and around false detections, which are drawn with the lesions of the scan, and crops
// of scans without labels, with what is believed of them, at their weight.
func TestFill(t *testing.T) {
	set, err := dataset.Open(ballSet(t, 10))
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	all := set.Items(dataset.Train)
	train := all[:2]
	pool := unlabelled(all, train)
	if len(pool) != len(all)-2 || len(pool) < 2 {
		t.Fatalf("%d of %d scans in the pool", len(pool), len(all))
	}
	for _, it := range pool {
		if it.Labelled || it.Lesions != nil {
			t.Fatalf("%s keeps its labels", it.ID)
		}
	}
	cfg := small()
	cfg.Batch, cfg.Augment = 16, false
	cfg.HardNegatives.Share = 0.5
	cfg.SelfTraining = SelfTraining{Share: 0.25, Weight: 0.7, Confidence: 0.5, Every: 1}
	d, err := newDrawer(cfg, 3, set, [3]int{16, 16, 16}, train, pool)
	if err != nil {
		t.Fatal(err)
	}
	targets := NewTargets(cfg.Batch, [3]int{16, 16, 16})
	crops := make([]float32, cfg.Batch*16*16*16)
	d.fill(crops, targets, 5)
	for b, w := range targets.Sample {
		if w != 1 {
			t.Fatalf("before a search crop %d has the weight %v", b, w)
		}
	}
	if targets.Count < 8 {
		t.Errorf("%v lesions in 8 crops around one", targets.Count)
	}
	// A false detection far from the lesion of scan 0, and on scan 0 of the pool one
	// that is believed.
	g := train[0].Geometry
	corner := g.LPS([3]float64{1, 1, 1})
	if distance(corner, train[0].Lesions[0].CentreLPSMM) < 30 {
		corner = g.LPS([3]float64{side - 2, side - 2, side - 2})
	}
	at := func(it dataset.Item, c [3]float64) lesion.Detection {
		return lesion.Detection{Volume: it.ID, CentreLPSMM: c, SizeMM: [3]float64{8, 8, 8}, Score: 0.9}
	}
	hard := &searched{Found: map[string][]lesion.Detection{train[0].ID: {at(train[0], corner)}}}
	believed := &searched{Found: map[string][]lesion.Detection{pool[0].ID: {at(pool[0], pool[0].Geometry.LPS([3]float64{8, 8, 8}))}}}
	if m, b, err := d.takeUp(hard, believed); m != 1 || b != 1 || err != nil {
		t.Fatalf("%d mistaken, %d believed, error %v", m, b, err)
	}
	d.fill(crops, targets, 5)
	cells := len(targets.Heat) / cfg.Batch
	peaks := func(b int) (n int) {
		for _, h := range targets.Heat[b*cells : (b+1)*cells] {
			if h == 1 {
				n++
			}
		}
		return n
	}
	for b, w := range targets.Sample {
		want := float32(1)
		if b >= 12 { // a quarter of 16
			want = 0.7
		}
		if w != want {
			t.Errorf("crop %d has the weight %v, want %v", b, w, want)
		}
		if around := b < 6 || b == 12 || b == 13; around && peaks(b) == 0 {
			t.Errorf("crop %d holds no lesion", b)
		}
	}
	c := d.hard.Lesion(crops[:16*16*16], 5, 6) // as drawn for crop 6
	in := c.ToCrop(c.Item.Geometry.Index(corner))
	for a := range 3 {
		if in[a] < -0.5 || in[a] > 15.5 {
			t.Errorf("the false detection lies at %v of its crop", in)
		}
	}
	c.Item = &train[0]
	want := NewTargets(1, [3]int{16, 16, 16})
	want.Draw(0, c, 1)
	for i, h := range want.Heat {
		if targets.Heat[6*cells+i] != h {
			t.Fatal("crop 6 is not drawn with the lesions of its scan")
		}
	}
}

// Neither the labels that labels leaves out nor the scans of other parts reach what is
// learned: moved labels and other lesions there give the same weights.
func TestSelfTrainingSeesNoLabels(t *testing.T) {
	data := ballSet(t, 10)
	cfg := everything()
	cfg.Steps, cfg.Flips = 5, 1
	set, err := dataset.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, it := range fewer(labelled(set.Items(dataset.Train)), cfg.Labels, testEnv(t, t.TempDir(), nil).Seed) {
		kept[it.ID] = true
	}
	for _, it := range set.Items(dataset.Val) {
		kept[it.ID] = true // the best step is chosen by them
	}
	set.Close()
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(other, "dataset", "lesions.jsonl")
	lesions, err := lesion.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for i, l := range lesions {
		if !kept[l.Volume] {
			lesions[i].CentreLPSMM[0]++
			moved++
		}
	}
	if err := jsonl.Write(path, lesions, 0o644); err != nil || moved == 0 {
		t.Fatalf("%d moved, error %v", moved, err)
	}
	a, b := runOn(t, cfg, data), runOn(t, cfg, other)
	if a[detectorFile] == "" || a[detectorFile] != b[detectorFile] || a["history.csv"] != b["history.csv"] {
		t.Error("labels that are left out change the detector")
	}
	used := false
	for name, text := range a {
		used = used || strings.HasPrefix(name, "state") && strings.Contains(text, `pool\":{\"scans\":2`)
	}
	if !used {
		t.Error("no scan without labels was searched")
	}
}
