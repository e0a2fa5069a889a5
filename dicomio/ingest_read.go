package dicomio

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	pathpkg "path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"oncovox/internal/stage"
)

// SOP classes (PS3.4 B.5) that hold labels, besides reports.
const (
	structureSetClass = "1.2.840.10008.5.1.4.1.1.481.3"
	segmentationClass = "1.2.840.10008.5.1.4.1.1.66.4"
	labelMapClass     = "1.2.840.10008.5.1.4.1.1.66.7"
)

func isSegmentation(class string) bool { return class == segmentationClass || class == labelMapClass }

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

// A file is one that may be DICOM, or holds what its form says.
type file struct {
	name   string // private
	bytes  []byte
	form   fileForm
	header *metaHeader // of a MetaImage whose voxels are elsewhere: in voxels
	voxels kept
}

// A kept is a file that waits in the spill.
type kept struct {
	offset int64
	size   int
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
	cfg   Config
	spill *spill

	stop context.CancelCauseFunc // with a fault

	mu     sync.Mutex
	series map[string]*series
	found  finding
	labels []*labelFile
	names  map[string]map[int][]string // of values of labels, by folder

	// Of the goroutine that scans alone.
	headers map[string]metaHeader // of MetaImages whose voxels are elsewhere, by file name
	voxels  map[string]kept       // files that may be their voxels
}

// read visits every file of sources once, and keeps the stored values of the
// slices in sp. A file that cannot be read is reported in the finding and ends
// nothing; read fails only if a source is missing, ctx is done or sp is full.
func read(ctx context.Context, sources []string, cfg Config, sp *spill, progress stage.Progress) (finding, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	c := &collector{
		cfg: cfg, spill: sp, stop: stop, series: map[string]*series{}, names: map[string]map[int][]string{},
		headers: map[string]metaHeader{}, voxels: map[string]kept{},
	}
	c.found.ignored = map[string]int{}
	files := make(chan file)
	var workers sync.WaitGroup
	for range cmp.Or(cfg.Workers, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for f := range files {
				c.add(f.name, len(f.bytes), c.open(&f))
			}
		})
	}
	visited := 0
	scan := func(sources []string, labelsOnly bool) error {
		return Scan(ctx, sources, DefaultLimits(), func(e *Entry) error {
			if visited++; visited%64 == 0 {
				progress.Report(visited, 0, "files read")
			}
			return c.visit(ctx, e, files, labelsOnly)
		})
	}
	err := scan(sources, false)
	if err == nil {
		err = scan(cfg.Labels, true)
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

// visit hands the file of e to the workers, if it may be DICOM or holds
// something else of use.
func (c *collector) visit(ctx context.Context, e *Entry, files chan<- file, labelsOnly bool) error {
	f := file{name: e.Name}
	if e.Err == nil && !hasPreamble(e.Head) {
		f.form = formOf(e.Name, e.Head)
	}
	image := f.form == metaImage || f.form == metaVoxels || f.form == niftiImage
	switch {
	case e.Err != nil:
	case labelsOnly && (image || f.form == unknownForm && !e.MaybeDICOM()):
		c.add(e.Name, 0, content{err: refuse(NotLabels,
			"neither DICOM, nor the XML of LIDC-IDRI, nor labelsTr/*.nii.gz, nor CSV with the columns %s", strings.Join(columns, ","))})
		return ctx.Err()
	case f.form == niftiOther:
		c.add(e.Name, 0, content{ignored: "NIfTI outside imagesTr, imagesTs and labelsTr"})
		return ctx.Err()
	case f.form == segFolder:
		c.add(e.Name, 0, content{ignored: "MetaImage in a folder seg-..."})
		return ctx.Err()
	case f.form == unknownForm && !e.MaybeDICOM():
		c.add(e.Name, 0, content{err: refuse(NotDICOM, "does not begin as DICOM does")})
		return ctx.Err()
	}
	var err error
	if f.bytes, err = e.Read(); err != nil {
		c.add(e.Name, 0, content{err: err})
		return ctx.Err()
	}
	switch {
	case f.form == metaVoxels:
		return c.keep(f)
	case f.form == metaImage && c.waits(f):
		return ctx.Err()
	}
	select {
	case files <- f:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// open finds out what a file holds, and keeps its slices in the spill.
func (c *collector) open(f *file) content {
	path := f.name
	if f.form != unknownForm {
		found := c.openForeign(f)
		found.form = f.form
		if found.err != nil && ReasonOf(found.err) == "" {
			return content{fault: found.err}
		}
		found.err = at(path, found.err)
		return found
	}
	in, err := ReadInstance(path, f.bytes)
	if in == nil {
		return content{err: err}
	}
	isImage := in.HasPixels || err != nil && in.Rows > 0 // a file may be cut off before its pixels
	switch {
	case err == nil && isSegmentation(in.SOPClass):
		set, err := parseSegmentation(in, c.cfg)
		return content{sets: []labelSet{set}, err: at(path, err)}
	case err != nil && (!isImage || isSegmentation(in.SOPClass)):
		return content{err: err}
	case in.SOPClass == structureSetClass:
		return content{sets: []labelSet{parseStructureSet(in, c.cfg)}}
	case strings.HasPrefix(in.SOPClass, reportClasses):
		set, measured, err := parseReport(in, c.cfg)
		if !measured {
			return content{ignored: "class " + standardUID(in.SOPClass)}
		}
		return content{sets: []labelSet{set}, err: at(path, err)}
	case !isImage:
		return content{ignored: "class " + standardUID(in.SOPClass)}
	case len(c.cfg.Modalities) > 0 && !slices.Contains(c.cfg.Modalities, in.Modality):
		return content{ignored: "modality " + codeString(in.Modality)}
	case in.Series == "":
		return content{err: refuse(NoSeriesUID, "an image without a series")}
	}
	s := newSeries(in)
	for i := 0; err == nil && i < in.Frames; i++ {
		var sl slice
		if sl, err = newSlice(in, i); err == nil {
			err = c.spill.put(in, i, &sl.pixels)
			s.slices = append(s.slices, sl)
		}
	}
	if err != nil {
		if ReasonOf(err) == "" {
			return content{fault: err}
		}
		s.slices, s.broken = nil, []brokenFile{{path, err}}
	}
	return content{series: s}
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

// standardUID returns uid if it is one of the standard's, and else "private":
// UIDs that institutions make up may lead back to them.
func standardUID(uid string) string {
	rest, standard := strings.CutPrefix(uid, "1.2.840.10008.")
	if !standard || len(uid) > 64 || strings.Trim(rest, "0123456789.") != "" {
		return "private"
	}
	return uid
}

// codeString returns s if it has the form of a modality, and else "unknown".
func codeString(s string) string {
	if s == "" || len(s) > 16 || strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return "unknown"
	}
	return s
}
