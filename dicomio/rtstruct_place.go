package dicomio

import (
	"math"
	"slices"
	"strconv"

	"oncovox/volume"
)

// Reasons why a contour, the frame of a segment or a mark finds no place.
const (
	NoSeries     Reason = "no-series"      // the series that it was drawn on is not in the sources
	SeriesUnused Reason = "series-unused"  // that series is, but was refused
	NotClosed    Reason = "not-closed"     // a point or an open line
	NoOutline    Reason = "no-outline"     // a region that is a lesion by its name, but has neither a contour nor a pixel
	TooFewPoints Reason = "too-few-points" // fewer than three, or no numbers
	NotInPlane   Reason = "not-in-plane"   // it leaves the plane of the slices
	OffPlane     Reason = "off-plane"      // no slice lies where it lies
	OutsideImage Reason = "outside-image"  // on a slice, but beside the image
	NoPlace      Reason = "no-place"       // a finding of a report that points to no place in an image
	NoSize       Reason = "no-size"        // a place, but neither a diameter nor an outline
	NoSegment    Reason = "no-segment"     // a finding of a report that points to a segmentation which is not in the sources
	OffGrid      Reason = "off-grid"       // the pixels of a segment are not the voxels of the volume, so that they would have to be resampled
)

// A placed is a volume with what is needed to find the places of labels in it.
type placed struct {
	record volume.Record
	series string           // UID
	part   int              // of the series, from 0
	space  string           // UID of the frame of reference
	bySOP  map[string][]int // planes by SOP Instance UID, of the images that labels refer to; several for a multi-frame object, whose frames also have keys of their own (frameKey)

	sheared bool // its planes were shifted to undo a tilt: a pixel of a slice is no voxel
}

// frameKey names frame n, from 1, of a multi-frame object.
func frameKey(sop string, n int) string { return sop + "#" + strconv.Itoa(n) }

func newPlaced(rec volume.Record, series string, part int, st *stack, images map[string]bool) *placed {
	p := &placed{record: rec, series: series, part: part, space: st.slices[0].space, bySOP: map[string][]int{}, sheared: st.straight}
	for i, sl := range st.slices {
		if !images[sl.sop] {
			continue
		}
		p.bySOP[sl.sop] = append(p.bySOP[sl.sop], st.planes[i])
		if sl.ofMany {
			p.bySOP[frameKey(sl.sop, sl.frame+1)] = []int{st.planes[i]}
		}
	}
	return p
}

// planeTolerance is how far a contour may lie off the plane of its slice, as a
// share of the spacing. Coordinates rounded to 0.1 mm need some; real sets are
// off by up to 0.02.
const planeTolerance = 0.1

// outline returns the plane of c in p and its corners there, in voxels. A
// contour belongs to the slice that it names, if its points lie there; else to
// the slice nearest to its points, if that is within planeTolerance.
func (p *placed) outline(c contour) (plane int, ys, xs []float64, reason Reason) {
	switch {
	case !c.closed:
		return 0, nil, nil, NotClosed
	case len(c.points) < 3:
		return 0, nil, nil, TooFewPoints
	}
	g := p.record.Geometry()
	low, high, mean := math.Inf(1), math.Inf(-1), 0.0
	for _, point := range c.points {
		v := g.Index(point)
		low, high, mean = min(low, v[0]), max(high, v[0]), mean+v[0]/float64(len(c.points))
		ys, xs = append(ys, v[1]), append(xs, v[2])
	}
	if !(high-low <= 2*planeTolerance) {
		return 0, nil, nil, NotInPlane
	}
	tolerance := planeTolerance
	plane = int(math.Round(min(max(mean, -1), float64(g.Shape[0]))))
	for _, image := range c.images {
		for _, named := range p.bySOP[image] {
			if math.Abs(mean-float64(named)) <= 0.5 {
				plane, tolerance = named, 0.5
			}
		}
	}
	if plane < 0 || plane >= g.Shape[0] || !(math.Abs(mean-float64(plane)) <= tolerance) {
		return 0, nil, nil, OffPlane
	}
	if slices.Max(ys) < -0.5 || slices.Max(xs) < -0.5 ||
		slices.Min(ys) > float64(g.Shape[1])-0.5 || slices.Min(xs) > float64(g.Shape[2])-0.5 {
		return 0, nil, nil, OutsideImage
	}
	return plane, ys, xs, ""
}

// draw fills r on the grid of p, and reports for each contour or frame why it
// found no place, "" where it did.
func (p *placed) draw(r roi) (voxels []int, reasons []Reason) {
	if len(r.frames) > 0 {
		return p.drawFrames(r.frames)
	}
	return p.drawContours(r.contours)
}

// drawContours fills contours. Those of one plane are combined by exclusive or.
//
// A voxel belongs to the region if its centre lies inside. A region too thin to
// hold any centre is marked by the voxel nearest to the centroid of its largest
// contour, so that no lesion is lost.
func (p *placed) drawContours(contours []contour) (voxels []int, reasons []Reason) {
	reasons = make([]Reason, len(contours))
	g := p.record.Geometry()
	size := g.Shape[1] * g.Shape[2]
	maps := map[int]*bitmap{}
	largest, nearest := -1.0, -1
	for i, c := range contours {
		plane, ys, xs, reason := p.outline(c)
		if reasons[i] = reason; reason != "" {
			continue
		}
		if maps[plane] == nil {
			maps[plane] = newBitmap(g.Shape[1], g.Shape[2])
		}
		maps[plane].toggle(ys, xs)
		if a := math.Abs(area(ys, xs)); a > largest {
			largest = a
			y, x := nearestVoxel(ys, g.Shape[1]), nearestVoxel(xs, g.Shape[2])
			nearest = plane*size + y*g.Shape[2] + x
		}
	}
	for plane, m := range maps {
		for i, set := range m.set {
			if set {
				voxels = append(voxels, plane*size+i)
			}
		}
	}
	slices.Sort(voxels)
	if len(voxels) == 0 && nearest >= 0 {
		voxels = []int{nearest}
	}
	return voxels, reasons
}

// nearestVoxel returns the index from 0 to n-1 nearest to the mean of v.
func nearestVoxel(v []float64, n int) int {
	mean := 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	return int(math.Round(min(max(mean, 0), float64(n-1))))
}
