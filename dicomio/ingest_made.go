package dicomio

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/zeebo/blake3"

	"oncovox/internal/jsonl"
	"oncovox/volume"
)

// madeName is the artifact that says from what each volume was made, so that an
// ingest which replaces this one makes only those anew whose scan has changed.
const madeName = "made.jsonl"

// content returns the digest of all that decides the voxels that st becomes, and how
// they are written.
func (st *stack) content(modality, unit string, factor float64) string {
	h := blake3.New()
	fmt.Fprintln(h, Version, modality, unit, factor, st.Geometry, st.planes, st.straight, st.lean, st.first, st.rows, st.cols, st.slices[0].inverted)
	for _, s := range st.slices {
		p := s.pixels
		p.offset = 0 // where they wait is no part of it
		fmt.Fprintln(h, p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// openMade returns what the finished ingest in the folder dir says of its volumes,
// by id; nothing if there is none, or one that cannot be read.
func openMade(dir string) map[string]volumeDone {
	made := map[string]volumeDone{}
	if dir == "" {
		return made
	}
	rows, err := jsonl.Read[volumeDone](filepath.Join(dir, madeName))
	if err != nil {
		return made
	}
	for _, v := range rows {
		made[v.ID] = v
	}
	return made
}

// take puts the volume id of the ingest before into the volumes of this one, if it
// was made from the same content and is what was written. It is linked where the
// file system can, and else left to be made again.
func (m maker) take(id, content string) (volumeDone, bool) {
	done, ok := m.made[id]
	if !ok || done.Content != content {
		return done, false
	}
	from, to := filepath.Join(m.previous, "volumes", id), filepath.Join(m.dir, id)
	if digest, err := volume.Digest(from); err != nil || digest != done.Stored.Digest {
		return done, false
	}
	// A volume is made in place: the journal speaks of it once it is whole.
	err := errors.Join(os.RemoveAll(to), os.MkdirAll(filepath.Join(to, "c", "0", "0"), 0o755))
	for _, name := range []string{"zarr.json", "c/0/0/0"} {
		err = errors.Join(err, os.Link(filepath.Join(from, name), filepath.Join(to, name)))
	}
	return done, err == nil
}

// writeMade writes the artifact, from the journal, into dir.
func (j *journal) writeMade(dir string) error {
	return jsonl.Write(filepath.Join(dir, madeName), slices.SortedFunc(maps.Values(j.volumes), func(a, b volumeDone) int {
		return cmp.Compare(a.ID, b.ID)
	}), 0o644)
}
