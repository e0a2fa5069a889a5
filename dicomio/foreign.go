package dicomio

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"oncovox/volume"
)

// A form is what a file that is not DICOM holds.
type fileForm int

const (
	unknownForm fileForm = iota
	lunaCSV              // seriesuid,coordX,coordY,coordZ,diameter_mm
	seriesCSV            // UIDs of series that were looked at, one a line
	lidcXML
	metaImage   // a MetaImage header, with its voxels (.mha) or without (.mhd)
	metaVoxels  // the voxels of a .mhd
	niftiImage  // of a folder imagesTr or imagesTs, or given by name
	niftiLabels // of a folder labelsTr
	niftiOther
	datasetNames // the dataset.json beside labelsTr
	segFolder    // volumes that are masks: LUNA16's seg-lungs-LUNA16
)

var (
	metaStart  = regexp.MustCompile(`^(ObjectType|ObjectSubType|NDims|Comment)[ \t]*=`)
	magicNIfTI = [][]byte{[]byte("n+1\x00"), []byte("ni1\x00"), []byte("n+2\x00")}
)

// formOf tells what a file holds by its first bytes; where these leave it open,
// as for bare voxels, by its name, and in the sets of the Medical Segmentation
// Decathlon and of nnU-Net, by its folder.
func formOf(name string, head []byte) fileForm {
	base, folder := strings.ToLower(path.Base(name)), path.Base(path.Dir(name))
	switch {
	case metaStart.Match(head):
		if strings.HasPrefix(folder, "seg-") {
			return segFolder
		}
		return metaImage
	case strings.HasSuffix(base, ".raw"), strings.HasSuffix(base, ".zraw"):
		if strings.HasPrefix(folder, "seg-") {
			return segFolder
		}
		return metaVoxels
	case len(head) >= 348 && slices.ContainsFunc(magicNIfTI, func(m []byte) bool { return bytes.Equal(head[344:348], m) }),
		len(head) >= 8 && string(head[4:8]) == "n+2\x00":
		switch {
		case folder == "imagesTr", folder == "imagesTs", folder == ".":
			return niftiImage
		case folder == "labelsTr":
			return niftiLabels
		}
		return niftiOther
	case base == "dataset.json":
		return datasetNames
	}
	return annotationOf(name, head)
}

// openForeign finds out what a file of a form other than DICOM holds.
func (c *collector) openForeign(f *file) (found content) {
	name := caseName(f.name)
	var all []slice
	switch f.form {
	case metaImage:
		name = path.Base(name) // as the lists of LUNA16 have it
		var g grid
		if g, found.err = c.openMeta(f); found.err == nil {
			all, found.err = c.foreignSlices(name, g, f.kept)
		}
	case niftiImage:
		found.err = niftiGrids(f.bytes, func(i, n int, g grid) error {
			planes, err := c.foreignSlices(name, g, f.kept[min(len(all), len(f.kept)):])
			for k := range planes {
				if planes[k].frame, planes[k].order = len(all)+k, len(all)+k; n > 1 {
					planes[k].phase.dimension = strconv.Itoa(i + 1)
				}
			}
			all = append(all, planes...)
			return err
		})
	case niftiLabels:
		found.labels, found.err = parseLabelFile(f.name, f.bytes)
		return found
	case datasetNames:
		if found.names = parseNames(f.bytes); found.names == nil {
			found.err = refuse(NotDICOM, "a dataset.json without labels")
		}
		return found
	default:
		found.sets, found.err = parseAnnotation(f.form, f.name, f.bytes)
		return found
	}
	if found.err == nil {
		found.series = c.foreignSeries(name)
		found.err = c.note(f, found.series, all)
	}
	return found
}

// A grid is a volume of a file that is not DICOM, plane after plane.
type grid struct {
	volume.Geometry
	kind   Kind
	voxels []byte // little endian, C order
	inFile int64  // where voxels lie in the spill already, or -1
}

// foreignSeries is the series that a volume goes by, of the name uid; it then goes
// the way of all others. Its modality is what cfg says, and CT is taken to be in HU.
func (c *collector) foreignSeries(uid string) *series {
	s := &series{uid: uid, patient: patientOf(uid), modality: c.cfg.ImageModality}
	if s.modality == "CT" {
		s.unit = "HU"
	}
	return s
}

// foreignSlices keeps the planes of g as slices of the series uid, but for those that
// an interrupted run has kept.
func (c *collector) foreignSlices(uid string, g grid, done []slice) (all []slice, err error) {
	a := g.Affine
	axis := func(k int) [3]float64 { return [3]float64{a[0][k], a[1][k], a[2][k]} }
	spacing := g.SpacingMM()
	plane := g.Shape[1] * g.Shape[2] * g.kind.Size()
	for z := range g.Shape[0] {
		sl := slice{
			sop: uid, frame: z, order: z, ofMany: true, rows: g.Shape[1], cols: g.Shape[2],
			position: g.LPS([3]float64{float64(z), 0, 0}), spacing: [2]float64{spacing[1], spacing[2]},
			row: scale(axis(2), 1/spacing[2]), col: scale(axis(1), 1/spacing[1]),
			phase: phase{bvalue: -1},
		}
		sl.pixels.slope = 1
		if err := sl.straighten(); err != nil {
			return nil, err
		}
		values := g.voxels[z*plane:][:plane]
		if g.inFile >= 0 {
			sl.pixels.describe(g.kind, values)
			sl.pixels.offset = g.inFile + int64(z*plane)
		} else if z < len(done) && c.spill.restore(done[z].pixels, sl.rows*sl.cols, &sl.pixels) {
			// An interrupted run has kept it.
		} else if err := c.spill.keep(g.kind, values, &sl.pixels); err != nil {
			return nil, err
		}
		all = append(all, sl)
	}
	return all, nil
}

// caseName is the name that a file of a set goes by: that of its task's folder and its
// own, without endings.
func caseName(name string) string {
	base := path.Base(name)
	for _, ending := range []string{".gz", ".nii", ".mhd", ".mha"} {
		base = strings.TrimSuffix(base, ending)
	}
	if task := path.Base(path.Dir(path.Dir(name))); task != "." && task != "/" {
		return task + "/" + base
	}
	return base
}

// channel matches the number of a channel that nnU-Net adds to a name.
var channel = regexp.MustCompile(`_\d{4}$`)

// patientOf returns the name without a channel: channels are of one patient.
func patientOf(name string) string { return channel.ReplaceAllString(name, "") }
