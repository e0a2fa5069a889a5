package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// An Unread is the scans that the detector could not read. In all other figures
// they count as scans without detections.
type Unread struct {
	Scans     int            `json:"scans"`
	Lesions   int            `json:"lesions"`               // judged ones in them, which count as missed
	Reasons   map[string]int `json:"reasons"`               // scans by reason: missing, unreadable, unusable, or given
	Figures   []Figure       `json:"figures"`               // of the detector on the scans that it read
	Points    []Point        `json:"operating_points"`      // the same
	Working   Point          `json:"working_point"`         // the same
	Undefined string         `json:"not_defined,omitempty"` // why there are no figures
}

// readFailed reads which scans the stage in dir gave no answer to. found holds
// its answers by scan.
func (s *study) readFailed(dir string, known map[string]bool, found map[string][]metric.Mark) error {
	path := filepath.Join(dir, stage.FailedFile)
	rows, err := jsonl.Read[stage.Failed](path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	failed := map[string]string{}
	for i, f := range rows {
		switch {
		case !known[f.Volume]:
			return fmt.Errorf("%s: row %d: volume %.40q is not in the dataset: evaluate with the dataset that was predicted on", path, i+1, f.Volume)
		case len(found[f.Volume]) > 0:
			return fmt.Errorf("%s: row %d: volume %.40q has detections, although it could not be read", path, i+1, f.Volume)
		}
		failed[f.Volume] = f.Reason
	}
	for _, it := range s.items {
		if reason, ok := failed[it.ID]; ok {
			s.failed[it.ID] = reason
		}
	}
	return nil
}

// withoutUnread measures the detector on the scans that it read; nil where it
// read all.
func (s *study) withoutUnread(points []Point, work Point, seed int64) *Unread {
	if len(s.failed) == 0 {
		return nil
	}
	u := &Unread{Scans: len(s.failed), Reasons: map[string]int{}, Figures: []Figure{}, Points: []Point{}}
	for _, reason := range s.failed {
		u.Reasons[reason]++
	}
	read := *s
	read.items = slices.DeleteFunc(slices.Clone(s.items), func(it dataset.Item) bool { return s.failed[it.ID] != "" })
	var scans []metric.Scan
	for _, scan := range scansOf(s.detector().pool) {
		if s.failed[scan.ID] == "" {
			scans = append(scans, scan)
			continue
		}
		for _, t := range scan.Truths {
			if !t.Ignore {
				u.Lesions++
			}
		}
	}
	if len(scans) == 0 {
		u.Undefined = "no scan was read"
		return u
	}
	m := *s.detector()
	m.pool = metric.NewPool(scans, s.cfg.rule())
	read.methods = []*method{&m}
	r, judged := read.measure(&m, append(slices.Clip(points), work), work.Threshold, seed)
	u.Figures = r.Figures
	u.Points, u.Working = judged[:len(points)], judged[len(points)]
	return u
}

// unreadRows sets the figures on all scans beside those on the scans that the
// detector read.
func (a *assessment) unreadRows() [][3]string {
	u, d := a.unread, a.results[0]
	if u.Undefined != "" {
		return nil
	}
	var rows [][3]string
	if w := a.judgedWork(); w != nil {
		row := func(p Point) string {
			return fmt.Sprintf("%d of %d, %s false alarms per scan", p.Found, p.Lesions, orDash(p.FPPerScan, "%.2f"))
		}
		rows = append(rows, [3]string{"Lesions found at the threshold for " + w.Name, row(*w), row(u.Working)})
	}
	on := &Result{Figures: u.Figures}
	for _, key := range []string{"sensitivity_1fp", "cpm", "ap", "auc"} {
		f := d.Figure(key)
		rows = append(rows, [3]string{f.Title, spread(f), spread(on.Figure(key))})
	}
	return rows
}

// why says in words for which reasons scans were not read.
func (u *Unread) why() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(u.Reasons)) {
		parts = append(parts, fmt.Sprintf("%d %s", u.Reasons[reason], reason))
	}
	return strings.Join(parts, ", ")
}
