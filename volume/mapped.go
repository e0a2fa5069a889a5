package volume

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"os"
)

// A Mapped is a stored volume whose voxels stay on disk and come into memory
// as they are touched. It may be read from several goroutines.
type Mapped struct {
	Geometry
	Modality, Unit string
	DType          string // "int16" or "float32"
	raw            []byte // the chunk
}

// Open maps the volume in the folder dir. Close it when done.
func Open(dir string) (*Mapped, error) {
	h, g, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	if h.dtype() == "uint8" {
		return nil, fmt.Errorf("%s: %w: data type uint8, want int16 or float32 for a volume", dir, ErrFormat)
	}
	f, err := os.Open(chunkPath(dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := mapFile(f, g.Voxels()*itemSize(h.dtype()))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &Mapped{g, h.Attributes.Modality, h.Attributes.Unit, h.dtype(), raw}, nil
}

// Close ends the mapping. The volume must not be read afterwards.
func (m *Mapped) Close() error {
	raw := m.raw
	m.raw = nil
	return unmapFile(raw)
}

// VoxelDigest returns the hex SHA-256 of the voxels as they are stored. Unlike
// Stored.Digest it does not depend on where in the patient they lie.
func (m *Mapped) VoxelDigest() string {
	sum := sha256.Sum256(m.raw)
	return hex.EncodeToString(sum[:])
}

// At returns the intensity of voxel (z, y, x).
func (m *Mapped) At(z, y, x int) float32 {
	var v [1]float32
	m.Crop(v[:], [3]int{z, y, x}, [3]int{1, 1, 1}, float32(math.NaN()))
	return v[0]
}

// Crop fills dst with the box of size (D, H, W) whose first voxel is origin
// (z, y, x); voxels outside the volume become pad. dst is (D, H, W); it panics
// if dst has another length.
func (m *Mapped) Crop(dst []float32, origin, size [3]int, pad float32) {
	m.Turned(dst, size, origin, [3]int{0, 1, 2}, [3]int{1, 1, 1}, pad)
}

// Turned fills dst with a box that is mirrored or turned: axis a of dst runs
// along axis along[a] of the volume in the direction sign[a] (1 or -1), and
// dst's voxel (0, 0, 0) is the volume's voxel start. Voxels outside the volume
// become pad. dst has the shape size; it panics if dst has another length or
// along is not a permutation of 0, 1, 2.
func (m *Mapped) Turned(dst []float32, size, start, along, sign [3]int, pad float32) {
	if len(dst) != size[0]*size[1]*size[2] {
		panic(fmt.Sprintf("volume: Turned: dst of %d voxels for a box of %v", len(dst), size))
	}
	if along[0] == along[1] || along[1] == along[2] || along[0]+along[1]+along[2] != 3 {
		panic(fmt.Sprintf("volume: Turned: axes %v are not a permutation", along))
	}
	strides := [3]int{m.Shape[1] * m.Shape[2], m.Shape[2], 1}
	var step, lo, hi [3]int // step in the volume; dst's indices that lie inside it
	first := 0
	for a := range 3 {
		axis := along[a]
		step[a] = sign[a] * strides[axis]
		first += start[axis] * strides[axis]
		lo[a], hi[a] = inside(start[axis], sign[a], size[a], m.Shape[axis])
	}
	for z := range size[0] {
		for y := range size[1] {
			row := dst[(z*size[1]+y)*size[2]:][:size[2]]
			if z < lo[0] || z >= hi[0] || y < lo[1] || y >= hi[1] || lo[2] >= hi[2] {
				fill(row, pad)
				continue
			}
			fill(row[:lo[2]], pad)
			fill(row[hi[2]:], pad)
			m.row(row[lo[2]:hi[2]], first+z*step[0]+y*step[1]+lo[2]*step[2], step[2])
		}
	}
}

// inside returns the range [lo, hi) of steps i in [0, n) for which
// start + sign·i lies in [0, side).
func inside(start, sign, n, side int) (lo, hi int) {
	if sign > 0 {
		lo, hi = -start, side-start
	} else {
		lo, hi = start-side+1, start+1
	}
	lo = min(max(lo, 0), n)
	return lo, max(min(hi, n), lo)
}

// row fills dst with the voxels first, first+step, ... of the chunk.
func (m *Mapped) row(dst []float32, first, step int) {
	if m.DType == "int16" {
		for i, at := 0, 2*first; i < len(dst); i, at = i+1, at+2*step {
			dst[i] = float32(int16(binary.LittleEndian.Uint16(m.raw[at:])))
		}
		return
	}
	for i, at := 0, 4*first; i < len(dst); i, at = i+1, at+4*step {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(m.raw[at:]))
	}
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}
