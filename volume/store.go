package volume

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
)

// Stored says how a volume came to lie on disk.
type Stored struct {
	DType  string // "int16" or "float32"
	Digest string // hex SHA-256 of zarr.json followed by the chunk
}

// Write stores v in the folder dir as a Zarr v3 array of one uncompressed
// little-endian chunk, int16 where that holds every voxel exactly, else
// float32. The folder appears whole, by rename; what was there is replaced.
func Write(dir string, v *Volume) (Stored, error) {
	if err := v.check(); err != nil {
		return Stored{}, fmt.Errorf("%s: %v", dir, err)
	}
	dtype := "float32"
	if fitsInt16(v.Data) {
		dtype = "int16"
	}
	digest, err := writeArray(dir, newHeader(v.Geometry, dtype, v.Modality, v.Unit), len(v.Data), func(b []byte, i int) {
		encode(b, v.Data[i:], dtype)
	})
	return Stored{dtype, digest}, err
}

// WriteMask stores m in the folder dir as Write does, as uint8, and returns
// the digest.
func WriteMask(dir string, m *Mask) (string, error) {
	if err := m.check(); err != nil {
		return "", fmt.Errorf("%s: %v", dir, err)
	}
	return writeArray(dir, newHeader(m.Geometry, "uint8", "", ""), len(m.Labels), func(b []byte, i int) {
		copy(b, m.Labels[i:])
	})
}

// Digest returns the digest of the volume or mask in the folder dir, as Write and
// WriteMask gave it.
func Digest(dir string) (string, error) {
	sum := sha256.New()
	for _, path := range []string{filepath.Join(dir, "zarr.json"), chunkPath(dir)} {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(sum, f)
		f.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// Read reads the volume in the folder dir.
func Read(dir string) (*Volume, error) {
	m, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	v := New(m.Geometry)
	v.Modality, v.Unit = m.Modality, m.Unit
	m.Crop(v.Data, [3]int{}, m.Shape, 0)
	return v, nil
}

// ReadMask reads the mask in the folder dir.
func ReadMask(dir string) (*Mask, error) {
	h, g, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	if h.dtype() != "uint8" {
		return nil, fmt.Errorf("%s: %w: data type %s, want uint8 for a mask", dir, ErrFormat, h.dtype())
	}
	f, err := os.Open(chunkPath(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m := NewMask(g)
	if _, err := io.ReadFull(f, m.Labels); err != nil {
		return nil, fmt.Errorf("%s: %w: %v", dir, ErrFormat, err)
	}
	return m, nil
}

// writeArray writes a folder with h and a chunk of n voxels, which fill
// encodes block by block: fill(b, i) encodes the voxels from i on into b.
func writeArray(dir string, h header, n int, fill func(b []byte, i int)) (digest string, err error) {
	meta, err := h.marshal()
	if err != nil {
		return "", fmt.Errorf("%s: %v", dir, err)
	}
	parent, base := filepath.Split(filepath.Clean(dir))
	tmp, err := os.MkdirTemp(filepath.Clean(parent+"."), "."+base+"-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	sum := sha256.New()
	sum.Write(meta)
	if err := os.WriteFile(filepath.Join(tmp, "zarr.json"), meta, 0o644); err != nil {
		return "", err
	}
	if err := writeChunk(chunkPath(tmp), n, itemSize(h.dtype()), sum, fill); err != nil {
		return "", err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), os.Rename(tmp, dir)
}

func writeChunk(path string, n, size int, sum hash.Hash, fill func(b []byte, i int)) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const block = 1 << 18
	buf := make([]byte, block*size)
	for i := 0; i < n; i += block {
		b := buf[:min(block, n-i)*size]
		fill(b, i)
		sum.Write(b)
		if _, err := f.Write(b); err != nil {
			return err
		}
	}
	return f.Close()
}

// fitsInt16 reports whether int16 holds every value exactly.
func fitsInt16(data []float32) bool {
	for _, v := range data {
		if !(v >= math.MinInt16 && v <= math.MaxInt16) || v != float32(int16(v)) {
			return false
		}
	}
	return true
}

// encode fills b with the first values of data in the given data type.
func encode(b []byte, data []float32, dtype string) {
	if dtype == "int16" {
		for i := range len(b) / 2 {
			binary.LittleEndian.PutUint16(b[2*i:], uint16(int16(data[i])))
		}
		return
	}
	for i := range len(b) / 4 {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(data[i]))
	}
}
