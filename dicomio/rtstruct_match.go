package dicomio

import (
	"log/slog"
	"maps"
	"slices"

	"oncovox/volume"
)

// labelCounts says what became of the label objects of an ingest. Segments
// and findings count as ROIs.
type labelCounts struct {
	Objects   map[string]int `json:"objects"`                 // by kind
	Unmatched int            `json:"unmatched_label_objects"` // that have ROIs, but none that is a lesion
	ROIs      int            `json:"lesion_rois"`
	OtherROIs int            `json:"other_rois"`
	LostROIs  int            `json:"lost_rois"`      // lesion ROIs of which nothing found a place
	EmptyROIs int            `json:"empty_rois"`     // of these, those without a contour or a pixel
	Merged    int            `json:"merged_lesions"` // that another label object shows too
	Contours  int            `json:"contours"`       // of lesion ROIs
	Frames    int            `json:"frames"`         // of lesion segments
	Marks     int            `json:"marks"`          // lesions without voxels
	Placed    int            `json:"placed"`         // contours, frames and marks
	Unplaced  map[Reason]int `json:"unplaced"`
}

// A labelling is what the label objects say of the volumes.
type labelling struct {
	counts   labelCounts
	regions  map[*placed][]region
	labelled map[*placed]bool // a label object covers it, and has lesions in it or none at all
	troubles []trouble
	matched  bool // some ROI has the name of a lesion
}

// A trouble is one label object some parts of which found no place.
type trouble struct {
	set      string // SOP Instance UID; private
	patient  string // private
	unplaced map[Reason]int
	parts    int // contours, frames and marks
	empty    int // regions without any
}

// An atlas finds the volumes that a label object speaks of.
type atlas struct {
	bySeries map[string][]*placed
	bySpace  map[string][]*placed
	bySOP    map[string][]*placed
	unused   map[string]bool // series that were refused
}

func newAtlas(volumes []*placed, refused []*series) atlas {
	a := atlas{map[string][]*placed{}, map[string][]*placed{}, map[string][]*placed{}, map[string]bool{}}
	for _, p := range volumes {
		a.bySeries[p.series] = append(a.bySeries[p.series], p)
		if p.space != "" {
			a.bySpace[p.space] = append(a.bySpace[p.space], p)
		}
		for sop := range p.bySOP {
			a.bySOP[sop] = append(a.bySOP[sop], p)
		}
	}
	for _, s := range refused {
		a.unused[s.uid] = true
	}
	return a
}

// volumesOf returns the volumes that set was drawn on: of the series that it
// names, or that hold images which its contours or frames name; and failing both, of the
// one series in its frame of reference, if there is just one.
func (a atlas) volumesOf(set labelSet) (found []*placed, missing Reason) {
	missing = NoSeries
	add := func(all []*placed) {
		for _, p := range all {
			if !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	for _, uid := range set.series {
		add(a.bySeries[uid])
		if a.unused[uid] {
			missing = SeriesUnused
		}
	}
	for _, r := range set.rois {
		r.images(func(sop string) { add(a.bySOP[sop]) })
	}
	if near := a.bySpace[set.space]; len(found) == 0 && missing == NoSeries && len(near) > 0 {
		if !slices.ContainsFunc(near, func(p *placed) bool { return p.series != near[0].series }) {
			add(near)
		}
	}
	return found, missing
}

// label draws every label object on its volumes.
func label(sets []labelSet, a atlas, cfg Config) labelling {
	l := labelling{regions: map[*placed][]region{}, labelled: map[*placed]bool{}}
	l.counts = labelCounts{Objects: map[string]int{}, Unplaced: map[Reason]int{}}
	segmented := map[string]bool{}
	for _, set := range sets {
		segmented[set.sop] = set.kind == segmentation
	}
	doubtful := map[*placed]bool{} // a label object covers it, but its lesions are lost or elsewhere
	for _, set := range sets {
		set.rois = slices.DeleteFunc(slices.Clone(set.rois), func(r roi) bool { // the segment itself is the lesion
			return r.mark != nil && r.mark.where == inSegment && segmented[r.mark.image]
		})
		volumes, missing := a.volumesOf(set)
		if set.kind == report && set.named == 0 {
			volumes = nil // it may be of anything; a report without a lesion calls no scan healthy
		}
		t := trouble{set: set.sop, patient: set.patient, unplaced: map[Reason]int{}}
		l.counts.Objects[set.kind.String()]++
		l.matched = l.matched || set.named > 0
		if set.named == 0 && set.others > 0 {
			l.counts.Unmatched++
		}
		drawn := map[*placed]int{}
		for _, p := range volumes {
			drawn[p] = -len(l.regions[p])
		}
		for _, r := range set.rois {
			if !l.draw(set, r, volumes, missing, &t, cfg) {
				l.counts.LostROIs++
			}
			l.add(r, &t)
		}
		l.counts.ROIs += len(set.rois)
		l.counts.OtherROIs += set.others
		for _, p := range volumes {
			if len(set.rois) == 0 || drawn[p]+len(l.regions[p]) > 0 {
				l.labelled[p] = true
			} else {
				doubtful[p] = true
			}
		}
		l.count(t)
	}
	for p := range doubtful { // a scan whose only lesions are lost is not one without lesions, whoever else says so
		if len(l.regions[p]) == 0 {
			delete(l.labelled, p)
		}
	}
	for p, all := range l.regions {
		var merged int
		l.regions[p], merged = merge(all)
		l.counts.Merged += merged
	}
	return l
}

// draw draws r on volumes and reports whether it found a place in any. A
// contour, a frame or a mark is placed if it is in one of them.
func (l *labelling) draw(set labelSet, r roi, volumes []*placed, missing Reason, t *trouble, cfg Config) bool {
	best := make([]Reason, r.parts())
	for i := range best {
		best[i] = missing
	}
	found := false
	for n, p := range volumes {
		if r.mark != nil {
			body, reason := p.place(*r.mark)
			if n == 0 || best[0] != "" {
				best[0] = reason
			}
			if reason == "" {
				found = true
				l.regions[p] = append(l.regions[p], region{kind: set.kind, set: set.sop, number: r.number, ignore: r.ignore, body: body})
			}
			continue
		}
		voxels, reasons := p.draw(r)
		for i, reason := range reasons {
			if n == 0 || best[i] != "" {
				best[i] = reason
			}
		}
		if len(voxels) == 0 {
			continue
		}
		found = true
		pieces := [][]int{voxels}
		if cfg.SplitComponents || set.pieces {
			pieces = components(p.record.Geometry(), voxels)
		}
		for i, piece := range pieces {
			l.regions[p] = append(l.regions[p], region{
				kind: set.kind, set: set.sop, number: r.number, piece: i, ignore: r.ignore, voxels: piece, body: measure(p.record.Geometry(), piece),
			})
		}
	}
	for _, reason := range best {
		if reason != "" {
			t.unplaced[reason]++
		}
	}
	return found
}

// add counts the parts of r.
func (l *labelling) add(r roi, t *trouble) {
	l.counts.Contours += len(r.contours)
	l.counts.Frames += len(r.frames)
	if r.mark != nil {
		l.counts.Marks++
	}
	t.parts += r.parts()
	if r.parts() == 0 {
		t.empty++
		l.counts.EmptyROIs++
	}
}

// warn logs how many label objects have regions but no lesion: their scans count
// as healthy, as they also would if roi lacked a pattern.
func (l *labelling) warn(log *slog.Logger) {
	if log == nil || l.counts.Unmatched == 0 {
		return
	}
	text := "label objects without a region that matches roi: their scans count as healthy"
	if !l.matched {
		text = "no region matches roi: every labelled scan counts as healthy; set roi"
	}
	all := 0
	for _, n := range l.counts.Objects {
		all += n
	}
	log.Warn(text, "label_objects", l.counts.Unmatched, "of", all)
}

func (l *labelling) count(t trouble) {
	l.counts.Placed += t.parts
	for reason, n := range t.unplaced {
		l.counts.Placed -= n
		l.counts.Unplaced[reason] += n
	}
	if len(t.unplaced) > 0 || t.empty > 0 {
		l.troubles = append(l.troubles, t)
	}
}

// records returns the rows of volumes, with what the labels say of each.
func (l *labelling) records(volumes []*placed) []volume.Record {
	rows := make([]volume.Record, len(volumes))
	for i, p := range volumes {
		rows[i] = p.record
		rows[i].Labelled = l.labelled[p]
	}
	return rows
}

// reasons returns the reasons of t in their order.
func (t trouble) reasons() []Reason { return slices.Sorted(maps.Keys(t.unplaced)) }
