package dicomio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// ingest runs the stage on sources and returns its folder.
func ingest(t *testing.T, cfg Config, sources ...string) (string, error) {
	t.Helper()
	out := t.TempDir()
	cfg.Sources = sources
	return out, Run(context.Background(), cfg, stage.Env{Seed: 7, Out: out})
}

func countsOf(t *testing.T, out string) Counts {
	t.Helper()
	var c Counts
	if err := jsonl.ReadValue(filepath.Join(out, "ingest.json"), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func rowsOf[T any](t *testing.T, out, name string) []T {
	t.Helper()
	rows, err := jsonl.Read[T](filepath.Join(out, name))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// mixedArchive holds a good CT with a lesion and an organ, a CT with a missing
// slice, a PET that states no dose, a file cut short, and files that are not
// DICOM.
func mixedArchive() [][]byte {
	good := stackFiles(1, 8, nil)
	gap := slices.Delete(stackFiles(2, 8, nil), 3, 4)
	pet := stackFiles(3, 5, func(f *imageFile) {
		f.modality = "PT"
		f.more = []element{elText(0x00541001, "CS", "BQML"), elText(0x00280051, "CS", `DECY\ATTN`), elText(0x00101030, "DS", "70")}
	})
	cut := stackFiles(4, 4, nil)
	cut[2] = cut[2][:len(cut[2])-100]
	labels := structFile(1, 1, map[string][]outlineOf{
		"GTV " + secretName: {
			{points: square(4, 20, 6, 3.1)}, {points: square(4, 20, 9, 3.1), sop: secretUID + "1.4"}, {points: square(4, 20, 12, 3.1)},
			{points: square(4, 20, 13.5, 3.1)}, // between slices
			{points: square(400, 20, 12, 3)}, {kind: "POINT", points: [][3]float64{{4, 20, 6}}},
		},
		"Heart": {{points: square(0, 20, 6, 2)}},
	})
	files := slices.Concat(good, gap, pet, cut, [][]byte{labels, []byte("not an image"), {}})
	return files
}

func TestRun(t *testing.T) {
	out, err := ingest(t, Default(), writeZip(t, mixedArchive()...))
	if !errors.Is(err, stage.ErrRefused) {
		t.Errorf("error %v, want ErrRefused: 3 of 4 series", err)
	}
	want := Counts{
		Files:   fileCounts{Total: 27, DICOM: 25, NotDICOM: 2, Broken: 1},
		Series:  seriesCounts{Total: 4, Volume: 1, Refused: 3},
		Volumes: 1, ByKind: map[string]int{"CT": 1}, Lesions: 1, Labelled: 1, Lesioned: 1,
		Labels: labelCounts{
			Objects: map[string]int{"rtstruct": 1}, ROIs: 1, OtherROIs: 1, Contours: 6, Placed: 3,
			Unplaced: map[Reason]int{OffPlane: 1, OutsideImage: 1, NotClosed: 1},
		},
		Reasons: map[Reason]int{MissingSlice: 1, SUVDose: 1, Truncated: 1},
		Ignored: map[string]int{},
	}
	got := countsOf(t, out)
	want.Files.Bytes = got.Files.Bytes
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Counts{})); d != "" {
		t.Error(d)
	}
	var reasons []string
	for _, r := range rowsOf[Refused](t, out, "refused.jsonl") {
		reasons = append(reasons, r.What+" "+string(r.Reason))
	}
	slices.Sort(reasons)
	if d := cmp.Diff([]string{"label not-closed", "label off-plane", "label outside-image",
		"series missing-slice", "series suv-dose", "series truncated"}, reasons); d != "" {
		t.Error(d)
	}
	checkGoodVolume(t, out)
	checkPrivacy(t, out)
}

// checkGoodVolume compares the one good volume of mixedArchive, and its lesion,
// with what was written into it.
func checkGoodVolume(t *testing.T, out string) {
	t.Helper()
	rec := rowsOf[volume.Record](t, out, "volumes.jsonl")[0]
	if rec.Shape != [3]int{8, 12, 16} || rec.SpacingMM != [3]float64{3, 2, 1.5} || rec.Verdict != "volume" ||
		rec.Unit != "HU" || rec.DType != "int16" || !rec.Labelled || rec.Manufacturer != "Siemens" || rec.SliceThicknessMM != 7 {
		t.Errorf("record %+v", rec)
	}
	v, err := volume.Read(filepath.Join(out, "volumes", rec.ID))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.At(5, 7, 9); got != 579 {
		t.Errorf("voxel (5, 7, 9) is %v, want 579", got)
	}
	// The square reaches from x 0.9 to 7.1 and y 16.9 to 23.1: voxel centres at
	// x 1, 2.5, 4, 5.5, 7 and y 18, 20, 22, on three slices.
	l := rowsOf[lesion.Lesion](t, out, "lesions.jsonl")[0]
	want := lesion.Lesion{
		ID: l.ID, Volume: rec.ID, Patient: rec.Patient, CentreLPSMM: [3]float64{4, 20, 9},
		SizeMM: [3]float64{7.5, 6, 9}, DiameterMM: math.Cbrt(6 / math.Pi * 7.5 * 6 * 9), Label: 1,
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-9 })
	if d := cmp.Diff(want, l, near); d != "" {
		t.Error(d)
	}
	m, err := volume.ReadMask(filepath.Join(out, "masks", rec.ID))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, label := range m.Labels {
		n += int(label)
	}
	if n != 45 || m.At(3, 5, 6) != 1 {
		t.Errorf("%d voxels marked, want 45", n)
	}
}

// checkPrivacy looks for names and UIDs of the source in what is shared, and
// for the permissions of what is not.
func checkPrivacy(t *testing.T, out string) {
	t.Helper()
	private := map[string]bool{"crosswalk.jsonl": true, "key": true}
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if private[d.Name()] {
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, want 0600", d.Name(), info.Mode())
			}
			return nil
		}
		for _, secret := range []string{secretUID, secretName, "Heart", "IM00"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds %q", d.Name(), secret)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cross, err := os.ReadFile(filepath.Join(out, "crosswalk.jsonl"))
	if err != nil || !strings.Contains(string(cross), secretUID+"8.1") || !strings.Contains(string(cross), secretName+"-1") {
		t.Errorf("the crosswalk does not lead back (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(out, "state")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("state was left behind")
	}
}

// The same sources give the same bytes: in another order, from a folder or a
// zip, with one worker or many, over what an interrupted run left.
func TestRunIsDeterministic(t *testing.T) {
	files := mixedArchive()
	cfg := Default()
	cfg.MaxRefused = 1
	cfg.Workers = 1
	first, err := ingest(t, cfg, writeZip(t, files...))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(files)
	cfg.Workers = 5
	cfg.Sources = []string{writeZip(t, files...)}
	second := t.TempDir()
	for range 2 {
		if err := os.WriteFile(filepath.Join(second, "volumes.jsonl"), []byte("rest"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Run(context.Background(), cfg, stage.Env{Seed: 7, Out: second}); err != nil {
			t.Fatal(err)
		}
	}
	a, b := contents(t, first), contents(t, second)
	for name := range a {
		if name != "crosswalk.jsonl" && !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs", name)
		}
		delete(b, name)
	}
	for name := range b {
		t.Errorf("%s is in one only", name)
	}
}

func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		all[name], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRunRefuses(t *testing.T) {
	good := writeFolder(t, stackFiles(1, 4, nil)...)
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	badKey := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(badKey, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		ctx    context.Context
		change func(c *Config)
		want   error
		text   string // in the error
	}{
		{"no sources", context.Background(), func(c *Config) { c.Sources = nil }, stage.ErrConfig, "no sources"},
		{"bad setting", context.Background(), func(c *Config) { c.Tilt = "ignore" }, stage.ErrConfig, `tilt "ignore"`},
		{"no such source", context.Background(), func(c *Config) { c.Sources = []string{"/no/such/scans.zip"} }, fs.ErrNotExist, "scans.zip"},
		{"nothing DICOM", context.Background(), func(c *Config) { c.Sources = []string{writeFolder(t, []byte("text"))} }, stage.ErrConfig, "no DICOM object"},
		{"empty folder", context.Background(), func(c *Config) { c.Sources = []string{t.TempDir()} }, stage.ErrConfig, "no DICOM object"},
		{"cancelled", cancelled, func(c *Config) {}, context.Canceled, ""},
		{"no key file", context.Background(), func(c *Config) { c.KeyFile = "/no/such/key" }, stage.ErrConfig, "key_file"},
		{"short key file", context.Background(), func(c *Config) { c.KeyFile = badKey }, stage.ErrConfig, "want 32"},
	}
	for _, tt := range tests {
		cfg := Default()
		cfg.Sources = []string{good}
		tt.change(&cfg)
		err := Run(tt.ctx, cfg, stage.Env{Seed: 7, Out: t.TempDir()})
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: error %v, want %v with %q", tt.name, err, tt.want, tt.text)
		}
	}
}

// Another key gives other ids of the same volumes.
func TestRunKeyFile(t *testing.T) {
	dir := writeFolder(t, stackFiles(1, 4, nil)...)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, bytes.Repeat([]byte{5}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	plain, err := ingest(t, cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	cfg.KeyFile = key
	keyed, err := ingest(t, cfg, dir)
	if err != nil {
		t.Fatal(err)
	}
	a, b := rowsOf[volume.Record](t, plain, "volumes.jsonl")[0], rowsOf[volume.Record](t, keyed, "volumes.jsonl")[0]
	if a.ID == b.ID || a.Patient == b.Patient || a.Digest != b.Digest || len(a.ID) != 16 {
		t.Errorf("ids %s and %s, patients %s and %s", a.ID, b.ID, a.Patient, b.Patient)
	}
}

// How a whole series ends, from files.
func TestRunVerdicts(t *testing.T) {
	petWith := func(units string) func(f *imageFile) {
		return func(f *imageFile) {
			f.modality = "PT"
			f.more = []element{
				elText(0x00541001, "CS", units), elText(0x00280051, "CS", `DECY\ATTN`), elText(0x00101030, "DS", "74"), elText(0x00541102, "CS", "ADMIN"),
				elText(0x00281053, "DS", "0.5"), elText(0x00281052, "DS", "0"),
				elSequence(0x00540016, []element{elText(0x00181074, "DS", "3.7e8"), elText(0x00181075, "DS", "6588")}),
			}
		}
	}
	tests := []struct {
		name    string
		change  func(c *Config)
		files   [][]byte
		verdict string // of the series, then what the volumes or refusals say
		says    []string
	}{
		{"PET in SUV", nil, stackFiles(1, 4, petWith("BQML")), "volume", []string{"SUV "}},
		{"PET in counts", nil, stackFiles(1, 4, petWith("CNTS")), "refused", []string{"suv-units"}},
		{"PET in Bq/ml, as opted", func(c *Config) { c.SUV = ifPossible },
			stackFiles(1, 4, func(f *imageFile) { petWith("BQML")(f); f.more = f.more[:3] }), "volume", []string{"BQML "}},
		{"two patients in one series", nil,
			append(stackFiles(1, 4, nil), stackFiles(1, 5, func(f *imageFile) { f.patient = 2 })[4]), "refused", []string{"mixed-patients"}},
		{"a file twice", nil, append(stackFiles(1, 4, nil), stackFiles(1, 4, nil)[2]), "corrected", []string{"HU duplicates-dropped"}},
		{"padding", nil, stackFiles(1, 4, func(f *imageFile) { f.more = []element{elShort(0x00280120, 0)} }), "volume", []string{"HU unmeasured-filled"}},
		{"two orientations", nil, append(stackFiles(1, 4, nil), stackFiles(1, 9, func(f *imageFile) {
			f.orientation = `1\0\0\0\0\-1`
			f.position = [3]float64{0, f.position[2], 0}
		})[4:]...), "split", []string{"HU split-by-orientation", "HU split-by-orientation"}},
		{"no orientation", nil, stackFiles(1, 4, func(f *imageFile) { f.orientation = "1" }), "refused", []string{"no-geometry"}},
		{"skewed orientation", nil, stackFiles(1, 4, func(f *imageFile) { f.orientation = `1\0\0\0.6\0.8\0` }), "refused", []string{"bad-geometry"}},
		{"localiser", nil, stackFiles(1, 4, func(f *imageFile) { f.more = []element{elText(0x00080008, "CS", `ORIGINAL\PRIMARY\LOCALIZER`)} }), "refused", []string{"localiser"}},
		{"mosaic", nil, stackFiles(1, 4, func(f *imageFile) { f.more = []element{elText(0x00080008, "CS", `ORIGINAL\PRIMARY\M\MOSAIC`)} }), "refused", []string{"mosaic"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Default()
			cfg.MaxRefused = 1
			if tt.change != nil {
				tt.change(&cfg)
			}
			out, err := ingest(t, cfg, writeFolder(t, tt.files...))
			if err != nil {
				t.Fatal(err)
			}
			c := countsOf(t, out).Series
			got := map[string]int{"volume": c.Volume, "corrected": c.Corrected, "split": c.Split, "refused": c.Refused}
			if got[tt.verdict] != 1 || c.Total != 1 {
				t.Errorf("series %+v, want one %s", c, tt.verdict)
			}
			var says []string
			for _, r := range rowsOf[volume.Record](t, out, "volumes.jsonl") {
				says = append(says, r.Unit+" "+r.Method)
			}
			for _, r := range rowsOf[Refused](t, out, "refused.jsonl") {
				says = append(says, string(r.Reason))
			}
			if !slices.Equal(says, tt.says) {
				t.Errorf("says %q, want %q", says, tt.says)
			}
		})
	}
}

// A PET in SUV holds stored value x slope x weight/dose.
func TestRunSUVVoxels(t *testing.T) {
	files := stackFiles(1, 4, func(f *imageFile) {
		f.modality = "PT"
		f.more = []element{
			elText(0x00541001, "CS", "BQML"), elText(0x00280051, "CS", `DECY\ATTN`), elText(0x00101030, "DS", "74"), elText(0x00541102, "CS", "ADMIN"),
			elText(0x00281053, "DS", "50"), elText(0x00281052, "DS", "0"),
			elSequence(0x00540016, []element{elText(0x00181074, "DS", "3.7e8")}),
		}
	})
	out, err := ingest(t, Default(), writeFolder(t, files...))
	if err != nil {
		t.Fatal(err)
	}
	v, err := volume.Read(filepath.Join(out, "volumes", rowsOf[volume.Record](t, out, "volumes.jsonl")[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	want := 345 * 50 * 74000 / 3.7e8
	if diff := math.Abs(float64(v.At(3, 4, 5))/want - 1); !(diff <= 1e-6) {
		t.Errorf("SUV %v, want %v", v.At(3, 4, 5), want)
	}
}

// An enhanced object holds a volume by itself; here its frames come from the
// head down, with their places and scales in their functional groups.
func TestRunEnhanced(t *testing.T) {
	var frames [][]element
	var pixels []byte
	for z := range 5 {
		frames = append(frames, []element{
			elSequence(0x00209113, []element{elText(0x00200032, "DS", fmt.Sprintf(`0\0\%d`, -2*z))}),
			elSequence(0x00289145, []element{elText(0x00281052, "DS", "-1000"), elText(0x00281053, "DS", fmt.Sprint(z+1))}),
		})
		for i := range 6 * 8 {
			pixels = binary.LittleEndian.AppendUint16(pixels, uint16(i))
		}
	}
	b := dicomFile("1.2.840.10008.5.1.4.1.1.2.1", secretUID+"1",
		elText(0x00080060, "CS", "CT"), elText(0x0020000e, "UI", secretUID+"2"), elText(0x0020000d, "UI", secretUID+"3"),
		elShort(0x00280002, 1), elText(0x00280004, "CS", "MONOCHROME2"), elText(0x00280008, "IS", "5"), elShort(0x00280010, 6), elShort(0x00280011, 8),
		elShort(0x00280100, 16), elShort(0x00280101, 16), elShort(0x00280102, 15), elShort(0x00280103, 0),
		elSequence(0x52009229, []element{
			elSequence(0x00209116, []element{elText(0x00200037, "DS", `1\0\0\0\1\0`)}),
			elSequence(0x00289110, []element{elText(0x00280030, "DS", `1\1`)}),
		}),
		elSequence(0x52009230, frames...), elLong(0x7fe00010, "OW", pixels))
	out, err := ingest(t, Default(), writeFolder(t, b))
	if err != nil {
		t.Fatal(err)
	}
	r := rowsOf[volume.Record](t, out, "volumes.jsonl")[0]
	if r.Shape != [3]int{5, 6, 8} || r.SpacingMM != [3]float64{2, 1, 1} || r.Affine[2][3] != -8 || r.Verdict != "volume" {
		t.Errorf("record %+v", r)
	}
	v, err := volume.Read(filepath.Join(out, "volumes", r.ID))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.At(1, 2, 3); got != 19*4-1000 { // the lowest but one: frame 3, slope 4
		t.Errorf("voxel (1, 2, 3) is %v, want %v", got, 19*4-1000)
	}
}

// What was never meant as a volume does not count as refused; what is broken
// does.
func TestRunMaxRefused(t *testing.T) {
	overview := stackFiles(2, 1, func(f *imageFile) { f.more = []element{elText(0x00080008, "CS", `ORIGINAL\PRIMARY\LOCALIZER`)} })
	cut := stackFiles(3, 1, nil)[0]
	cut = cut[:len(cut)-9]
	for _, tt := range []struct {
		name  string
		share stage.Share
		files [][]byte
		want  error
	}{
		{"an overview", 0, append(stackFiles(1, 4, nil), overview...), nil},
		{"one of two broken", 0.49, append(stackFiles(1, 4, nil), cut), stage.ErrRefused},
		{"one of two broken, allowed", 0.5, append(stackFiles(1, 4, nil), cut), nil},
		{"only an overview", 0.5, overview, stage.ErrRefused},
		{"only an overview, and all may be refused", 1, overview, nil},
		{"labels alone", 0, [][]byte{structFile(1, 1, nil)}, stage.ErrRefused},
	} {
		cfg := Default()
		cfg.MaxRefused = tt.share
		if _, err := ingest(t, cfg, writeFolder(t, tt.files...)); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
}

// An archive that ends early loses what is behind, and nothing before; the log
// names the source and not what is in it.
func TestRunTruncatedArchive(t *testing.T) {
	whole, err := os.ReadFile(writeTar(t, stackFiles(1, 6, nil)...))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scans.tar")
	if err := os.WriteFile(path, whole[:len(whole)*3/4+600], 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg := Default()
	cfg.Sources, cfg.MaxRefused = []string{path}, 0.5
	out := t.TempDir()
	if err := Run(context.Background(), cfg, stage.Env{Seed: 7, Out: out, Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	}
	c := countsOf(t, out)
	if c.Volumes != 1 || c.Files.Broken != 1 {
		t.Errorf("counts %+v, want a volume of what could be read and one broken file", c)
	}
	if !strings.Contains(log.String(), "scans.tar") || strings.Contains(log.String(), secretName) {
		t.Errorf("log %q, want the source and nothing within", log.String())
	}
}

// A label object none of whose regions is a lesion makes its scan a healthy one,
// which may be true, or for want of a pattern: the log says how often, and tells
// the two apart where nothing matches at all. It names no region.
func TestRunWarnsOfUnmatchedRegions(t *testing.T) {
	drawn := []outlineOf{{points: square(4, 20, 6, 3)}}
	set := func(n int, names ...string) []byte {
		rois := map[string][]outlineOf{}
		for _, name := range names {
			rois[name] = drawn
		}
		return structFile(n, n, rois)
	}
	for _, tt := range []struct {
		name      string
		sets      [][]byte
		unmatched int
		want      string // in the log; "" for nothing
	}{
		{"all match", [][]byte{set(1, "GTV", "Heart"), set(2, "nodule")}, 0, ""},
		{"one healthy", [][]byte{set(1, "GTV", "Heart"), set(2, "Heart")}, 1, `level=WARN msg="label objects without a region that matches roi: their scans count as healthy" label_objects=1 of=2`},
		{"no match", [][]byte{set(1, "Met "+secretName), set(2, "Heart", "Met 2")}, 2, `level=WARN msg="no region matches roi: every labelled scan counts as healthy; set roi" label_objects=2 of=2`},
		{"no regions", [][]byte{set(1), set(2)}, 0, ""},
		{"no labels", nil, 0, ""},
	} {
		var log bytes.Buffer
		cfg := Default()
		cfg.Sources = []string{writeFolder(t, slices.Concat(stackFiles(1, 4, nil), stackFiles(2, 4, nil), tt.sets)...)}
		out := t.TempDir()
		if err := Run(context.Background(), cfg, stage.Env{Seed: 7, Out: out, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}); err != nil {
			t.Fatal(err)
		}
		if got := countsOf(t, out).Labels.Unmatched; got != tt.unmatched {
			t.Errorf("%s: %d unmatched, want %d", tt.name, got, tt.unmatched)
		}
		got := log.String()
		if lines := strings.Count(got, "\n"); !strings.Contains(got, tt.want) || tt.want == "" && lines > 0 || lines > 1 {
			t.Errorf("%s: log %q, want %q alone", tt.name, got, tt.want)
		}
		if strings.Contains(got, secretName) || strings.Contains(got, "Heart") {
			t.Errorf("%s: log %q names a region", tt.name, got)
		}
	}
}

// A damaged archive says what is wrong with it, and not what it holds.
func TestRunSaysHowArchivesAreDamaged(t *testing.T) {
	slice := member{secretName + "/IM1", stackFiles(1, 1, nil)[0]}
	packed := gzipOf(slice.b)
	packed[len(packed)-8] ^= 1 // of the sum
	for _, tt := range []struct {
		name    string
		archive []byte
		want    string
	}{
		{"zip cut short", zipOf(slice)[:200], "zip: not a valid zip file"},
		{"tar cut short", tarOf(slice)[:900], "unexpected EOF"},
		{"tar.gz cut short", gzipOf(tarOf(slice))[:300], "unexpected EOF"},
		{"gzip changed", packed, "gzip: invalid checksum"},
		{"7z", []byte("7z\xbc\xaf\x27\x1c and so on"), "7z and rar archives are not read; unpack it"},
	} {
		cfg := Default()
		cfg.MaxRefused = 1
		out, err := ingest(t, cfg, writeFolder(t, tt.archive))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		rows := rowsOf[Refused](t, out, "refused.jsonl")
		if len(rows) == 0 || rows[0].Reason != BadArchive || rows[0].Detail != tt.want {
			t.Errorf("%s: %+v, want the detail %q", tt.name, rows, tt.want)
		}
		for _, r := range rows {
			if strings.Contains(r.Detail, secretName) || strings.Contains(r.Detail, "IM") {
				t.Errorf("%s: the detail %q holds a name", tt.name, r.Detail)
			}
		}
	}
}

func TestModalities(t *testing.T) {
	files := append(stackFiles(1, 4, nil), stackFiles(2, 4, func(f *imageFile) { f.modality = "MR" })...)
	cfg := Default()
	cfg.Modalities = []string{"MR"}
	out, err := ingest(t, cfg, writeFolder(t, files...))
	if err != nil {
		t.Fatal(err)
	}
	c := countsOf(t, out)
	if c.Series.Total != 1 || c.ByKind["MR"] != 1 || c.Ignored["modality CT"] != 4 {
		t.Errorf("counts %+v, want the CT ignored", c)
	}
}

func TestConfig(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	bad := Config{Modalities: []string{"ct"}, MinSlices: 1, SpacingTolerance: math.NaN(), Tilt: "x", Gaps: "y", SUV: "z", ROI: []string{"["}, MaxRefused: 2, Workers: -1}
	err := bad.Validate()
	for _, key := range []string{"modalities", "min_slices", "spacing_tolerance", "tilt", "gaps", "suv", "roi", "max_refused", "workers"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v does not name %s", err, key)
		}
	}
	for name, want := range map[string]bool{
		"GTV_Mass_CT": true, "gtv": true, "Left lung nodule 3": true, "Tumor/bed": true, "Heart": false, "GTV_Edema": false, "": false,
	} {
		if got := Default().isLesion(name); got != want {
			t.Errorf("%q is a lesion: %v, want %v", name, got, want)
		}
	}
}
