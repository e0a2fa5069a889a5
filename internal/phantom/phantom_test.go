package phantom

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// small is a config that is quick to scan.
func small(modality string) Config {
	c := Default()
	c.Modality, c.Patients, c.Shape = modality, 3, [3]int{16, 40, 48}
	return c
}

// digests runs cfg and returns the sha256 of every file it leaves.
func digests(t *testing.T, cfg Config, seed int64) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := Run(context.Background(), cfg, stage.Env{Seed: seed, Out: dir}); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		sum := sha256.Sum256(b)
		sums[path] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// Oracle: the bytes of a run by one worker.
func TestSameSeedSameBytes(t *testing.T) {
	for _, modality := range []string{"CT", "PT", "MR"} {
		cfg := small(modality)
		before := runtime.GOMAXPROCS(1)
		one := digests(t, cfg, 7)
		runtime.GOMAXPROCS(4)
		four := digests(t, cfg, 7)
		runtime.GOMAXPROCS(before)
		if !maps.Equal(one, four) {
			t.Errorf("%s: one and four workers differ", modality)
		}
		cfg.Patients = 4
		more := digests(t, cfg, 7)
		other := digests(t, cfg, 8)
		for _, name := range []string{"archives/patient-0001.zip", "archives/patient-0003.zip"} {
			if more[name] != one[name] || one[name] == "" {
				t.Errorf("%s: %s depends on the number of patients", modality, name)
			}
			if other[name] == one[name] {
				t.Errorf("%s: %s does not depend on the seed", modality, name)
			}
		}
	}
}

func TestShares(t *testing.T) {
	cfg := Default()
	var count [3]float64
	const n = 400
	for k := range n {
		p := &patient{number: k + 1, cfg: cfg, seed: 3}
		count[p.drawLabel()]++
	}
	for l, want := range map[label]float64{unlabelled: cfg.ShareUnlabelled, healthy: cfg.ShareHealthy} {
		if got := count[l] / n; !(math.Abs(got-want) < 0.01) {
			t.Errorf("label %d: share %v, want %v", l, got, want)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if err := Run(ctx, small("CT"), stage.Env{Out: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// Oracle: truth.jsonl and the palette. Without noise, the voxel at the centre of
// a solid nodule 10 mm or more across holds its value: within 25 HU (60 for the
// small core of a part-solid one), or for PT between 0.45 of its SUV and all of it, for the point spread takes a part. The corner is
// air within 5 HU or 0.05 SUV.
func TestArchiveHoldsTruth(t *testing.T) {
	for _, modality := range []string{"CT", "PT"} {
		cfg := Default()
		cfg.Modality, cfg.Patients, cfg.Noise = modality, 3, 0
		cfg.NoduleDiameterMM = [2]float64{10, 20}
		sc, _ := scannerOf(modality, cfg.Setting)
		dir := t.TempDir()
		if err := Run(context.Background(), cfg, stage.Env{Seed: 5, Out: dir}); err != nil {
			t.Fatal(err)
		}
		truths, err := jsonl.Read[Truth](filepath.Join(dir, "truth.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if len(truths) < 3 {
			t.Fatalf("%s: only %d nodules", modality, len(truths))
		}
		for number := 1; number <= cfg.Patients; number++ {
			images, regions := readArchive(t, filepath.Join(dir, "archives", fmt.Sprintf("patient-%04d.zip", number)))
			mine := slices.DeleteFunc(slices.Clone(truths), func(row Truth) bool { return row.Patient != number })
			checkPatient(t, sc, images, regions, mine)
		}
	}
}

func checkPatient(t *testing.T, sc scanner, images []slice, regions []string, truths []Truth) {
	t.Helper()
	corner, near := images[0].value(0, 0), map[string]float64{"CT": 5, "PT": 0.05}[sc.modality]
	if !(math.Abs(corner-float64(sc.value[air])) < near) {
		t.Errorf("%s: corner is %v", sc.modality, corner)
	}
	labelled := 0
	for _, truth := range truths {
		if truth.Labelled {
			labelled++
		}
		got := valueAt(images, truth.CentreLPSMM)
		want := truth.Contrast + float64(sc.value[lungTissue])
		ok := math.Abs(got-want) < map[bool]float64{false: 25, true: 60}[truth.Kind == "part-solid"]
		if sc.modality == "PT" {
			ok = got > 0.45*want && got < 1.02*want
		}
		if !ok {
			t.Errorf("%s: %v at the centre of %+v, want %v", sc.modality, got, truth, want)
		}
	}
	if gtvs := len(slices.DeleteFunc(regions, func(name string) bool { return name == "BODY" })); gtvs != labelled {
		t.Errorf("%s: %d GTVs for %d labelled nodules", sc.modality, gtvs, labelled)
	}
}

// A slice is one image as a reader sees it.
type slice struct {
	rows, columns    int
	at               [3]float64 // ImagePositionPatient
	pixel            float64
	slope, intercept float64 // to the modality's unit
	signed           bool
	raw              []uint16
}

func (s slice) value(row, column int) float64 {
	k := float64(s.raw[row*s.columns+column])
	if s.signed {
		k = float64(int16(s.raw[row*s.columns+column]))
	}
	return k*s.slope + s.intercept
}

// valueAt is the value of the voxel nearest to a place.
func valueAt(images []slice, lps [3]float64) float64 {
	best := slices.MinFunc(images, func(a, b slice) int {
		return int(1e6 * (math.Abs(a.at[2]-lps[2]) - math.Abs(b.at[2]-lps[2])))
	})
	column := int(math.Round((lps[0] - best.at[0]) / best.pixel))
	row := int(math.Round((lps[1] - best.at[1]) / best.pixel))
	return best.value(row, column)
}

// readArchive parses every file of a zip with suyashkumar/dicom and returns the
// images and the names of the regions.
func readArchive(t *testing.T, path string) (images []slice, regions []string) {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		ds, err := dicom.Parse(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if texts(t, ds, tag.Modality)[0] == "RTSTRUCT" {
			regions = append(regions, regionNames(t, ds)...)
			continue
		}
		images = append(images, readImage(t, ds))
	}
	return images, regions
}

func readImage(t *testing.T, ds dicom.Dataset) slice {
	t.Helper()
	element := func(k tag.Tag) dicom.Value {
		e, err := ds.FindElementByTag(k)
		if err != nil {
			t.Fatalf("%v: %v", k, err)
		}
		return e.Value
	}
	number := func(k tag.Tag) []float64 {
		var out []float64
		for _, s := range texts(t, ds, k) {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, v)
		}
		return out
	}
	integer := func(k tag.Tag) int { return dicom.MustGetInts(element(k))[0] }
	s := slice{rows: integer(tag.Rows), columns: integer(tag.Columns), signed: integer(tag.PixelRepresentation) == 1}
	s.at, s.pixel = [3]float64(number(tag.ImagePositionPatient)), number(tag.PixelSpacing)[0]
	s.slope, s.intercept = number(tag.RescaleSlope)[0], number(tag.RescaleIntercept)[0]
	if texts(t, ds, tag.Modality)[0] == "PT" {
		item := element(tag.RadiopharmaceuticalInformationSequence).GetValue().([]*dicom.SequenceItemValue)[0]
		radio := dicom.Dataset{Elements: item.GetValue().([]*dicom.Element)}
		dose, _ := strconv.ParseFloat(texts(t, radio, tag.RadionuclideTotalDose)[0], 64)
		s.slope *= 1000 * number(tag.PatientWeight)[0] / (dose * math.Exp2(-3600/6586.2)) // SUV by body weight
	}
	info := dicom.MustGetPixelDataInfo(element(tag.PixelData))
	s.raw = info.Frames[0].NativeData.RawDataSlice().([]uint16)
	return s
}

func texts(t *testing.T, ds dicom.Dataset, k tag.Tag) []string {
	t.Helper()
	e, err := ds.FindElementByTag(k)
	if err != nil {
		t.Fatalf("%v: %v", k, err)
	}
	return dicom.MustGetStrings(e.Value)
}

func regionNames(t *testing.T, ds dicom.Dataset) []string {
	t.Helper()
	e, err := ds.FindElementByTag(tag.StructureSetROISequence)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, item := range e.Value.GetValue().([]*dicom.SequenceItemValue) {
		out = append(out, texts(t, dicom.Dataset{Elements: item.GetValue().([]*dicom.Element)}, tag.ROIName)[0])
	}
	return out
}
