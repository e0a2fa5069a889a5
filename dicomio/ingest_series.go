package dicomio

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"oncovox/volume"
)

// The verdicts on a series.
const (
	verdictVolume    = "volume"
	verdictCorrected = "corrected"
	verdictSplit     = "split"
	verdictRefused   = "refused"
)

// A Refused is one row of refused.jsonl: what was left out, and why.
type Refused struct {
	What     string `json:"what"`               // "series", "part" of a split series, "file", or "label"
	ID       string `json:"id"`                 // keyed hash of the series' UID, the label's UID or the file's path
	Patient  string `json:"patient,omitempty"`  // keyed hash
	Modality string `json:"modality,omitempty"` // of a series
	Reason   Reason `json:"reason"`
	Detail   string `json:"detail"` // counts and measures, for a person
}

// A judged is what became of one series.
type judged struct {
	series  *series
	verdict string
	volumes []*placed
	refused []Refused
	frames  span // of its section, in the spill
}

// A maker makes volumes of series.
type maker struct {
	cfg     Config
	ids     idMaker
	disk    *disk
	spill   *spill
	journal *journal
	hands   hands
	dir     string          // where volumes go, one folder each
	images  map[string]bool // that labels refer to

	previous string                // folder of the ingest that this one replaces, or ""
	made     map[string]volumeDone // what that says of its volumes, by id
	known    *known                // what it says of frames
	again    *visits               // to the files of series that have slices which are unread but needed
}

// errUnread says that a series needs values that have not been decoded.
var errUnread = errors.New("unread slices")

// make brings a series to its end: its volumes are written, and what is refused
// has its reason. It fails only if this machine does, as when the disk is full. A series
// that needs values which are unread has no verdict yet, and its files are in m.again.
func (m maker) make(s *series) (judged, error) {
	all, err := m.spill.slices(s.blocks)
	if err != nil {
		return judged{}, err
	}
	j, err := m.judge(s, all)
	if errors.Is(err, errUnread) {
		m.again.add(all)
		return judged{series: s}, nil
	}
	if err == nil && len(s.broken) == 0 {
		j.frames, err = m.spill.keepSection(m.ids.id("series", s.uid), all)
	}
	s.blocks = nil
	return j, err
}

// judge is make for all slices of s.
func (m maker) judge(s *series, all []slice) (judged, error) {
	j := judged{series: s, verdict: verdictRefused}
	if slices.ContainsFunc(all, isUnread) && !m.known.recall(m.ids.id("series", s.uid), all) {
		return j, errUnread
	}
	refused := func(what string, err error) Refused {
		return Refused{
			What: what, ID: m.ids.id("series", s.uid), Patient: m.ids.patient(s.patient, s.study, s.uid),
			Modality: s.modality, Reason: ReasonOf(err), Detail: detailOf(err),
		}
	}
	unit, factor, err := "", 1.0, s.refusal()
	if err == nil {
		unit, factor, err = m.scale(s)
	}
	if err != nil {
		j.refused = []Refused{refused("series", err)}
		return j, nil
	}
	parts := split(slices.Clone(all))
	for i, p := range parts {
		made, err := m.part(s, p, i, len(parts), unit, factor)
		switch {
		case ReasonOf(err) != "":
			j.refused = append(j.refused, refused("part", err))
		case err != nil:
			return j, err
		default:
			j.volumes = append(j.volumes, made)
		}
	}
	switch {
	case len(j.volumes) == 0:
		j.refused = []Refused{combine(j.refused)}
	case len(parts) > 1:
		j.verdict = verdictSplit
	default:
		j.verdict = j.volumes[0].record.Verdict
	}
	return j, nil
}

// combine makes one refusal of those of all parts of a series: the most common
// reason, the first in the alphabet among equals.
func combine(parts []Refused) Refused {
	count := map[Reason]int{}
	for _, p := range parts {
		count[p.Reason]++
	}
	r := slices.MinFunc(parts, func(a, b Refused) int {
		if d := count[b.Reason] - count[a.Reason]; d != 0 {
			return d
		}
		return strings.Compare(string(a.Reason), string(b.Reason))
	})
	r.What = "series"
	if len(parts) > 1 {
		r.Detail = fmt.Sprintf("%d of %d parts; one: %s", count[r.Reason], len(parts), r.Detail)
	}
	return r
}

// scale returns the unit of the volumes of s, and what rescaled values are
// multiplied by.
func (m maker) scale(s *series) (unit string, factor float64, err error) {
	if s.pet == nil {
		return s.unit, 1, nil
	}
	factor, err = s.pet.suvFactor()
	switch {
	case err == nil:
		return "SUV", factor, nil
	case m.cfg.SUV == ifPossible && s.pet.Units == "BQML" && !s.pet.mixed:
		return "BQML", 1, nil
	}
	return "", 1, err
}

// part makes the volume of part i of n.
func (m maker) part(s *series, p part, i, n int, unit string, factor float64) (*placed, error) {
	st, err := layOut(p, m.cfg)
	if err != nil {
		return nil, err
	}
	id := m.ids.id("volume", s.uid+"/"+strconv.Itoa(i))
	done, err := m.write(id, st, s.modality, unit, factor)
	if err != nil {
		return nil, err
	}
	if unit == "" && st.slices[0].inverted {
		st.methods = append(st.methods, "monochrome1-inverted")
	}
	rec := volume.Record{
		ID:      id,
		Patient: m.ids.patient(s.patient, s.study, s.uid), Study: m.ids.id("study", s.study),
		Series: m.ids.id("series", s.uid), Frame: m.ids.id("frame", st.slices[0].space),
		Modality: s.modality, Unit: unit,
		Shape: st.Shape, SpacingMM: st.SpacingMM(), Affine: st.Affine,
		Verdict:          verdictVolume,
		SliceThicknessMM: s.thickness, Manufacturer: s.manufacturer,
	}
	if len(st.methods) > 0 {
		rec.Verdict = verdictCorrected
	}
	if n > 1 {
		rec.Verdict = verdictSplit
		st.methods = slices.Insert(st.methods, 0, p.method())
	}
	if done.Filled {
		st.methods = append(st.methods, "unmeasured-filled")
	}
	rec.Method = strings.Join(st.methods, ",")
	rec.DType, rec.Digest = done.Stored.DType, done.Stored.Digest
	return newPlaced(rec, s.uid, i, st, m.images), nil
}

// write writes the voxels of st as the volume id, unless an interrupted run has, or
// the ingest before has made it from the same.
func (m maker) write(id string, st *stack, modality, unit string, factor float64) (volumeDone, error) {
	content := st.content(modality, unit, factor)
	if done, ok := m.journal.volume(id, m.dir, content); ok {
		return done, nil
	}
	if done, ok := m.take(id, content); ok {
		return done, m.journal.write(done)
	}
	if slices.ContainsFunc(st.slices, isUnread) {
		return volumeDone{}, errUnread
	}
	workers, done := m.hands.more()
	defer done()
	r, err := st.render(m.spill, modality, unit, factor, workers)
	if err != nil {
		return volumeDone{}, err
	}
	kept, err := volume.WritePlanes(filepath.Join(m.dir, id), st.Geometry, modality, unit, workers, r.plane)
	if err != nil {
		return volumeDone{}, err
	}
	written := volumeDone{id, content, kept, r.filled}
	return written, m.journal.write(written)
}
