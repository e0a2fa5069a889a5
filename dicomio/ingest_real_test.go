package dicomio

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/lesion"
	"oncovox/volume"
)

// realData returns a file of the real data sets, and skips the test where it is
// absent. ONCOVOX_DATA names their folder.
func realData(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("ONCOVOX_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s: set ONCOVOX_DATA to the folder of the real data sets", path)
	}
	if testing.Short() {
		t.Skip("real data take too long for -short")
	}
	return path
}

// extract writes the files of an archive of which want gives a name other than
// "" to that name under a folder.
func extract(t *testing.T, archive string, want func(name string) string) string {
	t.Helper()
	dir := t.TempDir()
	err := Scan(context.Background(), []string{archive}, DefaultLimits(), func(e *Entry) error {
		name := want(e.Name)
		if name == "" {
			return nil
		}
		b, err := e.Read()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Soft-tissue sarcoma (Vallières 2015): 39 patients with CT, T1 MR and FDG-PET,
// an RTSTRUCT each, and masks as NIfTI that were made independently of us.
// Every series becomes a volume with one lesion, PET in SUV, and our masks
// agree with theirs: Dice at least 0.99 for each.
func TestRealSTS(t *testing.T) {
	archive, wholeBody := realData(t, "sts.tar.xz"), realData(t, "sts001-wholebody-pet.zip")
	out, err := ingest(t, Default(), archive)
	if err != nil {
		t.Fatal(err)
	}
	c := countsOf(t, out)
	if c.Series != (seriesCounts{Total: 117, Volume: 117}) || c.Lesioned != 117 || c.Lesions != 117 || c.Labelled != 117 {
		t.Errorf("counts %+v, want 117 plain volumes with a lesion each", c)
	}
	if c.Labels.Contours != c.Labels.Placed || c.Labels.Contours == 0 {
		t.Errorf("%d of %d contours placed", c.Labels.Placed, c.Labels.Contours)
	}
	masks := extract(t, archive, func(name string) string {
		patient, mask := filepath.Base(filepath.Dir(name)), filepath.Base(name)
		if !strings.HasPrefix(patient, "STS_") { // the reader may show what a .gz holds as a file in it
			patient, mask = filepath.Base(filepath.Dir(filepath.Dir(name))), filepath.Base(filepath.Dir(name))
		}
		if !strings.Contains(mask, "_mask.nii") || strings.Contains(mask, "/") {
			return ""
		}
		return filepath.Join(patient, strings.TrimSuffix(mask, ".gz"))
	})
	patients := map[string]string{}
	for _, r := range rowsOf[Crossing](t, out, "crosswalk.jsonl") {
		if r.Kind == "patient" {
			patients[r.ID] = r.Source
		}
	}
	dice := map[string][]float64{}
	for _, r := range rowsOf[volume.Record](t, out, "volumes.jsonl") {
		if want := map[string]string{"CT": "HU", "PT": "SUV", "MR": ""}[r.Modality]; r.Unit != want {
			t.Errorf("%s in %q, want %q", r.Modality, r.Unit, want)
		}
		ours, err := volume.ReadMask(filepath.Join(out, "masks", r.ID))
		if err != nil {
			t.Fatal(err)
		}
		name := map[string]string{"CT": "CT_mask.nii", "PT": "PET_mask.nii", "MR": "MR_T1_mask.nii"}[r.Modality]
		theirs, err := volume.ReadMaskNIfTI(filepath.Join(masks, patients[r.Patient], name))
		if err != nil {
			t.Fatal(err)
		}
		dice[r.Modality] = append(dice[r.Modality], diceOf(ours, theirs))
		if r.Modality == "PT" && patients[r.Patient] == "STS_001" {
			piece, err := volume.Read(filepath.Join(out, "volumes", r.ID))
			if err != nil {
				t.Fatal(err)
			}
			checkWholeBody(t, wholeBody, piece)
		}
	}
	for _, m := range sortedKeys(dice) {
		sum, worst := 0.0, slices.Min(dice[m])
		for _, d := range dice[m] {
			sum += d
		}
		t.Logf("%s: %d masks against the archive's NIfTI: Dice mean %.4f, worst %.4f", m, len(dice[m]), sum/float64(len(dice[m])), worst)
		if !(worst >= 0.99) || len(dice[m]) != 39 {
			t.Errorf("%s: worst Dice %v of %d, want 0.99 of 39", m, worst, len(dice[m]))
		}
	}
}

// diceOf compares masks on grids that may differ in the order of their axes;
// voxels of one grid outside the other count as disagreement.
func diceOf(a, b *volume.Mask) float64 {
	na, nb, both := 0, 0, 0
	for _, label := range b.Labels {
		if label != 0 {
			nb++
		}
	}
	for i, label := range a.Labels {
		if label == 0 {
			continue
		}
		na++
		at := b.Index(a.LPS(zyx(a.Geometry, i)))
		z, y, x := int(math.Round(at[0])), int(math.Round(at[1])), int(math.Round(at[2]))
		if b.Contains(a.LPS(zyx(a.Geometry, i))) && b.At(z, y, x) != 0 {
			both++
		}
	}
	return 2 * float64(both) / float64(na+nb)
}

// checkWholeBody ingests the whole-body PET of STS_001, which is in Bq/ml and
// decay-corrected to the start of the scan, and compares it with the piece of it
// that the other archive holds in SUV, made by others: equal within 1e-3 of the
// greatest value.
func checkWholeBody(t *testing.T, archive string, piece *volume.Volume) {
	out, err := ingest(t, Default(), archive)
	if err != nil {
		t.Fatal(err)
	}
	r := rowsOf[volume.Record](t, out, "volumes.jsonl")
	if len(r) != 1 || r[0].Unit != "SUV" {
		t.Fatalf("volumes %+v, want one in SUV", r)
	}
	whole, err := volume.Read(filepath.Join(out, "volumes", r[0].ID))
	if err != nil {
		t.Fatal(err)
	}
	worst, most := 0.0, float64(slices.Max(piece.Data))
	for i, v := range piece.Data {
		at := whole.Index(piece.LPS(zyx(piece.Geometry, i)))
		w := whole.At(int(math.Round(at[0])), int(math.Round(at[1])), int(math.Round(at[2])))
		worst = max(worst, math.Abs(float64(v-w)))
	}
	t.Logf("whole-body PET: SUV up to %.3f; ours is off by at most %.2g", most, worst)
	if !(worst <= 1e-3*most) {
		t.Errorf("off by %v, want at most %v", worst, 1e-3*most)
	}
	if n := len(rowsOf[lesion.Lesion](t, out, "lesions.jsonl")); n != 1 || countsOf(t, out).Labels.OtherROIs != 1 {
		t.Errorf("%d lesions, want the tumour and not its oedema", n)
	}
}

// Series that other readers turn into a plausible volume without a word (the
// failing set of dicom2nifti, GE and Philips localisers and diffusion): none may
// end as a plain volume.
func TestRealTraps(t *testing.T) {
	const root = "dicom2nifti/tests/data/"
	folders := extract(t, realData(t, "dicom-conformance.tar.xz"), func(name string) string {
		_, name, _ = strings.Cut(name, root)
		return name
	})
	tests := []struct {
		folder string
		change func(c *Config)
		want   string // counts of verdicts, then reasons or methods
	}{
		{"failing/gantrytilting/001", nil, "refused gantry-tilt"},
		{"failing/gantrytilting/001", func(c *Config) { c.Tilt = resampleIt }, "corrected tilt-resampled,unmeasured-filled"},
		{"failing/gantrytilting/001", func(c *Config) { c.Tilt = keepIt }, "corrected tilt-in-affine"},
		{"failing/sliceincrement/001", nil, "refused missing-slice"},
		{"failing/sliceincrement/001", func(c *Config) { c.Gaps = fillIt }, "corrected gaps-filled"},
		{"failing/sliceorientation/001", nil, "refused too-few-slices"},
		{"failing/sliceorientation/001", func(c *Config) { c.MinSlices = 2 }, "split split-by-orientation+size split-by-orientation+size"},
		{"siemens/fmri/001", nil, "refused mosaic"},
		{"siemens/dti/001", nil, "refused mosaic"},
		{"siemens/fmri_classic/001", nil, "split split-by-acquisition split-by-acquisition"},
		{"siemens/dti_classic/001", nil, "split split-by-b-value split-by-b-value"},
		{"ge/fmri/001", nil, "split split-by-instance-order split-by-instance-order"},
		{"ge/dti/001", nil, "split split-by-b-value split-by-b-value"},
		{"generic/rgb/001", nil, "refused colour"},
		{"siemens/anatomical/001", nil, "volume"},
		{"ge/anatomical/001", nil, "volume"},
	}
	for _, tt := range tests {
		cfg := Default()
		cfg.MaxRefused = 1
		if tt.change != nil {
			tt.change(&cfg)
		}
		out, err := ingest(t, cfg, filepath.Join(folders, tt.folder))
		if err != nil {
			t.Errorf("%s: %v", tt.folder, err)
			continue
		}
		if got := summary(t, out); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.folder, got, tt.want)
		}
	}
}

// summary says how the one series of an ingest ended.
func summary(t *testing.T, out string) string {
	c := countsOf(t, out).Series
	if c.Total != 1 {
		return fmt.Sprintf("%d series", c.Total)
	}
	says := []string{}
	for verdict, n := range map[string]int{"volume": c.Volume, "corrected": c.Corrected, "split": c.Split, "refused": c.Refused} {
		if n == 1 {
			says = append(says, verdict)
		}
	}
	for _, r := range rowsOf[volume.Record](t, out, "volumes.jsonl") {
		says = append(says, r.Method)
	}
	for _, r := range rowsOf[Refused](t, out, "refused.jsonl") {
		says = append(says, string(r.Reason))
	}
	return strings.TrimSpace(strings.Join(says, " "))
}

// All real scans of the conformance set go through without a fault of ours, and
// no verdict is left open.
func TestRealConformanceIngest(t *testing.T) {
	cfg := Default()
	cfg.MaxRefused = 1
	out, err := ingest(t, cfg, realData(t, "dicom-conformance.tar.xz"))
	if err != nil {
		t.Fatal(err)
	}
	c := countsOf(t, out)
	s := c.Series
	t.Logf("series %+v, %d volumes, reasons %v", s, c.Volumes, c.Reasons)
	if s.Total != s.Volume+s.Corrected+s.Split+s.Refused || s.Volume == 0 || c.Files.Total != 622 {
		t.Errorf("counts %+v", c)
	}
}
