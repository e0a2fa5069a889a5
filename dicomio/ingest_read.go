package dicomio

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	pathpkg "path"
	"slices"
	"strings"
	"sync"

	"oncovox/internal/stage"
)

// A finding is what the sources hold, in an order that does not depend on
// which file was read first.
type finding struct {
	series  []*series      // by UID
	sets    []labelSet     // by UID or digest
	broken  []brokenFile   // of no series that is known, by path
	ignored map[string]int // objects that are neither images in demand nor labels, by what they are
	files   fileCounts
}

// fileCounts says what became of the files of the sources.
type fileCounts struct {
	Total    int   `json:"total"`
	DICOM    int   `json:"dicom"`
	Bytes    int64 `json:"dicom_bytes"`  // unpacked
	Images   int   `json:"other_images"` // MetaImage and NIfTI
	Labels   int   `json:"other_labels"` // CSV, XML and NIfTI
	NotDICOM int   `json:"not_dicom"`
	Broken   int   `json:"broken"` // of DICOM and of archives
}

// A content is what one file turned out to hold: one of its fields is set,
// beside form.
type content struct {
	form    fileForm // unknownForm for DICOM
	series  *series
	sets    []labelSet
	labels  *labelFile
	names   map[int][]string // of the values of labels
	ignored string
	err     error // an *Error
	fault   error // of this machine, such as a full disk
}

// A collector gathers what the workers read.
type collector struct {
	maker
	only *visits // nil for all

	stop context.CancelCauseFunc // with a fault

	mu     sync.Mutex
	series map[string]*series
	found  finding
	labels []*labelFile
	names  map[string]map[int][]string // of values of labels, by folder

	// Of the goroutine that scans alone.
	headers map[string]file // MetaImages whose voxels are elsewhere
	voxels  map[string]kept // files that may be their voxels
}

// read visits every file of sources once, and keeps the stored values of the slices in
// the spill, but for those of a series that the ingest before has made: they are unread,
// since nothing may have changed. With only, it visits nothing else, and keeps all of it.
// A file that cannot be read is reported in the finding and ends nothing; read fails only
// if a source is missing, ctx is done or the spill is full.
func (m maker) read(ctx context.Context, sources []string, progress stage.Progress, only *visits) (finding, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := &collector{
		maker: m, only: only, stop: stop, series: map[string]*series{}, names: map[string]map[int][]string{},
		headers: map[string]file{}, voxels: map[string]kept{},
	}
	c.found.ignored = map[string]int{}
	files := make(chan file)
	var workers sync.WaitGroup
	for range cap(m.hands) {
		workers.Go(func() {
			for f := range files {
				c.add(f.name, len(f.bytes), c.open(&f))
			}
		})
	}
	visited := 0
	scan := func(sources []string, labelsOnly bool) error {
		return m.disk.scan(ctx, sources, DefaultLimits(), func(e *Entry) error {
			if visited++; visited%64 == 0 {
				progress.Report(visited, 0, "files read")
			}
			if !only.has(visited) {
				return ctx.Err()
			}
			return c.visit(ctx, e, visited, files, labelsOnly)
		})
	}
	err := scan(sources, false)
	if err == nil && only == nil {
		err = scan(m.cfg.Labels, true)
	}
	if err == nil {
		err = c.pair(ctx, files)
	}
	close(files)
	workers.Wait()
	if err := cmp.Or(context.Cause(ctx), err); err != nil {
		return finding{}, err
	}
	progress.Report(visited, visited, "files read")
	return c.sorted(), nil
}

// add takes in what a file holds.
func (c *collector) add(path string, size int, f content) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := &c.found.files
	n.Total++
	if ReasonOf(f.err) == NotDICOM {
		n.NotDICOM++
		return
	}
	switch {
	case f.err != nil || f.ignored != "" && size == 0: // not even read
	case f.form == metaImage, f.form == metaVoxels, f.form == niftiImage:
		n.Images++
	case f.form != unknownForm:
		n.Labels++
	default:
		n.DICOM++
		n.Bytes += int64(size)
	}
	switch {
	case f.fault != nil:
		c.stop(f.fault)
	case f.err != nil:
		n.Broken++
		c.found.broken = append(c.found.broken, brokenFile{path, f.err})
	case f.labels != nil:
		c.labels = append(c.labels, f.labels)
	case f.names != nil:
		c.names[pathpkg.Dir(path)] = f.names
	case f.ignored != "":
		c.found.ignored[f.ignored]++
	case f.series == nil:
		c.found.sets = append(c.found.sets, f.sets...)
	default:
		n.Broken += len(f.series.broken)
		if known := c.series[f.series.uid]; known != nil {
			known.merge(f.series)
		} else {
			c.series[f.series.uid] = f.series
		}
	}
}

// sorted returns the finding in its order.
func (c *collector) sorted() finding {
	f := c.found
	for _, l := range c.labels {
		f.sets = append(f.sets, l.set(c.names[l.folder], c.cfg))
	}
	for _, uid := range slices.Sorted(maps.Keys(c.series)) {
		f.series = append(f.series, c.series[uid])
	}
	slices.SortFunc(f.broken, func(a, b brokenFile) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.err.Error(), b.err.Error()))
	})
	slices.SortFunc(f.sets, labelSet.compare)
	f.sets = slices.CompactFunc(f.sets, func(a, b labelSet) bool { return a.sop != "" && a.sop == b.sop })
	return f
}

// images returns the SOP Instance UIDs of the images that labels refer to.
func (f finding) images() map[string]bool {
	all := map[string]bool{}
	for _, set := range f.sets {
		for _, r := range set.rois {
			r.images(func(key string) {
				sop, _, _ := strings.Cut(key, "#")
				all[sop] = true
			})
		}
	}
	return all
}

// warn logs archives that could not be read to their end. Names within a source
// may hold those of patients, so only the source's own is shown.
func (f finding) warn(log *slog.Logger) {
	if log == nil {
		return
	}
	for _, b := range f.broken {
		switch reason := ReasonOf(b.err); reason {
		case BadArchive, ArchiveBomb, Unreadable:
			source, _, _ := strings.Cut(b.path, "/")
			log.Warn("part of a source could not be read", "source", source, "reason", string(reason), "detail", detailOf(b.err))
		}
	}
}
