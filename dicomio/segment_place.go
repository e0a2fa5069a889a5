package dicomio

import (
	"math"
	"slices"
	"strings"
)

// A lattice takes the pixels of a frame to the voxels of a volume: pixel
// (y, x) is voxel origin + y·down + x·across, in z, y, x.
type lattice struct{ origin, down, across [3]int }

// latticeOf returns how f lies on the voxels of p. The frame may show the grid
// from any of its sides, in any direction, but its pixels must be voxels: off by
// at most planeTolerance everywhere. A frame that is parallel to the slices
// belongs to that of the image that it names, if it lies there; else, as any other, it
// goes by its place. One without a place has the pixels of the image that it names.
func (p *placed) latticeOf(f *segmentFrame) (l lattice, reason Reason) {
	g := p.record.Geometry()
	if f.fault != "" {
		return l, f.fault
	}
	if !f.placed {
		planes := p.planesOf(f.images...)
		switch {
		case len(f.images) == 0:
			return l, NoGeometry
		case len(planes) != 1:
			return l, OffPlane
		case p.sheared || f.plane.rows > 0 && (f.plane.rows != g.Shape[1] || f.plane.cols != g.Shape[2]):
			return l, OffGrid
		}
		return lattice{[3]int{planes[0], 0, 0}, [3]int{0, 1, 0}, [3]int{0, 0, 1}}, ""
	}
	s := &f.plane
	end := func(direction [3]float64, spacing float64, n int) [3]float64 {
		far := scale(direction, spacing*float64(n))
		return g.Index([3]float64{s.position[0] + far[0], s.position[1] + far[1], s.position[2] + far[2]})
	}
	first := g.Index(s.position)
	down, okDown := unitStep(sub(end(s.col, s.spacing[0], s.rows), first), s.rows)
	across, okAcross := unitStep(sub(end(s.row, s.spacing[1], s.cols), first), s.cols)
	if !okDown || !okAcross || down == across || down == negated(across) {
		return l, OffGrid
	}
	l = lattice{[3]int{}, down, across}
	for axis, at := range first {
		if !(math.Abs(at) <= farthest) {
			return l, OffPlane
		}
		n := math.Round(at)
		l.origin[axis] = int(n)
		off := math.Abs(at - n)
		inPlane := down[axis] != 0 || across[axis] != 0
		switch {
		case axis == 0 && !inPlane:
			plane, ok := p.planeAt(at, f.images)
			if !ok {
				return l, OffPlane
			}
			l.origin[axis] = plane
		case !(off <= planeTolerance) && inPlane:
			return l, OffGrid
		case !(off <= planeTolerance):
			return l, OffPlane
		}
	}
	return l, ""
}

// planesOf returns the planes of the images named, each once. The first frame of an
// image that has no other is the image.
func (p *placed) planesOf(images ...string) []int {
	var planes []int
	for _, image := range images {
		found := p.bySOP[image]
		if found == nil {
			found = p.bySOP[strings.TrimSuffix(image, frameKey("", 1))]
		}
		planes = append(planes, found...)
	}
	slices.Sort(planes)
	return slices.Compact(planes)
}

// planeAt returns the plane at place z of the first axis: the nearest of the images
// named, if the place is nearer to it than half way to the next; else the
// nearest, if the place is within planeTolerance.
func (p *placed) planeAt(z float64, images []string) (plane int, ok bool) {
	best := 0.5
	for _, named := range p.planesOf(images...) {
		if off := math.Abs(z - float64(named)); off <= best {
			plane, best, ok = named, off, true
		}
	}
	if ok {
		return plane, true
	}
	n := math.Round(z)
	return int(n), math.Abs(z-n) <= planeTolerance && n >= 0 && n < float64(p.record.Shape[0])
}

// unitStep returns the step of n equal ones that end at v, if that is one voxel along
// one axis.
func unitStep(v [3]float64, n int) (step [3]int, ok bool) {
	for axis, x := range v {
		k := math.Round(x / float64(n))
		if !(math.Abs(x-k*float64(n)) <= planeTolerance) || math.Abs(k) > 1 {
			return step, false
		}
		step[axis] = int(k)
	}
	return step, step[0]*step[0]+step[1]*step[1]+step[2]*step[2] == 1
}

func negated(v [3]int) [3]int { return [3]int{-v[0], -v[1], -v[2]} }

// drawFrames marks the pixels of frames on the grid of p, and reports for each
// frame why it found no place, "" where it did.
func (p *placed) drawFrames(frames []segmentFrame) (voxels []int, reasons []Reason) {
	reasons = make([]Reason, len(frames))
	shape := p.record.Shape
	for i := range frames {
		l, reason := p.latticeOf(&frames[i])
		if reason != "" {
			reasons[i] = reason
			continue
		}
		before := len(voxels)
		frames[i].bits.each(func(y, x int) {
			var v [3]int
			for axis := range v {
				v[axis] = l.origin[axis] + y*l.down[axis] + x*l.across[axis]
				if v[axis] < 0 || v[axis] >= shape[axis] {
					return
				}
			}
			voxels = append(voxels, (v[0]*shape[1]+v[1])*shape[2]+v[2])
		})
		if len(voxels) == before {
			reasons[i] = OutsideImage
		}
	}
	slices.Sort(voxels)
	return slices.Compact(voxels), reasons
}
