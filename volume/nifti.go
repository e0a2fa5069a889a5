package volume

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"

	"oncovox/internal/whole"
)

// NIfTI-1 (https://nifti.nimh.nih.gov/nifti-1, nifti1.h). Its axes run x, y, z
// with x fastest, which is this package's order in memory, and its places are
// RAS: x and y have the other sign than in LPS.

// niftiHeader is the header of NIfTI-1, byte for byte.
type niftiHeader struct {
	SizeofHdr    int32
	_            [36]byte
	Dim          [8]int16 // Dim[0] axes, then their sides
	_            [14]byte
	Datatype     int16
	Bitpix       int16
	_            int16
	Pixdim       [8]float32 // Pixdim[0] is qfac
	VoxOffset    float32
	SclSlope     float32
	SclInter     float32
	_            [3]byte
	XYZTUnits    uint8
	_            [128]byte
	QformCode    int16
	SformCode    int16
	Quatern      [3]float32 // b, c, d
	Qoffset      [3]float32
	Srow         [3][4]float32
	_            [16]byte
	Magic        [4]byte
	NoExtensions [4]byte
}

const (
	niftiSize   = 352 // of niftiHeader
	niftiMM     = 2   // xyzt_units: millimetres
	niftiUint8  = 2
	niftiInt16  = 4
	niftiFloat  = 16
	scannerCode = 1 // sform_code, qform_code: scanner's own coordinates
)

// ReadNIfTI reads a .nii or .nii.gz file, NIfTI-1 or NIfTI-2, of one 3-D volume, of any endianness
// and any integer or real data type, with its slope and intercept applied.
// NIfTI knows neither modality nor unit; both are "".
func ReadNIfTI(path string) (*Volume, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v, err := DecodeNIfTI(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %v", path, ErrFormat, err)
	}
	return v, nil
}

// ReadMaskNIfTI reads a mask as ReadNIfTI does. It fails on a value that is
// not a whole number from 0 to 255.
func ReadMaskNIfTI(path string) (*Mask, error) {
	v, err := ReadNIfTI(path)
	if err != nil {
		return nil, err
	}
	m := NewMask(v.Geometry)
	for i, label := range v.Data {
		if !(label >= 0 && label <= 255) || label != float32(uint8(label)) {
			return nil, fmt.Errorf("%s: %w: label %v: want whole numbers from 0 to 255", path, ErrFormat, label)
		}
		m.Labels[i] = uint8(label)
	}
	return m, nil
}

// WriteNIfTI writes v as a NIfTI-1 file, compressed if path ends in .gz, int16
// where that holds every voxel exactly, else float32. NIfTI keeps the affine in
// float32 only. The file appears whole, by rename.
func WriteNIfTI(path string, v *Volume) error {
	if err := v.check(); err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	datatype, body := niftiBody(v.Data)
	return writeNIfTI(path, v.Geometry, datatype, body)
}

// WriteMaskNIfTI writes m as WriteNIfTI does, as uint8.
func WriteMaskNIfTI(path string, m *Mask) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	return writeNIfTI(path, m.Geometry, niftiUint8, m.Labels)
}

// niftiBody returns the encoded voxels and their data type.
func niftiBody(data []float32) (datatype int16, body []byte) {
	body = make([]byte, 2*len(data))
	if encodeInt16(body, data) {
		return niftiInt16, body
	}
	body = make([]byte, 4*len(data))
	encodeFloat32(body, data)
	return niftiFloat, body
}

// writeNIfTI writes body, voxels that are encoded already.
func writeNIfTI(path string, g Geometry, datatype int16, body []byte) error {
	t, err := whole.Create(path, 0o644)
	if err != nil {
		return err
	}
	defer t.Abort()
	var w io.Writer = t
	closeGzip := func() error { return nil }
	if strings.HasSuffix(path, ".gz") {
		z := gzip.NewWriter(t)
		w, closeGzip = z, z.Close
	}
	if err := encodeNIfTI(w, g, datatype, body); err != nil {
		return fmt.Errorf("%s: %v", path, err)
	}
	if err := closeGzip(); err != nil {
		return err
	}
	return t.Commit()
}

func encodeNIfTI(w io.Writer, g Geometry, datatype int16, body []byte) error {
	for _, s := range g.Shape {
		if s > math.MaxInt16 {
			return fmt.Errorf("shape %v: NIfTI-1 holds sides up to %d", g.Shape, math.MaxInt16)
		}
	}
	h := niftiHeader{
		SizeofHdr: 348,
		Dim:       [8]int16{3, int16(g.Shape[2]), int16(g.Shape[1]), int16(g.Shape[0]), 1, 1, 1, 1},
		Datatype:  datatype,
		Bitpix:    int16(8 * len(body) / g.Voxels()),
		VoxOffset: niftiSize,
		SclSlope:  1,
		XYZTUnits: niftiMM,
		Magic:     [4]byte{'n', '+', '1', 0},
	}
	h.place(g)
	if err := binary.Write(w, binary.LittleEndian, &h); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}
