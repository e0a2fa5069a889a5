package dicomio

import (
	"math"

	"oncovox/lesion"
)

// A mark says where a lesion is and how large, without all of its outline.
type mark struct {
	where    markPlace
	space    string       // UID of the frame of reference of centre, "" if not said
	centre   [3]float64   // LPS mm, inPatient
	image    string       // SOP Instance UID of the image, with the frame (frameKey) if it has several; or of the segmentation
	corners  [][2]float64 // row and column in the pixels of image, whole numbers at their centres
	diameter float64      // mm; 0: as far as the corners reach
}

// A markPlace says what the place of a mark refers to.
type markPlace int

const (
	nowhere markPlace = iota
	inPatient
	inImage
	inSegment // the lesion is a segment of the object image
)

// place returns the lesion that m is in p, or why it is none there.
func (p *placed) place(m mark) (l lesion.Lesion, reason Reason) {
	g := p.record.Geometry()
	l.CentreLPSMM, l.DiameterMM = m.centre, m.diameter
	switch m.where {
	case nowhere:
		return l, NoPlace
	case inSegment:
		return l, NoSegment
	case inPatient:
		if m.space != "" && p.space != "" && m.space != p.space {
			return l, NoSeries
		}
	case inImage:
		planes := p.planesOf(m.image)
		if len(planes) != 1 {
			return l, OffPlane
		}
		if p.sheared {
			return l, OffGrid
		}
		centre, reach := middle(m.corners), 0.0
		at := func(c [2]float64) [3]float64 { return g.LPS([3]float64{float64(planes[0]), c[0], c[1]}) }
		for i, a := range m.corners {
			for _, b := range m.corners[:i] {
				reach = max(reach, distance(at(a), at(b)))
			}
		}
		l.CentreLPSMM = at(centre)
		if l.DiameterMM == 0 {
			l.DiameterMM = reach
		}
	}
	if !(l.DiameterMM > 0 && l.DiameterMM <= coarsest) {
		return l, NoSize
	}
	if !g.Contains(l.CentreLPSMM) {
		return l, OutsideImage
	}
	l.SizeMM = [3]float64{l.DiameterMM, l.DiameterMM, l.DiameterMM}
	return l, ""
}

// middle returns the mean of corners; the last of a closed outline, which
// repeats the first, does not count.
func middle(corners [][2]float64) (m [2]float64) {
	if n := len(corners); n > 1 && corners[0] == corners[n-1] {
		corners = corners[:n-1]
	}
	for _, c := range corners {
		m[0] += c[0] / float64(len(corners))
		m[1] += c[1] / float64(len(corners))
	}
	return m
}

// The largest outline in the pixels of an image that is filled, and the largest
// coordinate.
const (
	maxOutlinePixels = 1 << 24
	maxCoordinate    = 1 << 16
)

// outlineBox returns the pixels inside the closed polygon with corners row,
// column; those that corners lie in are left out if rim is set. It fails with
// TooLarge or TooFewPoints.
func outlineBox(corners [][2]float64, rim bool) (bitBox, error) {
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, c := range corners {
		for k, v := range c {
			if !(v >= -1 && v <= maxCoordinate) {
				return bitBox{}, refuse(TooLarge, "an outline beyond pixel %d", maxCoordinate)
			}
			low[k], high[k] = math.Floor(min(low[k], v)), math.Ceil(max(high[k], v))
		}
	}
	if len(corners) < 3 {
		return bitBox{}, refuse(TooFewPoints, "%d corners", len(corners))
	}
	rows, cols := int(high[0]-low[0])+1, int(high[1]-low[1])+1
	if rows*cols > maxOutlinePixels {
		return bitBox{}, refuse(TooLarge, "an outline of %d by %d pixels", rows, cols)
	}
	m := newBitmap(rows, cols)
	ys, xs := make([]float64, len(corners)), make([]float64, len(corners))
	for i, c := range corners {
		ys[i], xs[i] = c[0]-low[0], c[1]-low[1]
	}
	m.toggle(ys, xs)
	if rim {
		for i := range ys {
			m.set[int(math.Round(ys[i]))*cols+int(math.Round(xs[i]))] = false
		}
	}
	b, ok := newBitBox(rows*cols, cols, func(i int) bool { return m.set[i] })
	if !ok {
		return b, refuse(TooFewPoints, "an outline without a pixel inside")
	}
	b.row, b.col = b.row+int(low[0]), b.col+int(low[1])
	return b, nil
}
