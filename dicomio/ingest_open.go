package dicomio

import (
	"context"
	"slices"
	"strings"
)

// SOP classes (PS3.4 B.5) that hold labels, besides reports.
const (
	structureSetClass = "1.2.840.10008.5.1.4.1.1.481.3"
	segmentationClass = "1.2.840.10008.5.1.4.1.1.66.4"
	labelMapClass     = "1.2.840.10008.5.1.4.1.1.66.7"
)

func isSegmentation(class string) bool { return class == segmentationClass || class == labelMapClass }

// A file is one that may be DICOM, or holds what its form says.
type file struct {
	name   string // private
	bytes  []byte
	form   fileForm
	header *metaHeader // of a MetaImage whose voxels are elsewhere: in voxels
	voxels kept

	id     [16]byte
	number int     // of the visit, from 1
	kept   []slice // that an interrupted run has kept of it
	block  block   // where they are
}

// identify sets what tells f from all files of other content. What is not DICOM goes
// by its name, and what a header refers to belongs to it.
func (f *file) identify() {
	if f.form == unknownForm {
		f.id = digestOf(f.bytes)
		return
	}
	f.id = digestOf([]byte(f.name), []byte{0}, f.voxels.digest[:], f.bytes)
}

// A kept is a file that waits in the spill.
type kept struct {
	offset int64
	size   int
	digest [16]byte
}

// visit hands the file of e to the workers, if it may be DICOM or holds
// something else of use.
func (c *collector) visit(ctx context.Context, e *Entry, number int, files chan<- file, labelsOnly bool) error {
	f := file{name: e.Name, number: number}
	if e.Err == nil && !hasPreamble(e.Head) {
		f.form = formOf(e.Name, e.Head)
	}
	if e.Err == nil {
		if why, ok := passedOver(e, f.form, labelsOnly); ok {
			c.add(e.Name, 0, why)
			return ctx.Err()
		}
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

// passedOver tells what is not worth reading by its first bytes, and why.
func passedOver(e *Entry, form fileForm, labelsOnly bool) (why content, ok bool) {
	image := form == metaImage || form == metaVoxels || form == niftiImage
	unknown := form == unknownForm && !e.MaybeDICOM()
	switch {
	case labelsOnly && (image || unknown):
		return content{err: refuse(NotLabels,
			"neither DICOM, nor the XML of LIDC-IDRI, nor labelsTr/*.nii.gz, nor CSV with the columns %s", strings.Join(columns, ","))}, true
	case form == niftiOther:
		return content{ignored: "NIfTI outside imagesTr, imagesTs and labelsTr"}, true
	case form == segFolder:
		return content{ignored: "MetaImage in a folder seg-..."}, true
	case unknown:
		return content{err: refuse(NotDICOM, "does not begin as DICOM does")}, true
	}
	return content{}, false
}

// recall finds what an interrupted run has kept of f.
func (c *collector) recall(f *file) {
	f.identify()
	f.kept, f.block = c.journal.slices(f.number, f.id, c.spill)
	c.only.met(f.id)
}

// open finds out what a file holds, and keeps its slices in the spill.
func (c *collector) open(f *file) content {
	c.recall(f)
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
	var all []slice
	for i := 0; err == nil && i < in.Frames; i++ {
		var sl slice
		if sl, err = newSlice(in, i); err == nil {
			switch {
			case i < len(f.kept) && c.spill.restore(f.kept[i].pixels, sl.rows*sl.cols, &sl.pixels):
			case c.later(in.Series):
				sl.pixels.offset = unread
			default:
				err = c.spill.put(in, i, &sl.pixels)
			}
			all = append(all, sl)
		}
	}
	if err == nil {
		err = c.note(f, s, all)
	}
	if err != nil {
		if ReasonOf(err) == "" {
			return content{fault: err}
		}
		s.broken = []brokenFile{{path, err}}
	}
	return content{series: s}
}

// note keeps what is known of the slices of s, all of f, beside their pixels, and
// notes in the journal that they are there.
func (c *collector) note(f *file, s *series, all []slice) error {
	for i := range all {
		all[i].file, all[i].visit = f.id, f.number
	}
	if !slices.Equal(all, f.kept) {
		var raw []byte
		var err error
		if f.block, raw, err = c.spill.keepFacts(all); err != nil {
			return err
		}
		if err := c.journal.done(f.number, f.id, f.block, raw); err != nil {
			return err
		}
	}
	s.blocks = append(s.blocks, f.block)
	return nil
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
