package volume

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// sample returns a small volume whose voxel values are their indices.
func sample() *Volume {
	v := New(Grid([3]int{3, 4, 5}, [3]float64{2, 1, 1}, [3]float64{-7, 8.5, 9}))
	v.Modality, v.Unit = "CT", "HU"
	for i := range v.Data {
		v.Data[i] = float32(i) - 20
	}
	return v
}

func TestStoreRoundTrip(t *testing.T) {
	fraction := sample()
	fraction.Data[7] = 0.25
	special := sample()
	special.Data[0], special.Data[1] = float32(math.Inf(1)), 1e30
	edges := sample()
	edges.Data[0], edges.Data[1] = math.MinInt16, math.MaxInt16
	over := sample()
	over.Data[0] = math.MaxInt16 + 1
	for name, tt := range map[string]struct {
		v     *Volume
		dtype string
	}{
		"whole numbers": {sample(), "int16"},
		"edges":         {edges, "int16"},
		"one too large": {over, "float32"},
		"a fraction":    {fraction, "float32"},
		"infinity":      {special, "float32"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "v")
			st, err := Write(dir, tt.v)
			if err != nil {
				t.Fatal(err)
			}
			if st.DType != tt.dtype {
				t.Errorf("stored as %s, want %s", st.DType, tt.dtype)
			}
			got, err := Read(dir)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.v, got); d != "" {
				t.Error(d)
			}
			again, err := Write(dir, tt.v) // over the old one
			if err != nil || again != st {
				t.Errorf("written again: %v %v, first %v", again, err, st)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestNaNIsKept(t *testing.T) {
	v := sample()
	v.Data[3] = float32(math.NaN())
	dir := filepath.Join(t.TempDir(), "v")
	if st, err := Write(dir, v); err != nil || st.DType != "float32" {
		t.Fatalf("%v, %v", st, err)
	}
	got, err := Read(dir)
	if err != nil || got.Data[3] == got.Data[3] {
		t.Errorf("read %v, %v; want NaN", got.Data[3], err)
	}
}

func TestDigestCoversVoxelsAndGeometry(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "v")
	seen := map[string]string{}
	for name, change := range map[string]func(*Volume){
		"as it is": func(*Volume) {},
		"a voxel":  func(v *Volume) { v.Data[59]++ },
		"origin":   func(v *Volume) { v.Affine[0][3]++ },
		"unit":     func(v *Volume) { v.Unit = "" },
	} {
		v := sample()
		change(v)
		st, err := Write(dir, v)
		if err != nil {
			t.Fatal(err)
		}
		if was := seen[st.Digest]; was != "" {
			t.Errorf("equal digests for %q and %q", was, name)
		}
		seen[st.Digest] = name
	}
}

func TestMaskRoundTrip(t *testing.T) {
	m := NewMask(sample().Geometry)
	m.Labels[5], m.Labels[59] = 1, 255
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := WriteMask(dir, m); err != nil {
		t.Fatal(err)
	}
	got, err := ReadMask(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Error(d)
	}
	if _, err := Open(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("a mask opened as a volume: %v", err)
	}
	if _, err := Write(dir, sample()); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadMask(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("a volume read as a mask: %v", err)
	}
}

// Oracle: the voxel by voxel definition of a turned crop, with At.
func TestTurnedCrops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "v")
	v := sample()
	if _, err := Write(dir, v); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	rapid.Check(t, func(t *rapid.T) {
		var size, start, sign [3]int
		for a := range 3 {
			size[a] = rapid.IntRange(1, 7).Draw(t, "size")
			start[a] = rapid.IntRange(-8, 12).Draw(t, "start")
			sign[a] = rapid.SampledFrom([]int{-1, 1}).Draw(t, "sign")
		}
		along := [3]int(rapid.Permutation([]int{0, 1, 2}).Draw(t, "along"))
		dst := make([]float32, size[0]*size[1]*size[2])
		m.Turned(dst, size, start, along, sign, -99)
		for i, got := range dst {
			step := [3]int{i / (size[1] * size[2]), i / size[2] % size[1], i % size[2]}
			at := start
			for a := range 3 {
				at[along[a]] += sign[a] * step[a]
			}
			want := float32(-99)
			if at[0] >= 0 && at[0] < 3 && at[1] >= 0 && at[1] < 4 && at[2] >= 0 && at[2] < 5 {
				want = v.At(at[0], at[1], at[2])
			}
			if got != want {
				t.Fatalf("voxel %v of the crop: %v, want %v", step, got, want)
			}
		}
	})
	if got := m.At(2, 3, 4); got != v.At(2, 3, 4) {
		t.Errorf("At(2, 3, 4) = %v", got)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "v")
	if _, err := Write(dir, sample()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "zarr.json"))
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(string(b)), "")
	for name, tt := range map[string]struct{ old, new, want string }{
		"another codec":      {`"name":"bytes"`, `"name":"blosc"`, "blosc"},
		"two codecs":         {`"codecs":[`, `"codecs":[{"name":"zstd"},`, "zstd"},
		"big endian":         {`"little"`, `"big"`, "big"},
		"another dtype":      {`"int16"`, `"complex128"`, "complex128"},
		"dtype object":       {`"int16"`, `{"name":"struct"}`, "struct"},
		"version 2":          {`"zarr_format":3`, `"zarr_format":2`, "zarr_format 2"},
		"a group":            {`"array"`, `"group"`, "group"},
		"four axes":          {`"shape":[3,4,5]`, `"shape":[3,4,5,1]`, "4 axes"},
		"many chunks":        {`"chunk_shape":[3,4,5]`, `"chunk_shape":[1,4,5]`, "one regular chunk"},
		"lying shape":        {`[3,4,5]`, `[30000,30000,1]`, "chunk of 120 bytes"},
		"overflowing shape":  {`[3,4,5]`, `[4611686018427387904,2,2]`, "sides from 1"},
		"negative shape":     {`[3,4,5]`, `[-3,-4,5]`, "sides from 1"},
		"no affine":          {`"affine":`, `"matrix":`, "no affine"},
		"flat affine":        {`"affine":[[`, `"affine":[[0,0,0,0],[`, "do not span"},
		"transformers":       {`"codecs"`, `"storage_transformers":[{"name":"x"}],"codecs"`, "transformers"},
		"other key encoding": {`"default"`, `"v2"`, "v2"},
		"not JSON":           {`{`, `[`, "zarr.json"},
		"too long":           {`{`, strings.Repeat(" ", maxHeader) + `{`, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(flat, tt.old, tt.new, 1)
			if name == "lying shape" || name == "overflowing shape" || name == "negative shape" {
				bad = strings.ReplaceAll(flat, tt.old, tt.new)
			}
			if bad == flat {
				t.Fatalf("%s does not hold %s", flat, tt.old)
			}
			if err := os.WriteFile(filepath.Join(dir, "zarr.json"), []byte(bad), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want ErrFormat and %q", err, tt.want)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(dir, "zarr.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(chunkPath(dir), 119); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("a chunk cut short: %v", err)
	}
}

func TestWriteRefusesLyingVolume(t *testing.T) {
	v := sample()
	v.Data = v.Data[1:]
	dir := filepath.Join(t.TempDir(), "v")
	if _, err := Write(dir, v); err == nil {
		t.Error("59 voxels were written as 3×4×5")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a failed write left a folder")
	}
}

func FuzzParseHeader(f *testing.F) {
	v := sample()
	b, err := newHeader(v.Geometry, "int16", "CT", "HU").marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"zarr_format":3,"node_type":"array","shape":[1,1,1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, g, err := parseHeader(b)
		if err != nil {
			return
		}
		b, err = newHeader(g, h.dtype(), h.Attributes.Modality, h.Attributes.Unit).marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, again, err := parseHeader(b); err != nil || again != g {
			t.Errorf("%v came back as %v, %v", g, again, err)
		}
	})
}

func BenchmarkCrop(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "v")
	v := New(Grid([3]int{96, 96, 96}, [3]float64{1, 1, 1}, [3]float64{}))
	v.Data[0] = 0.5 // float32 on disk
	if _, err := Write(dir, v); err != nil {
		b.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	size := [3]int{48, 48, 48}
	dst := make([]float32, 48*48*48)
	for name, along := range map[string][3]int{"straight": {0, 1, 2}, "turned": {0, 2, 1}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				m.Turned(dst, size, [3]int{10, 10, 10}, along, [3]int{1, 1, 1}, 0)
			}
		})
	}
}

// Digest gives what Write and WriteMask gave, and notices a changed voxel.
func TestDigest(t *testing.T) {
	dir := t.TempDir()
	g := Grid([3]int{2, 3, 4}, [3]float64{1, 1, 1}, [3]float64{})
	m := NewMask(g)
	m.Labels[5] = 1
	want, err := WriteMask(filepath.Join(dir, "m"), m)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Digest(filepath.Join(dir, "m")); err != nil || got != want {
		t.Errorf("digest %s (%v), want %s", got, err, want)
	}
	path := chunkPath(filepath.Join(dir, "m"))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[5] = 2
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Digest(filepath.Join(dir, "m")); err != nil || got == want {
		t.Errorf("digest %s (%v) of a changed mask", got, err)
	}
}
