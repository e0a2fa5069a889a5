package dicomio

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/zeebo/blake3"

	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// An idMaker turns UIDs, patient IDs and paths of the source into ids that do
// not lead back without the key: the first 64 bits of a keyed hash.
type idMaker struct{ key [32]byte }

// newIDMaker takes the key from cfg.KeyFile, or else makes one of the seed. Ids
// from a seed only are safe from those who do not know the seed.
func newIDMaker(cfg Config, env stage.Env) (idMaker, error) {
	var m idMaker
	if cfg.KeyFile == "" {
		var seed [8]byte
		binary.LittleEndian.PutUint64(seed[:], uint64(env.Seed))
		blake3.DeriveKey("oncovox ingest: key of ids, from a seed", seed[:], m.key[:])
		return m, nil
	}
	b, err := os.ReadFile(cfg.KeyFile)
	if err != nil {
		return m, fmt.Errorf("%w: key_file: %w", stage.ErrConfig, err)
	}
	if len(b) != len(m.key) {
		return m, fmt.Errorf("%w: key_file %s: %d bytes, want %d", stage.ErrConfig, cfg.KeyFile, len(b), len(m.key))
	}
	copy(m.key[:], b)
	return m, nil
}

// id returns the id of a thing of one kind, 16 hexadecimal digits; "" for "".
func (m idMaker) id(kind, source string) string {
	if source == "" {
		return ""
	}
	h, err := blake3.NewKeyed(m.key[:])
	if err != nil {
		panic("dicomio: idMaker: " + err.Error()) // the key has the one right length
	}
	h.WriteString(kind)
	h.WriteString("\x00")
	h.WriteString(source)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// patient returns the id of a patient; a series that names none is a patient of
// its own study.
func (m idMaker) patient(patientID, study, series string) string {
	switch {
	case patientID != "":
		return m.id("patient", patientID)
	case study != "":
		return m.id("patient of study", study)
	}
	return m.id("patient of series", series)
}

// write keeps the key for those who may lead ids back.
func (m idMaker) write(path string) error {
	return whole.WriteFile(path, m.key[:], 0o600)
}
