package dicomio

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/lesion"
	"oncovox/volume"
)

// writeTree writes files by path into a folder.
func writeTree(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// metaText is the header of a MetaImage of 3 x 4 x 5 voxels (z, y, x) in the words
// of SimpleITK 2.5, with keys changed.
func metaText(file string, change map[string]string) string {
	keys := []string{"ObjectType", "NDims", "BinaryData", "BinaryDataByteOrderMSB", "CompressedData", "TransformMatrix", "Offset",
		"CenterOfRotation", "AnatomicalOrientation", "ElementSpacing", "DimSize", "ElementType", "HeaderSize"}
	values := map[string]string{"ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False", "CompressedData": "False",
		"TransformMatrix": "1 0 0 0 1 0 0 0 1", "Offset": "-10 20 -30", "CenterOfRotation": "0 0 0", "AnatomicalOrientation": "RAI",
		"ElementSpacing": "0.5 0.75 2.5", "DimSize": "5 4 3", "ElementType": "MET_SHORT"}
	s := ""
	for _, k := range keys {
		v, changed := change[k]
		if !changed {
			v = values[k]
		}
		if v != "" {
			s += k + " = " + v + "\n"
		}
	}
	return s + "ElementDataFile = " + file + "\n"
}

// metaVoxelsOf is 60 voxels, voxel i is i-30.
func metaVoxelsOf(order binary.AppendByteOrder) (b []byte) {
	for i := range 60 {
		b = order.AppendUint16(b, uint16(int16(i-30)))
	}
	return b
}

func zlibOf(b []byte) []byte {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

// MetaImages in every form: the volume, or the reason.
func TestMetaImage(t *testing.T) {
	raw := metaVoxelsOf(binary.LittleEndian)
	one := func(header string, more map[string][]byte) map[string][]byte {
		files := map[string][]byte{"s/1.2.mhd": []byte(header)}
		for name, b := range more {
			files["s/"+name] = b
		}
		return files
	}
	plain := volume.Affine{{0, 0, 0.5, -10}, {0, 0.75, 0, 20}, {2.5, 0, 0, -30}}
	tests := []struct {
		name   string
		files  map[string][]byte
		affine volume.Affine
		reason Reason // "" for a volume
	}{
		{"header and voxels", one(metaText("1.2.raw", nil), map[string][]byte{"1.2.raw": raw}), plain, ""},
		{"voxels that come first", one(metaText("0.raw", nil), map[string][]byte{"0.raw": raw}), plain, ""},
		{"compressed", one(metaText("1.2.zraw", map[string]string{"CompressedData": "True"}), map[string][]byte{"1.2.zraw": zlibOf(raw)}), plain, ""},
		{"big endian", one(metaText("1.2.raw", map[string]string{"BinaryDataByteOrderMSB": "True"}), map[string][]byte{"1.2.raw": metaVoxelsOf(binary.BigEndian)}), plain, ""},
		{"after a header of its own", one(metaText("1.2.raw", map[string]string{"HeaderSize": "7"}), map[string][]byte{"1.2.raw": append([]byte("1234567"), raw...)}), plain, ""},
		{"at the end of its file", one(metaText("1.2.raw", map[string]string{"HeaderSize": "-1"}), map[string][]byte{"1.2.raw": append([]byte("123"), raw...)}), plain, ""},
		{"one file", map[string][]byte{"1.2.mha": append([]byte(metaText("LOCAL", nil)), raw...)}, plain, ""},
		{"one compressed file", map[string][]byte{"1.2.mha": append([]byte(metaText("LOCAL", map[string]string{"CompressedData": "True"})), zlibOf(raw)...)}, plain, ""},
		// Rows of the matrix are the directions of the file's axes x, y, z, as ITK reads them.
		{"other directions", one(metaText("1.2.raw", map[string]string{"TransformMatrix": "0 1 0 0 0 1 1 0 0"}), map[string][]byte{"1.2.raw": raw}),
			volume.Affine{{2.5, 0, 0, -10}, {0, 0, 0.5, 20}, {0, 0.75, 0, -30}}, ""},
		{"voxels that are not there", one(metaText("1.2.raw", nil), nil), plain, NoPixels},
		{"voxels cut short", one(metaText("1.2.raw", nil), map[string][]byte{"1.2.raw": raw[:100]}), plain, Truncated},
		{"voxels that are not zlib", one(metaText("1.2.zraw", map[string]string{"CompressedData": "True"}), map[string][]byte{"1.2.zraw": raw}), plain, BadPixelData},
		{"compressed voxels cut short", one(metaText("1.2.zraw", map[string]string{"CompressedData": "True"}), map[string][]byte{"1.2.zraw": zlibOf(raw)[:30]}), plain, BadPixelData},
		{"a path that leads out", one(metaText("../../1.2.raw", nil), map[string][]byte{"1.2.raw": raw}), plain, UnsafePath},
		{"a list of files", one(metaText("LIST", nil), nil), plain, UnsupportedPixels},
		{"two dimensions", one(metaText("1.2.raw", map[string]string{"NDims": "2"}), nil), plain, UnsupportedPixels},
		{"colour", one(metaText("1.2.raw", map[string]string{"ElementType": "MET_UCHAR_ARRAY"}), nil), plain, UnsupportedPixels},
		{"no spacing", one(metaText("1.2.raw", map[string]string{"ElementSpacing": ""}), nil), plain, Malformed},
		{"no number", one(metaText("1.2.raw", map[string]string{"Offset": "1 2 NaN"}), nil), plain, Malformed},
		{"a claim of 2^60 voxels", one(metaText("1.2.raw", map[string]string{"DimSize": "1048576 1048576 1048576"}), nil), plain, Malformed},
		{"more voxels than a scan has", one(metaText("1.2.raw", map[string]string{"DimSize": "4096 4096 4096"}), nil), plain, BadGeometry},
		{"directions in a plane", one(metaText("1.2.raw", map[string]string{"TransformMatrix": "1 0 0 0 1 0 0 1 0"}), nil), plain, BadGeometry},
		{"no end", one(strings.TrimSuffix(metaText("x", nil), "ElementDataFile = x\n"), nil), plain, Malformed},
	}
	for _, tt := range tests {
		cfg := Default()
		cfg.MaxRefused = 1
		out, err := ingest(t, cfg, writeTree(t, tt.files))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		records := rowsOf[volume.Record](t, out, "volumes.jsonl")
		if tt.reason != "" {
			r := rowsOf[Refused](t, out, "refused.jsonl")
			if len(records) != 0 || len(r) != 1 || r[0].Reason != tt.reason {
				t.Errorf("%s: %d volumes, refused %+v, want %s", tt.name, len(records), r, tt.reason)
			}
			continue
		}
		if len(records) != 1 || records[0].Affine != tt.affine || records[0].Unit != "HU" || records[0].Verdict != verdictVolume {
			t.Errorf("%s: %+v", tt.name, records)
			continue
		}
		v, err := volume.Read(filepath.Join(out, "volumes", records[0].ID))
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range v.Data {
			if x != float32(i-30) {
				t.Errorf("%s: voxel %d is %v", tt.name, i, x)
				break
			}
		}
	}
}

// Places of voxels as SimpleITK 2.5 gives them (TransformIndexToPhysicalPoint) for
// a turned and a flipped MetaImage that it has written; 1e-9 mm.
func TestMetaImagePlaces(t *testing.T) {
	for matrix, places := range map[string][2][3]float64{
		"0.95533648912560598 0.29552020666133955 0 -0.29552020666133955 0.95533648912560598 0 0 0 1":  {{-9.804096788270218, 21.735402527263908, -22.5}, {-6.737348195258961, 26.03366416044347, -17.5}},
		"-0.95533648912560598 0.29552020666133955 0 0.29552020666133955 0.95533648912560598 0 0 0 -1": {{-10.195903211729782, 21.735402527263908, -37.5}, {-13.26265180474104, 26.03366416044347, -42.5}},
	} {
		h, _, err := parseMeta([]byte(metaText("LOCAL", map[string]string{"TransformMatrix": matrix, "Offset": "-10 20 -30", "ElementSpacing": "0.7 0.8 2.5", "DimSize": "8 7 6"})))
		if err != nil {
			t.Fatal(err)
		}
		for i, index := range [][3]float64{{3, 2, 1}, {5, 6, 7}} { // z, y, x
			if d := distance(h.LPS(index), places[i]); !(d <= 1e-9) {
				t.Errorf("%s: voxel %v at %v, want %v", matrix, index, h.LPS(index), places[i])
			}
		}
	}
}

// LUNA16 as it is distributed: MetaImages called by their series, lists, and lung masks
// in a folder of their own, in a zip or not: the same artifacts.
func TestLUNA16(t *testing.T) {
	files := map[string][]byte{
		"subset0/1.2.mhd": []byte(metaText("1.2.raw", nil)), "subset0/1.2.raw": metaVoxelsOf(binary.LittleEndian),
		"subset1/1.3.mhd": []byte(metaText("1.3.raw", nil)), "subset1/1.3.raw": metaVoxelsOf(binary.LittleEndian),
		"seg-lungs-LUNA16/1.2.mhd": []byte(metaText("1.2.zraw", map[string]string{"CompressedData": "True"})), "seg-lungs-LUNA16/1.2.zraw": zlibOf(metaVoxelsOf(binary.LittleEndian)),
		"annotations.csv": []byte(lunaHeader + "1.2,-9,21,-27.5,3.25\n"), "annotations_excluded.csv": []byte(lunaHeader + "1.3,-9,21,-27.5,-1\n"),
		"candidates.csv": []byte("seriesuid,coordX,coordY,coordZ,class\n1.2,1,1,1,0\n"), "seriesuids.csv": []byte("1.2\n1.3\n"),
	}
	out, err := ingest(t, Default(), writeTree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	c := countsOf(t, out)
	if c.Series.Volume != 2 || c.Files.Images != 4 || c.Files.Labels != 3 || c.Labelled != 2 || c.Lesioned != 1 || len(c.Labels.Unplaced) != 0 {
		t.Errorf("counts %+v", c)
	}
	lesions, err := lesion.Read(filepath.Join(out, "lesions.jsonl"))
	if err != nil || len(lesions) != 2 {
		t.Fatalf("%d lesions (%v)", len(lesions), err)
	}
	for _, l := range lesions {
		if l.CentreLPSMM != [3]float64{-9, 21, -27.5} || l.Ignore != (l.DiameterMM == 10) {
			t.Errorf("%+v", l)
		}
	}
	records := rowsOf[volume.Record](t, out, "volumes.jsonl")
	if records[0].Patient == records[1].Patient || records[0].Patient == "" {
		t.Errorf("patients %q and %q", records[0].Patient, records[1].Patient)
	}
}

// decathlon is a set of the Medical Segmentation Decathlon's form.
func decathlon(t *testing.T, names string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "Task99_Test")
	for _, f := range []string{"imagesTr", "imagesTs", "labelsTr"} {
		if err := os.MkdirAll(filepath.Join(dir, f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Directions as most of the sets have them: x to the right, so that the planes come out
	// of the file from the head down, seen from the other side.
	g := volume.Geometry{Shape: [3]int{4, 6, 8}, Affine: volume.Affine{{0, 0, -1, 50}, {0, 1.5, 0, -20}, {2, 0, 0, 100}}}
	v := volume.New(g)
	for i := range v.Data {
		v.Data[i] = float32(i - 100)
	}
	m := volume.NewMask(g)
	for i, label := range map[int]uint8{50: 2, 51: 2, 52: 1, 60: 1, 150: 2} { // 50: z=1, y=0, x=2
		m.Labels[i] = label
	}
	write := func(folder, name string, f func(path string) error) {
		if err := f(filepath.Join(dir, folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	image := func(path string) error { return volume.WriteNIfTI(path, v) }
	write("imagesTr", "case_001.nii.gz", image)
	write("labelsTr", "case_001.nii.gz", func(path string) error { return volume.WriteMaskNIfTI(path, m) })
	write("imagesTr", "case_002_0000.nii", image)
	write("imagesTr", "case_002_0001.nii", image)
	write("labelsTr", "case_002.nii", func(path string) error { return volume.WriteMaskNIfTI(path, volume.NewMask(g)) })
	write("imagesTs", "case_003.nii.gz", image)
	write(".", "other.nii", image)
	if names != "" {
		write(".", "dataset.json", func(path string) error { return os.WriteFile(path, []byte(`{"labels": `+names+`}`), 0o644) })
	}
	return dir
}

// The Decathlon's and nnU-Net's layout; lesions by the names of label values, each
// connected piece its own.
func TestDecathlon(t *testing.T) {
	cancer, both := [3]float64{2, 1.5, 2}, [3]float64{3, 3, 2} // size of the larger lesion
	for names, size := range map[string][3]float64{
		`{"0": "background", "1": "liver", "2": "cancer"}`:        cancer,
		`{"background": 0, "liver": 1, "tumor": 2}`:               cancer,
		`{"background": 0, "whole tumor": [1, 2], "necrosis": 2}`: both,
		`{"background": 0, "spleen": 1, "cyst": 2}`:               {},
		"": both,
	} {
		out, err := ingest(t, Default(), decathlon(t, names))
		if err != nil {
			t.Fatal(err)
		}
		c := countsOf(t, out)
		lesions, err := lesion.Read(filepath.Join(out, "lesions.jsonl"))
		want := 2
		if size[0] == 0 {
			want = 0
		}
		if err != nil || len(lesions) != want || c.Volumes != 4 || c.Labelled != 3 || len(c.Labels.Unplaced) > 0 {
			t.Errorf("%s: %d lesions (%v), want %d; counts %+v", names, len(lesions), err, want, c)
		}
		if want > 0 && !slices.ContainsFunc(lesions, func(l lesion.Lesion) bool { return l.SizeMM == size }) {
			t.Errorf("%s: lesions %+v, want one of size %v", names, lesions, size)
		}
		// Voxels 50 and 51 are at z=1, y=0, x=2 and 3; LPS by the affine.
		if size == cancer && !slices.ContainsFunc(lesions, func(l lesion.Lesion) bool { return l.CentreLPSMM == [3]float64{47.5, -20, 102} }) {
			t.Errorf("%s: lesions %+v", names, lesions)
		}
		patients := map[string]int{}
		for _, r := range rowsOf[volume.Record](t, out, "volumes.jsonl") {
			patients[r.Patient]++
			v, err := volume.Read(filepath.Join(out, "volumes", r.ID))
			if err != nil {
				t.Fatal(err)
			}
			at := v.Index([3]float64{50, -20, 100}) // voxel 0 of the file
			if got := v.At(int(math.Round(at[0])), int(math.Round(at[1])), int(math.Round(at[2]))); got != -100 {
				t.Errorf("voxel %v is %v, want -100", at, got)
			}
		}
		if len(patients) != 3 {
			t.Errorf("%d patients, want 3: the channels of one case are of one", len(patients))
		}
	}
}

// A NIfTI file of several volumes is split into them, and a label goes for each.
func TestNIfTISeries(t *testing.T) {
	g := volume.Grid([3]int{4, 5, 6}, [3]float64{3, 2, 1}, [3]float64{})
	dir := t.TempDir()
	for _, folder := range []string{"imagesTr", "labelsTr"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m := volume.NewMask(g)
	m.Labels[37] = 1
	if err := volume.WriteMaskNIfTI(filepath.Join(dir, "labelsTr", "a.nii.gz"), m); err != nil {
		t.Fatal(err)
	}
	v := volume.New(g)
	for i := range v.Data {
		v.Data[i] = float32(i)
	}
	image := filepath.Join(dir, "imagesTr", "a.nii")
	if err := volume.WriteNIfTI(image, v); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	b[40], b[48] = 4, 2                   // axes, and the side of the fourth
	second := bytes.Clone(b[352:])        // the voxels again,
	for i := 0; i < len(second); i += 2 { // + 256
		second[i+1]++
	}
	if err := os.WriteFile(image, append(b, second...), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := ingest(t, Default(), dir)
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf[volume.Record](t, out, "volumes.jsonl")
	if len(rows) != 2 || rows[0].Method != "split-by-dimension" || !rows[0].Labelled || !rows[1].Labelled || len(rowsOf[lesion.Lesion](t, out, "lesions.jsonl")) != 2 {
		t.Fatalf("volumes %+v, want two with a lesion each", rows)
	}
	seen := map[float32]bool{}
	for _, r := range rows {
		got, err := volume.Read(filepath.Join(out, "volumes", r.ID))
		if err != nil {
			t.Fatal(err)
		}
		seen[got.At(1, 2, 3)] = true
	}
	if !seen[45] || !seen[45+256] {
		t.Errorf("voxels (1, 2, 3) are %v, want (1*5+2)*6+3 and 256 more", seen)
	}
}

// A NIfTI file given by name is a volume; in a folder that says nothing it is not.
func TestNIfTIByName(t *testing.T) {
	dir := decathlon(t, "")
	out, err := ingest(t, Default(), filepath.Join(dir, "other.nii"))
	if err != nil || countsOf(t, out).Volumes != 1 {
		t.Errorf("%v: want one volume", err)
	}
	bad := writeTree(t, map[string][]byte{"t/imagesTr/a.nii": append(make([]byte, 344), "n+1\x00....."...), "t/labelsTr/a.nii": append(make([]byte, 344), "n+1\x00....."...)})
	cfg := Default()
	cfg.MaxRefused = 1
	if out, err = ingest(t, cfg, bad); err != nil {
		t.Fatal(err)
	}
	if c := countsOf(t, out); c.Reasons[Malformed] != 2 {
		t.Errorf("%+v", c)
	}
}

// Any MetaImage is refused with a reason, or holds what its header says.
func FuzzMetaImage(f *testing.F) {
	f.Add(append([]byte(metaText("LOCAL", nil)), metaVoxelsOf(binary.LittleEndian)...))
	f.Add(append([]byte(metaText("LOCAL", map[string]string{"CompressedData": "True"})), zlibOf(metaVoxelsOf(binary.LittleEndian))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, rest, err := parseMeta(b)
		if err == nil {
			var g grid
			if g, err = h.grid(rest); err == nil && len(g.voxels) != h.Voxels()*h.kind.Size() {
				t.Errorf("%d bytes for %v", len(g.voxels), h.Shape)
			}
		}
		if err != nil && ReasonOf(err) == "" {
			t.Errorf("an error without a reason: %v", err)
		}
	})
}

// Any NIfTI file of labels is refused with a reason, or its frames are all counted.
func FuzzLabelFile(f *testing.F) {
	dir := f.TempDir()
	m := volume.NewMask(volume.Grid([3]int{4, 12, 16}, [3]float64{3, 2, 1.5}, [3]float64{-5, 10, 0}))
	m.Labels[20], m.Labels[700] = 1, 2
	if err := volume.WriteMaskNIfTI(filepath.Join(dir, "a.nii"), m); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "a.nii"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, []byte(`{"labels": {"1": "tumour"}}`))
	f.Fuzz(func(t *testing.T, b, names []byte) {
		file, err := parseLabelFile("t/labelsTr/s.nii", b)
		if err != nil {
			if ReasonOf(err) == "" {
				t.Errorf("an error without a reason: %v", err)
			}
			return
		}
		p := placedOn(m.Geometry)
		p.series = "t/s"
		l := label([]labelSet{file.set(parseNames(names), Default())}, newAtlas([]*placed{p}, nil), Default())
		for _, n := range l.counts.Unplaced {
			l.counts.Placed += n
		}
		if l.counts.Placed != l.counts.Frames {
			t.Errorf("counts %+v", l.counts)
		}
	})
}
