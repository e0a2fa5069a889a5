package dicomio

import (
	"context"
	"errors"
	"sync"

	"oncovox/internal/stage"
)

// visits are those to some of the files of the sources. A nil one is all visits.
// Several goroutines may use it.
type visits struct {
	mu    sync.Mutex
	bits  []uint64 // by number
	owing [16]byte // of the files that were not met, one on the other
}

// add adds the visits to the files of slices.
func (v *visits) add(all []slice) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range all {
		word, bit := all[i].visit/64, uint64(1)<<(all[i].visit%64)
		for word >= len(v.bits) {
			v.bits = append(v.bits, 0)
		}
		if v.bits[word]&bit == 0 {
			v.bits[word] |= bit
			v.owe(all[i].file)
		}
	}
}

// has reports whether visit number n is among v.
func (v *visits) has(n int) bool {
	return v == nil || n/64 < len(v.bits) && v.bits[n/64]>>(n%64)&1 == 1
}

// met notes that the file id was met at a visit of v.
func (v *visits) met(id [16]byte) {
	if v != nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.owe(id)
	}
}

func (v *visits) owe(id [16]byte) {
	for i, b := range id {
		v.owing[i] ^= b
	}
}

// errChanged says that a second look at the sources found something else.
var errChanged = errors.New("the sources changed while they were read: the same command starts again")

// remake makes the series of results that need values which are unread: their files are
// read again, and decoded.
func (m maker) remake(ctx context.Context, sources []string, found *finding, results []judged, progress stage.Progress) error {
	var todo []*series
	var at []int
	byUID := map[string]*series{}
	for i, j := range results {
		if j.verdict == "" {
			todo, at = append(todo, j.series), append(at, i)
			byUID[j.series.uid] = j.series
			j.series.blocks = nil
		}
	}
	if len(todo) == 0 {
		return nil
	}
	second, err := m.read(ctx, sources, progress, m.again)
	if err != nil {
		return err
	}
	if m.again.owing != [16]byte{} {
		return errChanged
	}
	for _, t := range second.series {
		s := byUID[t.uid]
		s.blocks, s.broken = t.blocks, append(s.broken, t.broken...)
		found.files.Broken += len(t.broken)
	}
	made, err := m.makeAll(ctx, todo, progress)
	for i, j := range made {
		results[at[i]] = j
	}
	return err
}
