package dicomio

import (
	"encoding/binary"
	"math"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// Scale writes value·slope + intercept for every stored value into dst, which
// has as many elements; computed in float64 and rounded once.
func (s Stored) Scale(dst []float32, slope, intercept float64) {
	done := 0
	whole := int32(intercept)
	switch {
	case s.Kind == Int16 && slope == 1 && intercept == float64(whole) && whole > -1<<23 && whole < 1<<23:
		for ; done+4 <= len(dst); done += 4 { // exact in float32 too
			v, to := binary.LittleEndian.Uint64(s.Data[2*done:]), dst[done:][:4]
			to[0] = float32(int32(int16(v)) + whole)
			to[1] = float32(int32(int16(v>>16)) + whole)
			to[2] = float32(int32(int16(v>>32)) + whole)
			to[3] = float32(int32(int16(v>>48)) + whole)
		}
	case s.Kind == Int16:
		for ; done+4 <= len(dst); done += 4 {
			v, to := binary.LittleEndian.Uint64(s.Data[2*done:]), dst[done:][:4]
			to[0] = float32(float64(int16(v))*slope + intercept)
			to[1] = float32(float64(int16(v>>16))*slope + intercept)
			to[2] = float32(float64(int16(v>>32))*slope + intercept)
			to[3] = float32(float64(int16(v>>48))*slope + intercept)
		}
	case s.Kind == Uint16:
		for ; done+4 <= len(dst); done += 4 {
			v, to := binary.LittleEndian.Uint64(s.Data[2*done:]), dst[done:][:4]
			to[0] = float32(float64(uint16(v))*slope + intercept)
			to[1] = float32(float64(uint16(v>>16))*slope + intercept)
			to[2] = float32(float64(uint16(v>>32))*slope + intercept)
			to[3] = float32(float64(uint16(v>>48))*slope + intercept)
		}
	}
	for i := done; i < len(dst); i++ {
		dst[i] = float32(s.At(i)*slope + intercept)
	}
}

// At returns the stored value i as a number; 64-bit integers are rounded.
func (s Stored) At(i int) float64 {
	b := s.Data[i*s.Kind.Size():]
	switch s.Kind {
	case Uint8:
		return float64(b[0])
	case Int8:
		return float64(int8(b[0]))
	case Uint16:
		return float64(binary.LittleEndian.Uint16(b))
	case Int16:
		return float64(int16(binary.LittleEndian.Uint16(b)))
	case Uint32:
		return float64(binary.LittleEndian.Uint32(b))
	case Int32:
		return float64(int32(binary.LittleEndian.Uint32(b)))
	case Uint64:
		return float64(binary.LittleEndian.Uint64(b))
	case Int64:
		return float64(int64(binary.LittleEndian.Uint64(b)))
	case Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	default:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
}

// A lut is a Modality LUT (PS3.3 C.11.1): it takes the place of rescale.
type lut struct {
	first int       // the stored value that the first entry is for
	out   []float32 // entries
}

// modalityLUT reads the Modality LUT of a header, nil where there is none.
func modalityLUT(d Dataset, signed bool) *lut {
	item := d.Item(tag.ModalityLUTSequence)
	desc := item.Ints(tag.LUTDescriptor)
	if len(desc) != 3 {
		return nil
	}
	n, first := int(uint16(desc[0])), desc[1]
	if n == 0 {
		n = 1 << 16
	}
	if signed {
		first = int(int16(first))
	} else {
		first = int(uint16(first))
	}
	l := &lut{first: first, out: make([]float32, n)}
	raw := item.Bytes(tag.LUTData)
	words := item.Ints(tag.LUTData)
	switch {
	case len(words) == n:
		for i, v := range words {
			l.out[i] = float32(uint16(v))
		}
	case len(raw) >= 2*n:
		for i := range l.out {
			l.out[i] = float32(binary.LittleEndian.Uint16(raw[2*i:]))
		}
	case len(raw) >= n:
		for i := range l.out {
			l.out[i] = float32(raw[i])
		}
	default:
		return nil
	}
	return l
}

// apply maps the stored values of s; those beyond the table get its ends.
func (l *lut) apply(dst []float32, s Stored) {
	for i := range dst {
		k := int(s.At(i)) - l.first
		dst[i] = l.out[min(max(k, 0), len(l.out)-1)]
	}
}
