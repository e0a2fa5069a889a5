package dicomio

import "errors"

type lut struct{}
type extent struct{}
type layout struct{ header []byte }

func walk(b []byte) (*layout, error)                     { return nil, errors.ErrUnsupported }
func parseHeader(b []byte) (Dataset, error)              { return Dataset{}, nil }
func facts(ds Dataset, lay *layout) *Instance            { return &Instance{} }
func (in *Instance) check() error                        { return nil }
func (in *Instance) frame(i int) Frame                   { return Frame{} }
func (in *Instance) stored(i int) (Stored, error)        { return Stored{}, nil }
func (in *Instance) rescaled(i int, dst []float32) error { return nil }
