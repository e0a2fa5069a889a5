package dicomio

import (
	"cmp"
	"slices"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// A segmentFrame is what one frame of a segmentation says of one segment: which
// pixels belong to it, and where the frame lies.
type segmentFrame struct {
	images []string // SOP Instance UIDs of the images that it was drawn on
	placed bool     // it says where it lies: plane holds
	plane  slice    // its size (0 if only its image knows it), place, directions and spacing; nothing else
	fault  Reason   // why it cannot be drawn, "" if it can
	bits   bitBox
}

// A bitBox holds the pixels of a frame that are set, a bit each, within the
// smallest box round them.
type bitBox struct {
	row, col, rows, cols int
	bits                 []byte
}

// newBitBox returns the pixels for which in is true, of a frame of so many
// columns; ok is false if there are none.
func newBitBox(pixels, cols int, in func(i int) bool) (b bitBox, ok bool) {
	low, high := [2]int{pixels, cols}, [2]int{-1, -1}
	for i := range pixels {
		if in(i) {
			y, x := i/cols, i%cols
			low[0], high[0] = min(low[0], y), max(high[0], y)
			low[1], high[1] = min(low[1], x), max(high[1], x)
		}
	}
	if high[0] < 0 {
		return b, false
	}
	b = bitBox{row: low[0], col: low[1], rows: high[0] - low[0] + 1, cols: high[1] - low[1] + 1}
	b.bits = make([]byte, (b.rows*b.cols+7)/8)
	for y := range b.rows {
		for x := range b.cols {
			if in((b.row+y)*cols + b.col + x) {
				b.bits[(y*b.cols+x)/8] |= 1 << ((y*b.cols + x) % 8)
			}
		}
	}
	return b, true
}

// each calls f with the row and the column of every pixel that is set.
func (b bitBox) each(f func(y, x int)) {
	for i := range b.rows * b.cols {
		if b.bits[i/8]>>(i%8)&1 != 0 {
			f(b.row+i/b.cols, b.col+i%b.cols)
		}
	}
}

// maxSegmentBytes bounds what the segments of one object may keep. The largest
// real ones, whole-body label maps, keep a tenth of it.
const maxSegmentBytes = 256 << 20

// parseSegmentation takes the segments that cfg counts as lesions from a SEG
// (PS3.3 A.51, C.8.20): binary, fractional, where half of the largest value and
// more belong to the segment, or a label map. It fails with an *Error if a frame cannot be
// decoded.
//
// Frames in which a segment has no pixel are left out: they have nothing to find
// a place for. A segment with such frames alone says that there is no lesion; one that
// has no frame at all says nothing, and stays as a region without pixels.
func parseSegmentation(in *Instance, cfg Config) (labelSet, error) {
	d := in.Dataset
	set := labelSet{kind: segmentation, sop: in.SOPInstance, patient: in.PatientID, space: in.FrameOfReference}
	for _, s := range d.Items(tag.ReferencedSeriesSequence) {
		set.series = append(set.series, s.Text(tag.SeriesInstanceUID))
	}
	index := map[int]int{} // of set.rois, by segment
	for _, s := range d.Items(tag.SegmentSequence) {
		number, ok := s.Int(tag.SegmentNumber)
		if ok && cfg.isLesion(s.Text(tag.SegmentLabel), s.Item(tag.SegmentedPropertyTypeCodeSequence).Text(tag.CodeMeaning)) {
			set.named++
			index[number] = len(set.rois)
			set.rois = append(set.rois, roi{number: number})
		} else {
			set.others++
		}
	}
	kept, shown := 0, map[int]bool{} // segments
	for i := 0; i < in.Frames && len(index) > 0; i++ {
		if err := set.takeFrame(in, i, index, &kept); err != nil {
			return set, err
		}
		shown[in.Frame(i).Segment] = true
	}
	all := d.Text(tag.SegmentationType) == "LABELMAP"
	set.rois = slices.DeleteFunc(set.rois, func(r roi) bool { return len(r.frames) == 0 && (all || shown[r.number]) })
	slices.SortStableFunc(set.rois, func(a, b roi) int { return cmp.Compare(a.number, b.number) })
	set.sortSeries()
	return set, nil
}

// takeFrame adds frame i to the segments that it shows, of those in index.
func (set *labelSet) takeFrame(in *Instance, i int, index map[int]int, kept *int) error {
	f := in.Frame(i)
	labelMap := in.Dataset.Text(tag.SegmentationType) == "LABELMAP"
	if _, wanted := index[f.Segment]; !wanted && !labelMap {
		return nil
	}
	values, err := in.Stored(i)
	if err != nil {
		return err
	}
	if values.Samples != 1 {
		return refuse(UnsupportedPixels, "%d samples a pixel in a segmentation", values.Samples)
	}
	of := segmentFrame{images: f.Source}
	of.lie(in, f)
	add := func(roi int, in func(k int) bool) error {
		bits, any := newBitBox(values.Rows*values.Columns, values.Columns, in)
		if !any {
			return nil
		}
		if *kept += len(bits.bits); *kept > maxSegmentBytes {
			return refuse(TooLarge, "segments of more than %d bytes", maxSegmentBytes)
		}
		of.bits = bits
		set.rois[roi].frames = append(set.rois[roi].frames, of)
		return nil
	}
	if labelMap {
		for _, number := range present(values, index) {
			if err := add(index[number], func(k int) bool { return int(values.At(k)) == number }); err != nil {
				return err
			}
		}
		return nil
	}
	half := 0.5
	if in.Dataset.Text(tag.SegmentationType) == "FRACTIONAL" {
		most, _ := in.Dataset.Int(tag.MaximumFractionalValue)
		half = float64(cmp.Or(most, 255)) / 2
	}
	return add(index[f.Segment], func(k int) bool { return values.At(k) >= half })
}

// present returns which keys of index are among values, ascending.
func present(values Stored, index map[int]int) []int {
	found := map[int]bool{}
	for k := range values.Rows * values.Columns {
		number := int(values.At(k))
		if _, ok := index[number]; ok && !found[number] {
			found[number] = true
		}
	}
	all := make([]int, 0, len(found))
	for number := range found {
		all = append(all, number)
	}
	slices.Sort(all)
	return all
}

// lie sets where a frame lies.
func (of *segmentFrame) lie(in *Instance, f Frame) {
	of.placed = f.HasPosition && f.HasOrientation && f.HasSpacing
	of.plane = slice{
		rows: in.Rows, cols: in.Columns,
		position: f.Position, row: [3]float64(f.Orientation[:3]), col: [3]float64(f.Orientation[3:]), spacing: f.PixelSpacing,
	}
	if of.placed {
		of.fault = ReasonOf(of.plane.straighten())
	}
}
