package volume

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/gzip"
)

// nifti2Header is the header of NIfTI-2 (nifti2.h), byte for byte.
type nifti2Header struct {
	SizeofHdr    int32
	Magic        [8]byte
	Datatype     int16
	Bitpix       int16
	Dim          [8]int64
	_            [3]float64
	Pixdim       [8]float64
	VoxOffset    int64
	SclSlope     float64
	SclInter     float64
	_            [4]float64
	_            [2]int64
	_            [104]byte
	QformCode    int32
	SformCode    int32
	Quatern      [3]float64
	Qoffset      [3]float64
	Srow         [3][4]float64
	_            int32
	XYZTUnits    int32
	_            [36]byte
	NoExtensions [4]byte
}

const (
	nifti1Bytes = 348 // sizeof_hdr
	nifti2Bytes = 540
	extension   = 4       // bytes after the header that say whether more follow
	maxVolumes  = 1 << 16 // of one file; the longest time series have some thousands
)

// niftiFacts is what a header of either version says.
type niftiFacts struct {
	size      int64 // of the header and the flag of its extensions
	dim       [8]int64
	datatype  int16
	pixdim    [8]float64
	offset    float64
	slope     float64
	inter     float64
	units     int
	qformCode int
	sformCode int
	quatern   [3]float64
	qoffset   [3]float64
	srow      [3][4]float64
}

func (h *niftiHeader) facts() niftiFacts {
	f := niftiFacts{
		size: niftiSize, datatype: h.Datatype, offset: float64(h.VoxOffset), slope: float64(h.SclSlope), inter: float64(h.SclInter),
		units: int(h.XYZTUnits), qformCode: int(h.QformCode), sformCode: int(h.SformCode),
	}
	for i := range f.dim {
		f.dim[i], f.pixdim[i] = int64(h.Dim[i]), float64(h.Pixdim[i])
	}
	for r := range 3 {
		f.quatern[r], f.qoffset[r] = float64(h.Quatern[r]), float64(h.Qoffset[r])
		for c := range 4 {
			f.srow[r][c] = float64(h.Srow[r][c])
		}
	}
	return f
}

func (h *nifti2Header) facts() niftiFacts {
	return niftiFacts{
		size: nifti2Bytes + extension, dim: h.Dim, datatype: h.Datatype, pixdim: h.Pixdim, offset: float64(h.VoxOffset),
		slope: h.SclSlope, inter: h.SclInter, units: int(h.XYZTUnits), qformCode: int(h.QformCode), sformCode: int(h.SformCode),
		quatern: h.Quatern, qoffset: h.Qoffset, srow: h.Srow,
	}
}

// DecodeNIfTI reads a plain or gzipped file as ReadNIfTI does. Memory grows with
// what r holds, not with what the header claims.
func DecodeNIfTI(r io.Reader) (*Volume, error) {
	var first *Volume
	err := DecodeNIfTISeries(r, func(i, n int, v *Volume) error {
		if n > 1 {
			return fmt.Errorf("%d volumes: want one", n)
		}
		first = v
		return nil
	})
	return first, err
}

// DecodeNIfTISeries reads a file as DecodeNIfTI does, but of any number of volumes
// of one geometry, such as time points. It calls visit with each of the n, from 0,
// and ends with visit's error.
func DecodeNIfTISeries(r io.Reader, visit func(i, n int, v *Volume) error) error {
	r, err := gunzipped(r)
	if err != nil {
		return err
	}
	f, order, err := readNIfTIHeader(r)
	if err != nil {
		return err
	}
	n, err := f.check()
	if err != nil {
		return err
	}
	g := Geometry{Shape: [3]int{f.side(3), f.side(2), f.side(1)}, Affine: f.affine()}
	if err := g.Validate(); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, r, int64(f.offset)-f.size); err != nil {
		return fmt.Errorf("NIfTI voxels: %v", err)
	}
	for i := range n {
		data, err := f.voxels(r, g.Voxels(), order)
		if err != nil {
			return fmt.Errorf("NIfTI voxels: %v", err)
		}
		if err := visit(i, n, &Volume{Geometry: g, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// readNIfTIHeader reads the header of either version and finds the byte order.
func readNIfTIHeader(r io.Reader) (f niftiFacts, order binary.ByteOrder, err error) {
	var first [4]byte
	if _, err := io.ReadFull(r, first[:]); err != nil {
		return f, nil, fmt.Errorf("NIfTI header: %v", err)
	}
	order = binary.LittleEndian
	size := order.Uint32(first[:])
	if big := binary.BigEndian.Uint32(first[:]); big == nifti1Bytes || big == nifti2Bytes {
		order, size = binary.BigEndian, big
	}
	r = io.MultiReader(bytes.NewReader(first[:]), r)
	switch size {
	case nifti1Bytes:
		var h niftiHeader
		if err := binary.Read(r, order, &h); err != nil {
			return f, nil, fmt.Errorf("NIfTI header: %v", err)
		}
		switch h.Magic {
		case [4]byte{'n', 'i', '1', 0}:
			return f, nil, fmt.Errorf("a NIfTI pair of .hdr and .img: want one .nii file")
		case [4]byte{'n', '+', '1', 0}:
			return h.facts(), order, nil
		}
		return f, nil, fmt.Errorf("magic %q: want n+1", h.Magic)
	case nifti2Bytes:
		var h nifti2Header
		if err := binary.Read(r, order, &h); err != nil {
			return f, nil, fmt.Errorf("NIfTI header: %v", err)
		}
		if h.Magic != [8]byte{'n', '+', '2', 0, '\r', '\n', 0x1a, '\n'} {
			return f, nil, fmt.Errorf("magic %q: want n+2", h.Magic)
		}
		return h.facts(), order, nil
	}
	return f, nil, fmt.Errorf("no NIfTI header")
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
func (f *niftiFacts) side(axis int) int {
	if int64(axis) > f.dim[0] {
		return 1
	}
	return int(min(f.dim[axis], math.MaxInt32))
}

// check refuses, by name, what is not read, and returns the number of volumes.
func (f *niftiFacts) check() (volumes int, err error) {
	switch {
	case f.dim[0] < 1 || f.dim[0] > 7:
		return 0, fmt.Errorf("%d axes", f.dim[0])
	case !(f.offset >= float64(f.size) && f.offset <= 1<<24) || f.offset != math.Trunc(f.offset):
		return 0, fmt.Errorf("vox_offset %v: want a whole number from %d to %d", f.offset, f.size, 1<<24)
	case voxelDecoder(f.datatype) == nil:
		return 0, fmt.Errorf("datatype %d: want integers or real numbers", f.datatype)
	}
	volumes = 1
	for axis := 4; axis <= int(f.dim[0]); axis++ {
		if volumes *= max(f.side(axis), 1); volumes > maxVolumes {
			return 0, fmt.Errorf("more than %d volumes", maxVolumes)
		}
	}
	return volumes, nil
}
