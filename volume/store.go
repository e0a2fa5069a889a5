package volume

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
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
	size := v.Shape[1] * v.Shape[2]
	return WritePlanes(dir, v.Geometry, v.Modality, v.Unit, runtime.GOMAXPROCS(0), func(z int, _ []float32) ([]float32, error) {
		return v.Data[z*size:][:size], nil
	})
}

// WritePlanes stores a volume as Write does, but makes its planes one by one, so that
// it never lies in memory whole. plane returns plane z, (H, W), for which it may use
// buf, which is that long; up to workers goroutines call it at once, in no order, and
// a plane may be asked for twice, since the data type is known at the end only. The bytes
// do not depend on workers. WritePlanes fails with the error of plane too.
func WritePlanes(dir string, g Geometry, modality, unit string, workers int, plane func(z int, buf []float32) ([]float32, error)) (Stored, error) {
	if err := g.Validate(); err != nil {
		return Stored{}, fmt.Errorf("%s: %v", dir, err)
	}
	buffers := sync.Pool{New: func() any {
		b := make([]float32, g.Shape[1]*g.Shape[2])
		return &b
	}}
	write := func(dtype string, encode func(b []byte, data []float32) error) (Stored, error) {
		digest, err := writeArray(dir, newHeader(g, dtype, modality, unit), workers, func(z int, b []byte) error {
			buf := buffers.Get().(*[]float32)
			defer buffers.Put(buf)
			data, err := plane(z, *buf)
			if err != nil {
				return err
			}
			return encode(b, data)
		})
		return Stored{dtype, digest}, err
	}
	stored, err := write("int16", func(b []byte, data []float32) error {
		if !encodeInt16(b, data) {
			return errNotInt16
		}
		return nil
	})
	if errors.Is(err, errNotInt16) {
		return write("float32", func(b []byte, data []float32) error {
			encodeFloat32(b, data)
			return nil
		})
	}
	return stored, err
}

// errNotInt16 stops writing as int16.
var errNotInt16 = errors.New("values that int16 does not hold")

// WriteMask stores m in the folder dir as Write does, as uint8, and returns
// the digest.
func WriteMask(dir string, m *Mask) (string, error) {
	if err := m.check(); err != nil {
		return "", fmt.Errorf("%s: %v", dir, err)
	}
	return writeArray(dir, newHeader(m.Geometry, "uint8", "", ""), 1, func(z int, b []byte) error {
		copy(b, m.Labels[z*len(b):])
		return nil
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

// writeArray writes a folder with h and a chunk whose planes fill encodes, called by
// several workers at once.
func writeArray(dir string, h header, workers int, fill func(z int, b []byte) error) (digest string, err error) {
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
	if err := writeChunk(chunkPath(tmp), h, workers, sum, fill); err != nil {
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

func writeChunk(path string, h header, workers int, sum hash.Hash, fill func(z int, b []byte) error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size := h.Shape[1] * h.Shape[2] * itemSize(h.dtype())
	err = inTurn(h.Shape[0], workers, size, fill, func(b []byte) error {
		sum.Write(b)
		_, err := f.Write(b)
		return err
	})
	return cmp.Or(err, f.Close())
}

// encodeInt16 fills b with data as int16, and reports whether that holds every value
// exactly.
func encodeInt16(b []byte, data []float32) bool {
	fits, done := true, 0
	for ; done+4 <= len(data); done += 4 {
		v := data[done:][:4]
		w := [4]int16{int16(v[0]), int16(v[1]), int16(v[2]), int16(v[3])}
		if float32(w[0]) != v[0] || float32(w[1]) != v[1] || float32(w[2]) != v[2] || float32(w[3]) != v[3] {
			fits = false
		}
		four := uint64(uint16(w[0])) | uint64(uint16(w[1]))<<16 | uint64(uint16(w[2]))<<32 | uint64(uint16(w[3]))<<48
		binary.LittleEndian.PutUint64(b[2*done:], four)
	}
	for i, v := range data[done:] {
		w := int16(v)
		fits = fits && float32(w) == v
		binary.LittleEndian.PutUint16(b[2*(done+i):], uint16(w))
	}
	return fits
}

// encodeFloat32 fills b with data.
func encodeFloat32(b []byte, data []float32) {
	for i, v := range data {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
}
