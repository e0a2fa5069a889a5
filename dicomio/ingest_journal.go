package dicomio

import (
	"bufio"
	"bytes"
	"encoding/hex"
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
type journal struct {
	mu      sync.Mutex
	file    *os.File
	files   map[int]fileDone // by number of the visit; of the interrupted run
	volumes map[string]volumeDone
}

// A fileDone is a file of the sources whose frames are in the spill, or that is
// there itself.
type fileDone struct {
	Number int         `json:"number"` // of the visit
	Name   string      `json:"name"`   // digest of its name
	Size   int         `json:"size"`
	Frames []keptFrame `json:"frames"`
}

// A keptFrame is where values lie in the spill.
type keptFrame struct {
	Offset int64  `json:"offset"`
	Kind   Kind   `json:"kind"`
	Digest string `json:"digest"` // hexadecimal
}

// A volumeDone is a volume that is written.
type volumeDone struct {
	ID     string        `json:"id"`
	Stored volume.Stored `json:"stored"`
	Filled bool          `json:"filled"`
}

// A journalLine is one line of the journal: one of its fields.
type journalLine struct {
	File   *fileDone   `json:"file,omitempty"`
	Volume *volumeDone `json:"volume,omitempty"`
}

// openJournal reads the journal at path, up to a line that was cut off, and goes on
// after it; or begins one.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &journal{file: f, files: map[int]fileDone{}, volumes: map[string]volumeDone{}}
	good := int64(0)
	for r := bufio.NewReader(f); ; {
		b, err := r.ReadBytes('\n')
		var line journalLine
		if err != nil || json.Unmarshal(b, &line) != nil {
			break
		}
		good += int64(len(b))
		if line.File != nil {
			j.files[line.File.Number] = *line.File
		}
		if line.Volume != nil {
			j.volumes[line.Volume.ID] = *line.Volume
		}
	}
	if err := f.Truncate(good); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return j, nil
}

// write adds a line. What it speaks of has been written before.
func (j *journal) write(line journalLine) error {
	b, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// frames returns what an interrupted run has kept of visit number n, if it met
// the same file there.
func (j *journal) frames(n int, name string, size int) []keptFrame {
	if d, ok := j.files[n]; ok && d.Name == nameDigest(name) && d.Size == size {
		return d.Frames
	}
	return nil
}

// done notes that the frames of a file are in the spill.
func (j *journal) done(n int, name string, size int, frames []keptFrame) error {
	return j.write(journalLine{File: &fileDone{n, nameDigest(name), size, frames}})
}

func nameDigest(name string) string {
	sum := blake3.Sum256([]byte(name))
	return hex.EncodeToString(sum[:8])
}

// volume returns the volume id in the folder dir, if it is the one that an interrupted
// run has written.
func (j *journal) volume(id, dir string) (volumeDone, bool) {
	v, ok := j.volumes[id]
	if !ok {
		return v, false
	}
	digest, err := volume.Digest(filepath.Join(dir, id))
	return v, err == nil && digest == v.Stored.Digest
}

// kept returns where p lies.
func (p *stored) kept() keptFrame {
	return keptFrame{p.offset, p.kind, hex.EncodeToString(p.digest[:])}
}

// restore sets p to the n values at e, if they are there.
func (sp *spill) restore(e keptFrame, n int, p *stored) bool {
	if e.Kind < Uint8 || e.Kind > Float64 {
		return false
	}
	b := make([]byte, n*e.Kind.Size())
	if _, err := sp.ReadAt(b, e.Offset); err != nil {
		return false
	}
	var found stored
	found.describe(e.Kind, b)
	want, err := hex.DecodeString(e.Digest)
	if err != nil || !bytes.Equal(found.digest[:], want) {
		return false
	}
	p.kind, p.digest, p.offset = e.Kind, found.digest, e.Offset
	return true
}
