package dicomio

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/zeebo/blake3"

	"oncovox/volume"
)

// A journal says which frames lie decoded in the spill and which volumes are
// written, so that an interrupted ingest goes on instead of starting again. It
// only ever saves work: the sources are visited anew, and what it says is
// believed where the bytes that it speaks of have the digest that it gives.
// Several goroutines may use it.
//
// Volumes have a line each, and files a row of rowSize bytes at the place of
// their visit, so that none of it is in memory however many they are.
type journal struct {
	mu      sync.Mutex
	file    *os.File
	rows    *os.File
	volumes map[string]volumeDone // by id
}

// A fileRow is a file of the sources whose frames are in the spill, or that is
// there itself.
type fileRow struct {
	ID  [16]byte // digest of its name and its bytes
	At  block    // what is known of its slices
	Sum [16]byte // of the above and of the bytes of the block
}

// rowSize is that of a fileRow as it is written.
const rowSize = 16 + 16 + 16

// A volumeDone is a volume that is written, as made.jsonl has it too.
type volumeDone struct {
	ID      string        `json:"id"`
	Content string        `json:"content"` // digest of what it was made from
	Stored  volume.Stored `json:"stored"`
	Filled  bool          `json:"filled"`
}

// openJournal reads the journal at path, up to a line that was cut off, and goes on
// after it; or begins one.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &journal{file: f, volumes: map[string]volumeDone{}}
	if j.rows, err = os.OpenFile(filepath.Join(filepath.Dir(path), "files"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	good := int64(0)
	for r := bufio.NewReader(f); ; {
		b, err := r.ReadBytes('\n')
		var v volumeDone
		if err != nil || json.Unmarshal(b, &v) != nil {
			break
		}
		good += int64(len(b))
		j.volumes[v.ID] = v
	}
	if err := f.Truncate(good); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return j, nil
}

// close lets go of the journal's files.
func (j *journal) close() {
	j.file.Close()
	j.rows.Close()
}

// write adds a volume, which has been written before.
func (j *journal) write(v volumeDone) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.volumes[v.ID] = v
	return nil
}

// slices returns what an interrupted run has kept of visit number n, if it met
// the file id there.
func (j *journal) slices(n int, id [16]byte, sp *spill) ([]slice, block) {
	var b [rowSize]byte
	var row fileRow
	if _, err := j.rows.ReadAt(b[:], int64(n)*rowSize); err != nil {
		return nil, block{}
	}
	row.decode(b)
	if row.ID != id || !sp.holds(row.At) {
		return nil, block{}
	}
	all, raw, err := sp.facts(row.At)
	if err != nil || row.sum(raw) != row.Sum {
		return nil, block{}
	}
	return all, row.At
}

// done notes that the slices of visit number n, the file id, are in the spill.
func (j *journal) done(n int, id [16]byte, at block, raw []byte) error {
	row := fileRow{ID: id, At: at}
	row.Sum = row.sum(raw)
	b := row.encode()
	if _, err := j.rows.WriteAt(b[:], int64(n)*rowSize); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

func (r *fileRow) encode() (b [rowSize]byte) {
	copy(b[:], r.ID[:])
	binary.LittleEndian.PutUint64(b[16:], uint64(r.At.offset))
	binary.LittleEndian.PutUint32(b[24:], uint32(r.At.size))
	binary.LittleEndian.PutUint32(b[28:], uint32(r.At.slices))
	copy(b[32:], r.Sum[:])
	return b
}

func (r *fileRow) decode(b [rowSize]byte) {
	copy(r.ID[:], b[:])
	r.At.offset = int64(binary.LittleEndian.Uint64(b[16:]))
	r.At.size = int32(binary.LittleEndian.Uint32(b[24:]))
	r.At.slices = int32(binary.LittleEndian.Uint32(b[28:]))
	copy(r.Sum[:], b[32:])
}

// sum returns the digest of what r says and of the bytes that it speaks of.
func (r *fileRow) sum(raw []byte) [16]byte {
	b := r.encode()
	return digestOf(b[:rowSize-len(r.Sum)], raw)
}

// digestOf returns the first half of the digest of parts, one after the other.
func digestOf(parts ...[]byte) (d [16]byte) {
	h := blake3.New()
	for _, p := range parts {
		h.Write(p)
	}
	copy(d[:], h.Sum(nil))
	return d
}

// volume returns the volume id in the folder dir, if it is the one that an interrupted
// run has written, from that content.
func (j *journal) volume(id, dir, content string) (volumeDone, bool) {
	j.mu.Lock()
	v, ok := j.volumes[id]
	j.mu.Unlock()
	if !ok || v.Content != content {
		return v, false
	}
	digest, err := volume.Digest(filepath.Join(dir, id))
	return v, err == nil && digest == v.Stored.Digest
}

// restore sets p to the n values of an interrupted run at from, if they are there.
func (sp *spill) restore(from stored, n int, p *stored) bool {
	if from.kind < Uint8 || from.kind > Float64 || !sp.holds(block{offset: from.offset}) {
		return false
	}
	b := make([]byte, n*from.kind.Size())
	if _, err := sp.ReadAt(b, from.offset); err != nil {
		return false
	}
	var found stored
	found.describe(from.kind, b)
	if found.digest != from.digest {
		return false
	}
	p.kind, p.digest, p.offset = from.kind, from.digest, from.offset
	return true
}
