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
	file    *os.File
	size    atomic.Int64
	decoded atomic.Int64 // frames, by this run
}

// openSpill goes on after what is in the file at path, or makes it.
func openSpill(path string) (*spill, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("room for decoded slices: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("room for decoded slices: %w", err)
	}
	sp := &spill{file: f}
	sp.size.Store(info.Size())
	return sp, nil
}

// ReadAt reads from the spill file.
func (sp *spill) ReadAt(b []byte, offset int64) (int, error) { return sp.file.ReadAt(b, offset) }

// put decodes frame i of in and keeps its stored values, or the results of the
// Modality LUT where there is one. It fails with an *Error if the frame cannot be decoded.
func (sp *spill) put(in *Instance, i int, p *stored) error {
	return in.passStored(i, func(values Stored) error {
		if in.lut != nil {
			values = lookUp(in.lut, values)
		}
		sp.decoded.Add(1)
		return sp.keep(values.Kind, values.Data, p)
	})
}

// keep keeps stored values, little endian.
func (sp *spill) keep(kind Kind, values []byte, p *stored) error {
	p.describe(kind, values)
	var err error
	p.offset, err = sp.write(values)
	return err
}

// describe sets what p says of values but for where they are.
func (p *stored) describe(kind Kind, values []byte) {
	p.kind = kind
	sum := blake3.Sum256(values)
	copy(p.digest[:], sum[:])
}

// holds reports whether the spill is as long as bl wants.
func (sp *spill) holds(bl block) bool {
	return bl.offset >= 0 && bl.size >= 0 && bl.slices >= 0 && bl.offset+int64(bl.size) <= sp.size.Load()
}

// write appends b and returns where it is.
func (sp *spill) write(b []byte) (offset int64, err error) {
	size := int64(len(b))
	offset = sp.size.Add(size) - size
	if _, err := sp.file.WriteAt(b, offset); err != nil {
		return 0, fmt.Errorf("keeping decoded slices: %w", err)
	}
	return offset, nil
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
