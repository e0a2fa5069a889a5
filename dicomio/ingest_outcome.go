package dicomio

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// Counts is ingest.json.
type Counts struct {
	Files    fileCounts     `json:"files"`
	Series   seriesCounts   `json:"series"`
	Volumes  int            `json:"volumes"`
	ByKind   map[string]int `json:"volumes_by_modality"`
	Lesions  int            `json:"lesions"`
	Labelled int            `json:"labelled_volumes"`
	Lesioned int            `json:"volumes_with_lesions"`
	Labels   labelCounts    `json:"labels"`
	Reasons  map[Reason]int `json:"refused_by_reason"` // series, parts and files
	Ignored  map[string]int `json:"ignored"`           // objects that ingest was not asked for
}

// seriesCounts says how the series ended, each in one way.
type seriesCounts struct {
	Total     int `json:"total"`
	Volume    int `json:"volume"`
	Corrected int `json:"corrected"`
	Split     int `json:"split"`
	Refused   int `json:"refused"`
}

// A Crossing is one row of crosswalk.jsonl: what an id stands for. The file is
// private.
type Crossing struct {
	Kind   string `json:"kind"` // "patient", "study", "series", "frame", "volume", "lesion", "label" or "file"
	ID     string `json:"id"`
	Source string `json:"source"` // patient ID, UID (with the number of the part, or of the ROI), or path
}

// An outcome is all that an ingest leaves beside the volumes themselves.
type outcome struct {
	cfg     Config
	ids     idMaker
	volumes []*placed
	labels  labelling
	refused []Refused
	lesions []lesion.Lesion
	cross   map[Crossing]bool
	counts  Counts
}

func newOutcome(found finding, all []judged, ids idMaker, cfg Config) *outcome {
	o := &outcome{cfg: cfg, ids: ids, cross: map[Crossing]bool{}}
	o.counts = Counts{Files: found.files, ByKind: map[string]int{}, Reasons: map[Reason]int{}, Ignored: found.ignored}
	var unused []*series
	for _, j := range all {
		o.judge(j)
		if j.verdict == verdictRefused {
			unused = append(unused, j.series)
		}
	}
	for _, b := range found.broken {
		id := ids.id("file", b.path)
		o.refuse(Refused{What: "file", ID: id, Reason: ReasonOf(b.err), Detail: detailOf(b.err)})
		o.cross[Crossing{"file", id, b.path}] = true
	}
	o.labels = label(found.sets, newAtlas(o.volumes, unused), cfg)
	for _, t := range o.labels.troubles {
		o.trouble(t)
	}
	return o
}

// judge takes in what became of a series.
func (o *outcome) judge(j judged) {
	s, n := j.series, &o.counts.Series
	n.Total++
	*map[string]*int{
		verdictVolume: &n.Volume, verdictCorrected: &n.Corrected, verdictSplit: &n.Split, verdictRefused: &n.Refused,
	}[j.verdict]++
	o.cross[Crossing{"series", o.ids.id("series", s.uid), s.uid}] = true
	o.cross[Crossing{"study", o.ids.id("study", s.study), s.study}] = true
	o.cross[Crossing{"patient", o.ids.patient(s.patient, s.study, s.uid), s.patient}] = true
	for _, r := range j.refused {
		o.refuse(r)
	}
	for _, b := range s.broken {
		o.cross[Crossing{"file", o.ids.id("file", b.path), b.path}] = true
	}
	for _, p := range j.volumes {
		o.volumes = append(o.volumes, p)
		o.counts.Volumes++
		o.counts.ByKind[p.record.Modality]++
		o.cross[Crossing{"volume", p.record.ID, s.uid + "/" + strconv.Itoa(p.part)}] = true
		if p.space != "" {
			o.cross[Crossing{"frame", p.record.Frame, p.space}] = true
		}
	}
}

func (o *outcome) refuse(r Refused) {
	o.refused = append(o.refused, r)
	o.counts.Reasons[r.Reason]++
}

// trouble reports a label object some parts of which found no place, a row a
// reason.
func (o *outcome) trouble(t trouble) {
	id := o.ids.id("label", t.set)
	o.cross[Crossing{"label", id, t.set}] = true
	if t.empty > 0 {
		o.refused = append(o.refused, Refused{
			What: "label", ID: id, Patient: o.ids.id("patient", t.patient), Reason: NoOutline, Detail: fmt.Sprintf("%d regions", t.empty),
		})
	}
	for _, reason := range t.reasons() {
		o.refused = append(o.refused, Refused{
			What: "label", ID: id, Patient: o.ids.id("patient", t.patient), Reason: reason,
			Detail: fmt.Sprintf("%d of %d contours, frames or marks", t.unplaced[reason], t.parts),
		})
	}
}

// write writes the artifacts into dir. It fails with stage.ErrRefused, after
// that, if more was refused than allowed.
func (o *outcome) write(dir string) error {
	for _, p := range o.volumes {
		if err := o.mask(dir, p); err != nil {
			return err
		}
	}
	rows := o.labels.records(o.volumes)
	for _, r := range rows {
		if r.Labelled {
			o.counts.Labelled++
		}
	}
	o.counts.Lesions, o.counts.Labels = len(o.lesions), o.labels.counts
	slices.SortFunc(o.refused, func(a, b Refused) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Detail, b.Detail))
	})
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, write := range []func() error{
		func() error { return volume.WriteRecords(at("volumes.jsonl"), rows) },
		func() error { return lesion.Write(at("lesions.jsonl"), o.lesions) },
		func() error { return jsonl.Write(at("refused.jsonl"), o.refused, 0o644) },
		func() error { return jsonl.WriteValue(at("ingest.json"), o.counts, 0o644) },
		func() error { return jsonl.Write(at("crosswalk.jsonl"), o.crosswalk(), 0o600) },
		func() error { return o.ids.write(at("key")) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return o.verdict()
}

// mask writes the mask of p, if it has lesions, and adds them to the rows.
func (o *outcome) mask(dir string, p *placed) error {
	regions := o.labels.regions[p]
	g, values := p.record.Geometry(), labels(regions)
	judged, painted := false, false
	for i, r := range regions {
		source, l := r.source(), r.body
		l.ID, l.Volume, l.Patient = o.ids.id("lesion", p.record.ID+"/"+source), p.record.ID, p.record.Patient
		l.Label, l.Ignore = values[i], r.ignore
		judged, painted = judged || !r.ignore, painted || l.Label > 0
		o.lesions = append(o.lesions, l)
		for _, s := range append(r.also, source) {
			o.cross[Crossing{"lesion", l.ID, s}] = true
		}
	}
	if judged {
		o.counts.Lesioned++
	}
	if !painted {
		return nil
	}
	_, err := volume.WriteMask(filepath.Join(dir, "masks", p.record.ID), paint(g, regions, values))
	return err
}

func (o *outcome) crosswalk() []Crossing {
	rows := make([]Crossing, 0, len(o.cross))
	for c := range o.cross {
		rows = append(rows, c)
	}
	slices.SortFunc(rows, func(a, b Crossing) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Source, b.Source))
	})
	return rows
}

// verdict compares what was refused with what may be: series, and files that
// belong to none that is known. Series that were never meant as volumes are left
// out of it, since every study has some; but an ingest of nothing else has failed.
func (o *outcome) verdict() error {
	refused, total := 0, o.counts.Series.Total
	for _, r := range o.refused {
		switch {
		case r.What == "file":
			refused++
			total++
		case r.What == "series" && (r.Reason == Localiser || r.Reason == Colour || r.Reason == TooFewSlices):
			total--
		case r.What == "series":
			refused++
		}
	}
	switch {
	case float64(refused) > float64(o.cfg.MaxRefused)*float64(total):
		return fmt.Errorf("%w: %d of %d series and stray files, max_refused allows a share of %.3g; refused.jsonl says why",
			stage.ErrRefused, refused, total, o.cfg.MaxRefused)
	case o.counts.Volumes == 0 && o.cfg.MaxRefused < 1:
		return fmt.Errorf("%w: not one volume came of %d series%s; ingest.json says what else there was", stage.ErrRefused, o.counts.Series.Total, o.reasons())
	}
	return nil
}

// reasons lists why series were refused and how often, as in " (localiser 3)".
func (o *outcome) reasons() string {
	var all []string
	for _, r := range slices.Sorted(maps.Keys(o.counts.Reasons)) {
		all = append(all, fmt.Sprintf("%s %d", r, o.counts.Reasons[r]))
	}
	if len(all) == 0 {
		return ""
	}
	return " (" + strings.Join(all, ", ") + ")"
}
