package volume

import (
	"errors"
	"math"
	"path/filepath"
	"testing"
)

// However many make the planes, the bytes are those of the whole volume, be they int16,
// or float32 because of the last voxel alone.
func TestWritePlanes(t *testing.T) {
	for _, last := range []float32{7, 0.5, 1 << 15, float32(math.NaN()), float32(math.Inf(-1))} {
		v := New(Geometry{Shape: [3]int{23, 3, 5}, Affine: Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}})
		v.Modality, v.Unit = "CT", "HU"
		for i := range v.Data {
			v.Data[i] = float32(i - 100)
		}
		v.Data[len(v.Data)-1] = last
		dir := t.TempDir()
		want, err := Write(filepath.Join(dir, "whole"), v)
		if err != nil {
			t.Fatal(err)
		}
		if dtype := map[bool]string{true: "int16", false: "float32"}[last == 7]; want.DType != dtype {
			t.Errorf("last voxel %v: %s, want %s", last, want.DType, dtype)
		}
		for _, workers := range []int{0, 1, 2, 9, 100} {
			to := filepath.Join(dir, "planes")
			got, err := WritePlanes(to, v.Geometry, v.Modality, v.Unit, workers, func(z int, buf []float32) ([]float32, error) {
				copy(buf, v.Data[z*len(buf):])
				return buf, nil
			})
			if err != nil || got != want {
				t.Errorf("last voxel %v, %d workers: %v, %v; want %v", last, workers, got, err, want)
			}
			if digest, err := Digest(to); err != nil || digest != want.Digest {
				t.Errorf("last voxel %v, %d workers: on disk %s, %v; want %s", last, workers, digest, err, want.Digest)
			}
		}
	}
}

// A plane that cannot be made ends the writing, and nothing is left.
func TestWritePlanesFails(t *testing.T) {
	fault := errors.New("fault")
	for bad := range 12 {
		dir := t.TempDir()
		g := Geometry{Shape: [3]int{12, 2, 2}, Affine: Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}}
		_, err := WritePlanes(filepath.Join(dir, "v"), g, "", "", 3, func(z int, buf []float32) ([]float32, error) {
			if z == bad {
				return nil, fault
			}
			return buf, nil
		})
		left, _ := filepath.Glob(filepath.Join(dir, "*"))
		hidden, _ := filepath.Glob(filepath.Join(dir, ".*"))
		if !errors.Is(err, fault) || len(left)+len(hidden) > 0 {
			t.Errorf("plane %d: %v, and %q %q are left", bad, err, left, hidden)
		}
	}
}
