package volume

import (
	"encoding/binary"
	"io"
	"math"
)

// voxels reads n voxels from r and applies the slope and the intercept.
func (f *niftiFacts) voxels(r io.Reader, n int, order binary.ByteOrder) ([]float32, error) {
	slope, inter := f.slope, f.inter
	if slope == 0 || math.IsNaN(slope) || math.IsInf(slope, 0) || math.IsNaN(inter) || math.IsInf(inter, 0) {
		slope, inter = 1, 0 // "not scaled", as nifti1.h has it
	}
	decode := voxelDecoder(f.datatype)
	size := voxelSize(f.datatype)
	const block = 1 << 16
	buf := make([]byte, block*size)
	var data []float32
	for len(data) < n {
		b := buf[:min(block, n-len(data))*size]
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		for i := 0; i < len(b); i += size {
			data = append(data, float32(decode(order, b[i:])*slope+inter))
		}
	}
	return data, nil
}

// voxelDecoder returns how the first voxel of b is read, nil for a data type
// that is not read.
func voxelDecoder(datatype int16) func(o binary.ByteOrder, b []byte) float64 {
	switch datatype {
	case niftiUint8:
		return func(_ binary.ByteOrder, b []byte) float64 { return float64(b[0]) }
	case 256: // int8
		return func(_ binary.ByteOrder, b []byte) float64 { return float64(int8(b[0])) }
	case niftiInt16:
		return func(o binary.ByteOrder, b []byte) float64 { return float64(int16(o.Uint16(b))) }
	case 512: // uint16
		return func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint16(b)) }
	case 8: // int32
		return func(o binary.ByteOrder, b []byte) float64 { return float64(int32(o.Uint32(b))) }
	case 768: // uint32
		return func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint32(b)) }
	case niftiFloat:
		return func(o binary.ByteOrder, b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }
	case 1024: // int64
		return func(o binary.ByteOrder, b []byte) float64 { return float64(int64(o.Uint64(b))) }
	case 1280: // uint64
		return func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint64(b)) }
	case 64: // float64
		return func(o binary.ByteOrder, b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }
	}
	return nil
}

// voxelSize returns the bytes of one voxel of a data type that is read.
func voxelSize(datatype int16) int {
	switch datatype {
	case niftiUint8, 256:
		return 1
	case niftiInt16, 512:
		return 2
	case niftiFloat, 8, 768:
		return 4
	}
	return 8
}
