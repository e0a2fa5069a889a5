package dicomio

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"oncovox/internal/whole"
)

// framesName is the artifact that has the digests of all frames, by series and file, so
// that an ingest which replaces this one need not decode the files that are the same.
//
// After framesMark comes a section for each series: its id, how many frames it has
// (uint32), their digest, and for each frame, sorted, that of its file, the Kind of its
// values and their digest. Little endian.
const framesName = "frames"

var framesMark = fmt.Sprintf("oncovox frames %d\n", Version)

const (
	sectionHead = 16 + 4 + 16
	frameRow    = 16 + 1 + 16
)

// unread is the offset of a slice whose values have not been decoded.
const unread = -1

func isUnread(s slice) bool { return s.pixels.offset == unread }

// A known is what the ingest before says of frames.
type known struct {
	file   *os.File
	series map[string]section // by id
}

type section struct {
	offset int64 // of its rows
	frames int
	sum    [16]byte // of its rows
}

// openKnown opens the frames of the finished ingest in the folder dir; nothing is known
// if there are none, or if another version of this package has decoded them.
func openKnown(dir string) *known {
	k := &known{series: map[string]section{}}
	if dir == "" {
		return k
	}
	f, err := os.Open(filepath.Join(dir, framesName))
	if err != nil {
		return k
	}
	k.file = f
	mark := make([]byte, len(framesMark))
	if _, err := f.ReadAt(mark, 0); err != nil || string(mark) != framesMark {
		return k
	}
	var b [sectionHead]byte
	for at := int64(len(mark)); ; {
		if _, err := f.ReadAt(b[:], at); err != nil {
			return k
		}
		s := section{offset: at + sectionHead, frames: int(binary.LittleEndian.Uint32(b[16:])), sum: [16]byte(b[20:])}
		k.series[string(b[:16])] = s
		at = s.offset + int64(s.frames)*frameRow
	}
}

// later reports whether the values of a frame of the series uid can wait: the ingest
// before has decoded that series, and may have decoded the same.
func (c *collector) later(uid string) bool {
	return c.only == nil && c.known.has(c.ids.id("series", uid))
}

func (k *known) close() {
	if k.file != nil {
		k.file.Close()
	}
}

// has reports whether the frames of the series id have been decoded.
func (k *known) has(id string) bool { return k.series[id].frames > 0 }

// recall gives the slices of the series id that are unread the digests of their values,
// if the series was made of the same files.
func (k *known) recall(id string, all []slice) bool {
	s := k.series[id]
	if s.frames != len(all) {
		return false
	}
	rows := make([]byte, s.frames*frameRow)
	if _, err := k.file.ReadAt(rows, s.offset); err != nil || digestOf(rows) != s.sum {
		return false
	}
	order := byFile(all)
	for i, at := range order {
		if [16]byte(rows[i*frameRow:]) != all[at].file {
			return false
		}
	}
	for i, at := range order {
		if p := &all[at].pixels; p.offset == unread {
			row := rows[i*frameRow:]
			p.kind, p.digest = Kind(row[16]), [16]byte(row[17:])
		}
	}
	return true
}

// byFile returns the indices of all, sorted by file and frame.
func byFile(all []slice) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &all[i], &all[j]
		return cmp.Or(bytes.Compare(a.file[:], b.file[:]), cmp.Compare(a.frame, b.frame))
	})
	return order
}

// keepSection puts the section of the series id into the spill.
func (sp *spill) keepSection(id string, all []slice) (at span, err error) {
	b := make([]byte, sectionHead, sectionHead+len(all)*frameRow)
	for _, i := range byFile(all) {
		b = append(b, all[i].file[:]...)
		b = append(b, byte(all[i].pixels.kind))
		b = append(b, all[i].pixels.digest[:]...)
	}
	copy(b, id)
	binary.LittleEndian.PutUint32(b[16:], uint32(len(all)))
	sum := digestOf(b[sectionHead:])
	copy(b[20:], sum[:])
	offset, err := sp.write(b)
	return span{int(offset), int(offset) + len(b)}, err
}

// writeFrames writes the artifact into dir, from the sections in the spill.
func (sp *spill) writeFrames(dir string, all []judged) error {
	f, err := whole.Create(filepath.Join(dir, framesName), 0o644)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.WriteString(framesMark); err != nil {
		return err
	}
	for _, j := range all {
		if _, err := io.Copy(f, io.NewSectionReader(sp, int64(j.frames.from), int64(j.frames.len()))); err != nil {
			return err
		}
	}
	return f.Commit()
}
