package eval

import (
	"cmp"
	"fmt"
	"slices"

	"oncovox/dataset"
	"oncovox/eval/metric"
)

// A scene is one entry of the gallery before it is drawn.
type scene struct {
	scan   int // index into the study's items
	title  string
	detail string
	truth  int // index into the scan's truths, -1 if none is meant
	mark   int // index into the scan's marks, -1 if none is meant
}

// scenes chooses the best hits, the largest missed lesions and the surest false
// detections of the detector, at most cfg.Gallery of each. A lesion counts as
// missed where no detection with a score of at least work finds it.
func (s *study) scenes(work float64) (hits, missed, wrong []scene) {
	type ranked struct {
		scene
		by float64
	}
	var h, m, w []ranked
	for i, match := range s.detector().pool.Matches {
		scan := match.Scan
		for t, k := range match.Found {
			truth := scan.Truths[t]
			switch {
			case truth.Ignore:
			case k >= 0 && scan.Marks[k].Score >= work:
				mark := scan.Marks[k]
				h = append(h, ranked{scene{i, fmt.Sprintf("Lesion of %.1f mm, score %.2f", truth.Diameter, mark.Score),
					fmt.Sprintf("detected at %.1f mm, centre off by %.1f mm", meanExtent(mark.Size), distance(truth.Centre, mark.Centre)), t, k}, mark.Score})
			default:
				m = append(m, ranked{scene{i, fmt.Sprintf("Lesion of %.1f mm", truth.Diameter), whyMissed(match, t, work), t, k}, truth.Diameter})
			}
		}
		for k, fate := range match.Fates {
			if fate == metric.False {
				w = append(w, ranked{scene{i, fmt.Sprintf("False detection of %.1f mm, score %.2f", meanExtent(scan.Marks[k].Size), scan.Marks[k].Score),
					nearestLesion(scan, k), -1, k}, scan.Marks[k].Score})
			}
		}
	}
	best := func(r []ranked) []scene {
		slices.SortStableFunc(r, func(a, b ranked) int { return cmp.Compare(b.by, a.by) })
		var out []scene
		for _, e := range r[:min(len(r), s.cfg.Gallery)] {
			out = append(out, e.scene)
		}
		return out
	}
	return best(h), best(m), best(w)
}

func whyMissed(m metric.Match, t int, work float64) string {
	if k := m.Found[t]; k >= 0 {
		return fmt.Sprintf("found only at score %.2f, below the threshold %.2f", m.Scan.Marks[k].Score, work)
	}
	near, at := -1, 0.0
	for k, mark := range m.Scan.Marks {
		if d := distance(mark.Centre, m.Scan.Truths[t].Centre); near < 0 || d < at {
			near, at = k, d
		}
	}
	if near < 0 {
		return "no detection in this scan"
	}
	return fmt.Sprintf("no detection hits it; the nearest is %.0f mm away, score %.2f", at, m.Scan.Marks[near].Score)
}

func nearestLesion(s metric.Scan, k int) string {
	if len(s.Truths) == 0 {
		return "no lesion in this scan"
	}
	at := distance(s.Truths[0].Centre, s.Marks[k].Centre)
	for _, t := range s.Truths[1:] {
		at = min(at, distance(t.Centre, s.Marks[k].Centre))
	}
	return fmt.Sprintf("the nearest lesion's centre is %.0f mm away", at)
}

// A tile is a drawn scene.
type tile struct {
	Title, Detail, Scan, Window, Alt string
	Panels                           []panel
}

// tiles draws scenes.
func (s *study) tiles(set *dataset.Set, scenes []scene) ([]tile, error) {
	var out []tile
	for _, sc := range scenes {
		scan := s.detector().pool.Matches[sc.scan].Scan
		f := frame{round: s.cfg.Match == matchSphere || s.cfg.Match == matchDistance}
		for t, truth := range scan.Truths {
			f.truths = append(f.truths, outline{truth.Centre, truth.Size, truth.Diameter})
			if t == sc.truth {
				f.centre, f.extent = truth.Centre, slices.Max(truth.Size[:])
			}
		}
		if sc.mark >= 0 {
			mark := scan.Marks[sc.mark]
			f.marks = []outline{{mark.Centre, mark.Size, meanExtent(mark.Size)}}
			if sc.truth < 0 {
				f.centre, f.extent = mark.Centre, slices.Max(mark.Size[:])
			}
		}
		if s.cfg.Match == matchMask { // as they were matched: detections without a mask keep their boxes
			var err error
			if f.truth, f.found, err = s.masks.read(s.items[sc.scan]); err != nil {
				return nil, err
			}
			f.truths = nil
			if f.found != nil {
				f.marks = nil
			}
		}
		t, err := s.draw(set, sc.scan, f, sc.title, sc.detail)
		if err != nil {
			return nil, err
		}
		out = append(out, t...)
	}
	return out, nil
}

// draw returns the frame of a scan as a tile; none where the scan cannot be read,
// on which no figure depends.
func (s *study) draw(set *dataset.Set, scan int, f frame, title, detail string) ([]tile, error) {
	it := s.items[scan]
	v, err := set.Volume(it.ID)
	if err != nil {
		s.unread = append(s.unread, it.ID)
		return nil, nil
	}
	g := newGreys(it, v)
	g.look(f.centre, f.extent)
	panels, err := f.draw(g)
	if err != nil {
		return nil, fmt.Errorf("volume %s: %v", it.ID, err)
	}
	return []tile{{Title: title, Detail: detail, Scan: "Scan " + it.ID[:min(8, len(it.ID))], Window: g.window(),
		Alt: title + ", " + detail, Panels: panels}}, nil
}

// outlines draws the lesions whose masks agree the least and the best, at most
// cfg.Gallery of each.
func (s *study) outlines(set *dataset.Set, g *Segmentation) (worst, best []tile, err error) {
	rows := slices.DeleteFunc(slices.Clone(g.ByLesion), func(m Segmented) bool { return m.Dice == nil })
	slices.SortStableFunc(rows, func(a, b Segmented) int { return cmp.Compare(*a.Dice, *b.Dice) })
	n := min(len(rows), s.cfg.Gallery)
	draw := func(m Segmented) ([]tile, error) {
		f := frame{centre: m.lesion.CentreLPSMM, extent: slices.Max(m.lesion.SizeMM[:])}
		if f.truth, f.found, err = s.masks.read(s.items[m.Scan-1]); err != nil {
			return nil, err
		}
		detail := "no part of the detector's mask touches it"
		if m.HD95 != nil {
			detail = fmt.Sprintf("HD95 %.1f mm, ASSD %.1f mm", *m.HD95, *m.ASSD)
		}
		return s.draw(set, m.Scan-1, f, fmt.Sprintf("Lesion of %.1f mm, Dice %.2f", m.lesion.DiameterMM, *m.Dice), detail)
	}
	for k := range n {
		low, err := draw(rows[k])
		if err != nil {
			return nil, nil, err
		}
		worst = append(worst, low...)
		if k < len(rows)-n { // none is among both
			high, err := draw(rows[len(rows)-1-k])
			if err != nil {
				return nil, nil, err
			}
			best = append(best, high...)
		}
	}
	return worst, best, nil
}

// A gallerySection is the pictures of one kind.
type gallerySection struct {
	Title, Words, Empty string
	Tiles               []tile
}

// outlineSections are the pictures of outlines, nil where there are none.
func (a *assessment) outlineSections() []gallerySection {
	if len(a.worst) == 0 {
		return nil
	}
	out := []gallerySection{{"Outlines that agree the least", "The lesions with the lowest Dice.", "", a.worst}}
	if len(a.best) > 0 {
		out = append(out, gallerySection{"Outlines that agree the most", "The lesions with the highest Dice.", "", a.best})
	}
	return out
}

// gallery is nil where there is no picture at all.
func (a *assessment) gallery() []gallerySection {
	at := fmt.Sprintf("at a score of at least %.2f (%s)", a.work.Threshold, a.work.Name)
	if a.work.Threshold > 1e300 {
		at = "at any score with at most one false positive per scan"
	}
	if len(a.hits)+len(a.missed)+len(a.wrong) == 0 {
		return nil
	}
	c := a.results[0].Counts
	hits := found(a.study.detector().pool, a.work.Threshold)
	// empty says why there is no picture of n lesions or detections.
	empty := func(n int, none string) string {
		if n > 0 {
			return "Their scans cannot be read."
		}
		return none
	}
	return []gallerySection{
		{"Best hits", "The lesions found with the highest scores.", empty(hits, "No lesion was found "+at+"."), a.hits},
		{"Missed lesions", "The largest lesions that were not found " + at + ".", empty(c.Lesions-hits, "No lesion was missed "+at+"."), a.missed},
		{"False detections", "The highest-scored detections that lie on no lesion.", empty(c.False, "There is no false detection."), a.wrong},
	}
}
