package dicomio

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"sync/atomic"

	"github.com/zeebo/blake3"
)

// A spill keeps the decoded slices of an ingest on disk until their series is
// whole, so that memory does not grow with the archive. Several goroutines may
// use it.
type spill struct {
	file *os.File
	size atomic.Int64
}

func newSpill(path string) (*spill, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("room for decoded slices: %w", err)
	}
	return &spill{file: f}, nil
}

// ReadAt reads from the spill file.
func (sp *spill) ReadAt(b []byte, offset int64) (int, error) { return sp.file.ReadAt(b, offset) }

// put decodes frame i of in and keeps its stored values. Where a Modality LUT
// gives the values their meaning, its results are kept instead. It fails with
// an *Error if the frame cannot be decoded.
func (sp *spill) put(in *Instance, i int, p *stored) error {
	values, err := in.Stored(i)
	if err != nil {
		return err
	}
	if in.lut != nil {
		values = lookUp(in.lut, values)
		p.slope, p.intercept, p.padded = 1, 0, false
	}
	p.kind = values.Kind
	sum := blake3.Sum256(values.Data)
	copy(p.digest[:], sum[:])
	size := int64(len(values.Data))
	p.offset = sp.size.Add(size) - size
	if _, err := sp.file.WriteAt(values.Data, p.offset); err != nil {
		return fmt.Errorf("keeping decoded slices: %w", err)
	}
	return nil
}

// lookUp returns values as the table has them.
func lookUp(l *lut, values Stored) Stored {
	real := make([]float32, values.Rows*values.Columns)
	l.apply(real, values)
	values.Kind, values.Data = Float32, make([]byte, 4*len(real))
	for i, v := range real {
		binary.LittleEndian.PutUint32(values.Data[4*i:], math.Float32bits(v))
	}
	return values
}
