package volume

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// roundTrip writes v as a NIfTI file and reads it.
func roundTrip(v *Volume) (*Volume, error) {
	var buf bytes.Buffer
	datatype, body := niftiBody(v.Data)
	if err := encodeNIfTI(&buf, v.Geometry, datatype, body); err != nil {
		return nil, err
	}
	return DecodeNIfTI(&buf)
}

// A volume and its geometry survive: the affine to the digits of float32 by
// the sform; by the qform within 1e-3 of the spacing, since near half a turn
// its float32 quaternion holds the square of a small angle only.
func TestNIfTIRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := New(drawGeometry(t))
		step := rapid.SampledFrom([]float32{1, 0.5}).Draw(t, "step")
		for i := range v.Data {
			v.Data[i] = float32(i) * step
		}
		got, err := roundTrip(v)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v.Data, got.Data); d != "" || got.Shape != v.Shape {
			t.Fatalf("shape %v, want %v; %s", got.Shape, v.Shape, d)
		}
		var h niftiHeader
		h.place(v.Geometry)
		if h.QformCode == 0 {
			t.Fatal("axes at right angles got no qform")
		}
		h.SformCode = 0
		f := h.facts()
		qform := f.affine()
		for r := range 3 {
			for c := range 4 {
				if diff := math.Abs(got.Affine[r][c] - v.Affine[r][c]); !(diff <= 5e-5) {
					t.Fatalf("sform %v, want %v", got.Affine, v.Affine)
				}
				if diff := math.Abs(qform[r][c] - v.Affine[r][c]); !(diff <= 6e-3) {
					t.Fatalf("qform %v, want %v", qform, v.Affine)
				}
			}
		}
	})
}

func TestNIfTIFiles(t *testing.T) {
	for _, name := range []string{"v.nii", "v.nii.gz"} {
		path := filepath.Join(t.TempDir(), name)
		want := sample()
		if err := WriteNIfTI(path, want); err != nil {
			t.Fatal(err)
		}
		got, err := ReadNIfTI(path)
		if err != nil {
			t.Fatal(err)
		}
		want.Modality, want.Unit = "", ""
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestShearedAxesHaveNoQform(t *testing.T) {
	g := Grid([3]int{2, 2, 2}, [3]float64{1, 1, 1}, [3]float64{})
	g.Affine[1][0] = 0.2
	var h niftiHeader
	h.place(g)
	if h.QformCode != 0 || h.SformCode == 0 {
		t.Errorf("qform_code %d, sform_code %d", h.QformCode, h.SformCode)
	}
	f := h.facts()
	if got := f.affine(); !(math.Abs(got[1][0]-0.2) <= 1e-6) {
		t.Errorf("affine %v", got)
	}
}

func TestMaskNIfTI(t *testing.T) {
	m := NewMask(sample().Geometry)
	m.Labels[3] = 255
	path := filepath.Join(t.TempDir(), "m.nii.gz")
	if err := WriteMaskNIfTI(path, m); err != nil {
		t.Fatal(err)
	}
	got, err := ReadMaskNIfTI(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Error(d)
	}
	if err := WriteNIfTI(path, sample()); err != nil { // holds -20
		t.Fatal(err)
	}
	if _, err := ReadMaskNIfTI(path); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "label -20") {
		t.Errorf("labels below 0: %v", err)
	}
}

// nifti returns a file of 2×1×1 voxels that h may spoil, and its bytes.
func nifti(order binary.ByteOrder, body []byte, spoil func(*niftiHeader)) []byte {
	h := niftiHeader{
		SizeofHdr: 348, Dim: [8]int16{3, 2, 1, 1, 1, 1, 1, 1}, Datatype: niftiInt16, Bitpix: 16,
		Pixdim: [8]float32{1, 3, 4, 5}, VoxOffset: niftiSize, Magic: [4]byte{'n', '+', '1', 0},
	}
	spoil(&h)
	var buf bytes.Buffer
	binary.Write(&buf, order, &h)
	buf.Write(body)
	return buf.Bytes()
}

// The expected numbers follow from the format: big endian, scaled, with voxel
// sizes alone, in metres, x and y mirrored.
func TestReadNIfTIOfOthers(t *testing.T) {
	file := nifti(binary.BigEndian, []byte{0xff, 0xfe, 0, 3}, func(h *niftiHeader) {
		h.SclSlope, h.SclInter, h.XYZTUnits = 2, 10, 1
	})
	v, err := DecodeNIfTI(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float32{6, 16}, v.Data); d != "" {
		t.Error(d)
	}
	want := Affine{{0, 0, -3000, 0}, {0, -4000, 0, 0}, {5000, 0, 0, 0}}
	for r := range 3 {
		for c := range 4 {
			if v.Affine[r][c] != want[r][c] {
				t.Fatalf("affine %v, want %v", v.Affine, want)
			}
		}
	}
	// Every data type, by its own size, holds 5 and 1.
	for datatype, body := range map[int16]string{
		2: "\x05\x01", 256: "\x05\x01", 512: "\x05\x00\x01\x00", 8: "\x05\x00\x00\x00\x01\x00\x00\x00", 768: "\x05\x00\x00\x00\x01\x00\x00\x00",
		16: "\x00\x00\xa0\x40\x00\x00\x80\x3f", 64: "\x00\x00\x00\x00\x00\x00\x14\x40\x00\x00\x00\x00\x00\x00\xf0\x3f",
		1024: "\x05\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00", 1280: "\x05\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00",
	} {
		file := nifti(binary.LittleEndian, []byte(body), func(h *niftiHeader) {
			h.Datatype, h.SclSlope = datatype, float32(math.NaN())
		})
		v, err := DecodeNIfTI(bytes.NewReader(file))
		if err != nil || v.Data[0] != 5 || v.Data[1] != 1 {
			t.Errorf("datatype %d: %v, %v", datatype, v, err)
		}
	}
}

// nibabelSeries is a big-endian, gzipped NIfTI-2 file of two volumes, from nibabel
// 5.4.2: np.arange(24).reshape(2, 3, 2, 2, order="F") - 5 as int16, with the sform
// [[-2, 0, 0.25, 11.5], [0, 3, 0, -7.25], [0.5, 0, 4, 1000.125], [0, 0, 0, 1]].
const nibabelSeries = "H4sIAAAAAAACA2NgYJLJ0zZi4OWS4mIQYFBggAAWKM0EpZnR+DCaEQeNAfZ/gNAODHX8aevfsjtwQPkC7P8Y/icU2EPlcdFQaxVQ+YMeMO7JtxdI3+bG" +
	"sf/980vhSnte7Zkd7fZ0/es6B3WIggOy0HDod4Tw0QywvwCVV0cVh4UfDMDMsX+Apk4A1XxSwYEFQNwAxA4Qt+1vgNrTAIpLIAYSDiA2UJ0DUIED0H6QTY5Aex2BqcnRAIi" +
	"BahwDgDgBiAuAGKjesQOIJzAwAAB3DixPgAIAAA=="

// A file of several volumes comes one by one; NIfTI-2 is read as NIfTI-1 is.
func TestNIfTISeries(t *testing.T) {
	file, err := base64.StdEncoding.DecodeString(nibabelSeries)
	if err != nil {
		t.Fatal(err)
	}
	want := Affine{{-0.25, 0, 2, -11.5}, {0, -3, 0, 7.25}, {4, 0, 0.5, 1000.125}} // RAS to LPS, columns z, y, x
	calls := 0
	err = DecodeNIfTISeries(bytes.NewReader(file), func(i, n int, v *Volume) error {
		if i != calls || n != 2 || v.Shape != [3]int{2, 3, 2} || v.Affine != want {
			t.Errorf("volume %d of %d: shape %v, affine %v, want %v", i, n, v.Shape, v.Affine, want)
		}
		for k, x := range v.Data {
			if x != float32(12*i+k-5) {
				t.Fatalf("volume %d, voxel %d: %v, want %d", i, k, x, 12*i+k-5)
			}
		}
		calls++
		return nil
	})
	if err != nil || calls != 2 {
		t.Errorf("%d volumes, error %v", calls, err)
	}
	if _, err := DecodeNIfTI(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "2 volumes: want one") {
		t.Errorf("as one volume: error %v", err)
	}
	stop := errors.New("stop")
	if err := DecodeNIfTISeries(bytes.NewReader(file), func(int, int, *Volume) error { return stop }); err != stop {
		t.Errorf("error %v, want the caller's", err)
	}
}

func TestReadNIfTIRefuses(t *testing.T) {
	body := []byte{1, 0, 2, 0}
	for name, tt := range map[string]struct {
		spoil func(*niftiHeader)
		want  string
	}{
		"NIfTI-2":         {func(h *niftiHeader) { h.SizeofHdr = 540 }, "NIfTI header"},
		"a pair":          {func(h *niftiHeader) { h.Magic = [4]byte{'n', 'i', '1', 0} }, "pair"},
		"no magic":        {func(h *niftiHeader) { h.Magic = [4]byte{} }, "magic"},
		"colour":          {func(h *niftiHeader) { h.Datatype = 128 }, "datatype 128"},
		"a time series":   {func(h *niftiHeader) { h.Dim[0], h.Dim[4] = 4, 9 }, "9 volumes"},
		"a million axes":  {func(h *niftiHeader) { h.Dim = [8]int16{7, 1, 1, 1, 3000, 3000, 3000, 3000} }, "more than 65536 volumes"},
		"negative side":   {func(h *niftiHeader) { h.Dim[1] = -2 }, "sides from 1"},
		"too many axes":   {func(h *niftiHeader) { h.Dim[0] = 9 }, "9 axes"},
		"lying sides":     {func(h *niftiHeader) { h.Dim = [8]int16{3, 1000, 1000, 1000} }, "EOF"},
		"far voxels":      {func(h *niftiHeader) { h.VoxOffset = 1e20 }, "vox_offset"},
		"voxels at NaN":   {func(h *niftiHeader) { h.VoxOffset = float32(math.NaN()) }, "vox_offset"},
		"voxels past end": {func(h *niftiHeader) { h.VoxOffset = 100000 }, "EOF"},
		"no spacing":      {func(h *niftiHeader) { h.Pixdim = [8]float32{} }, "do not span"},
	} {
		_, err := DecodeNIfTI(bytes.NewReader(nifti(binary.LittleEndian, body, tt.spoil)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
	path := filepath.Join(t.TempDir(), "short.nii")
	if err := os.WriteFile(path, []byte("short"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadNIfTI(path); !errors.Is(err, ErrFormat) {
		t.Errorf("5 bytes: %v", err)
	}
}

func FuzzNIfTI(f *testing.F) {
	f.Add(nifti(binary.LittleEndian, []byte{1, 0, 2, 0}, func(*niftiHeader) {}))
	f.Add(nifti(binary.BigEndian, []byte{1, 2}, func(h *niftiHeader) { h.Datatype, h.QformCode = 2, 1 }))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := DecodeNIfTI(bytes.NewReader(b))
		if err != nil {
			return
		}
		got, err := roundTrip(v)
		if err != nil {
			return // an affine on the edge of what is valid
		}
		for i := range v.Data {
			if got.Data[i] != v.Data[i] && v.Data[i] == v.Data[i] {
				t.Fatalf("voxel %d: %v came back as %v", i, v.Data[i], got.Data[i])
			}
		}
	})
}
