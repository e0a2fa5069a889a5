package volume

import (
	"bytes"
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

// niftiHeader is the file's header, byte for byte.
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

// ReadNIfTI reads a .nii or .nii.gz file of one 3-D volume, of any endianness
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
	dtype, datatype := "float32", int16(niftiFloat)
	if fitsInt16(data) {
		dtype, datatype = "int16", niftiInt16
	}
	body = make([]byte, len(data)*itemSize(dtype))
	encode(body, data, dtype)
	return datatype, body
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

// DecodeNIfTI reads a plain or gzipped file as ReadNIfTI does. Memory grows with
// what r holds, not with what the header claims.
func DecodeNIfTI(r io.Reader) (*Volume, error) {
	r, err := gunzipped(r)
	if err != nil {
		return nil, err
	}
	var raw [niftiSize]byte
	if _, err := io.ReadFull(r, raw[:]); err != nil {
		return nil, fmt.Errorf("NIfTI header: %v", err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if binary.BigEndian.Uint32(raw[:]) == 348 {
		order = binary.BigEndian
	}
	var h niftiHeader
	if err := binary.Read(bytes.NewReader(raw[:]), order, &h); err != nil {
		return nil, err
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	g := Geometry{Shape: [3]int{side(h.Dim, 3), side(h.Dim, 2), side(h.Dim, 1)}, Affine: h.affine()}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, r, int64(h.VoxOffset)-niftiSize); err != nil {
		return nil, fmt.Errorf("NIfTI voxels: %v", err)
	}
	data, err := h.voxels(r, g.Voxels(), order)
	if err != nil {
		return nil, fmt.Errorf("NIfTI voxels: %v", err)
	}
	return &Volume{Geometry: g, Data: data}, nil
}

// gunzipped returns r, or what it holds if that is gzipped.
func gunzipped(r io.Reader) (io.Reader, error) {
	var magic [2]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, fmt.Errorf("NIfTI header: %v", err)
	}
	r = io.MultiReader(bytes.NewReader(magic[:]), r)
	if magic != [2]byte{0x1f, 0x8b} {
		return r, nil
	}
	return gzip.NewReader(r)
}

// side returns the length of an axis, counted from 1.
func side(dim [8]int16, axis int) int {
	if axis > int(dim[0]) {
		return 1
	}
	return int(dim[axis])
}

// check refuses, by name, what ReadNIfTI does not read.
func (h *niftiHeader) check() error {
	switch {
	case h.SizeofHdr == 540 || h.SizeofHdr == 469893120:
		return fmt.Errorf("a NIfTI-2 file: want NIfTI-1")
	case h.SizeofHdr != 348:
		return fmt.Errorf("no NIfTI-1 header")
	case h.Magic == [4]byte{'n', 'i', '1', 0}:
		return fmt.Errorf("a NIfTI pair of .hdr and .img: want one .nii file")
	case h.Magic != [4]byte{'n', '+', '1', 0}:
		return fmt.Errorf("magic %q: want n+1", h.Magic)
	case h.Dim[0] < 1 || h.Dim[0] > 7:
		return fmt.Errorf("%d axes", h.Dim[0])
	case !(h.VoxOffset >= niftiSize && h.VoxOffset <= 1<<24) || h.VoxOffset != float32(int32(h.VoxOffset)):
		return fmt.Errorf("vox_offset %v: want a whole number from %d to %d", h.VoxOffset, niftiSize, 1<<24)
	case voxelDecoder(h.Datatype) == nil:
		return fmt.Errorf("datatype %d: want integers or real numbers", h.Datatype)
	}
	for axis := 4; axis <= int(h.Dim[0]); axis++ {
		if h.Dim[axis] > 1 {
			return fmt.Errorf("%d volumes along axis %d: want one", h.Dim[axis], axis)
		}
	}
	return nil
}
