package dicomio

import (
	"math"
	"slices"

	"oncovox/volume"
)

// A stack is a part laid out on a grid: which slice fills which plane, and
// what has to be done to the voxels.
type stack struct {
	volume.Geometry
	slices   []slice // sorted by plane
	planes   []int   // slices[i] fills plane planes[i]; a plane without a slice is interpolated
	methods  []string
	straight bool       // planes are shifted in themselves by lean, to undo a tilt
	lean     [2]float64 // shift from plane to plane along y, x, in voxels
	first    [2]float64 // the place of the shifted grid's first voxel on plane 0, y, x
	rows     int        // of the slices; the grid may be larger
	cols     int
}

// layOut finds the grid that the slices of p fill. Places come from positions
// and orientations alone, never from a stated thickness or spacing. It fails
// with an *Error of one of the reasons of this file's series.
//
// The affine is exact for what is accepted: the step from plane to plane is the
// step between the slices' positions, with whatever lean it has.
func layOut(p part, cfg Config) (*stack, error) {
	if p.slices[0].localiser {
		return nil, refuse(Localiser, "%d overview images", len(p.slices))
	}
	places := p.places()
	switch {
	case len(places) == 1 && len(p.slices) > 1:
		return nil, refuse(OnePosition, "%d slices in one place", len(p.slices))
	case len(places) < len(p.slices):
		return nil, refuse(DuplicatePositions, "%d slices in %d places", len(p.slices), len(places))
	case len(p.slices) < cfg.MinSlices:
		return nil, refuse(TooFewSlices, "%d, want at least %d", len(p.slices), cfg.MinSlices)
	}
	along := make([]float64, len(p.slices))
	for i := range p.slices {
		along[i] = p.place(&p.slices[i])
	}
	planes, err := evenPlanes(along, cfg.SpacingTolerance)
	if err != nil {
		return nil, err
	}
	st := &stack{slices: p.slices, planes: planes, rows: p.slices[0].rows, cols: p.slices[0].cols}
	if p.dropped > 0 {
		st.methods = append(st.methods, "duplicates-dropped")
	}
	if err := st.fillGaps(cfg); err != nil {
		return nil, err
	}
	step, err := st.straightLine()
	if err != nil {
		return nil, err
	}
	if err := st.place(step, cfg); err != nil {
		return nil, err
	}
	if err := st.Validate(); err != nil {
		return nil, refuse(BadGeometry, "%v", err)
	}
	return st, nil
}

// evenPlanes returns the planes of an even grid that places along the normal,
// ascending and in mm, fall on. A place may lie off its plane by tolerance
// times the spacing. It fails with UnevenSpacing.
func evenPlanes(along []float64, tolerance float64) ([]int, error) {
	gaps := make([]float64, len(along)-1)
	for i := range gaps {
		gaps[i] = along[i+1] - along[i]
	}
	sorted := slices.Sorted(slices.Values(gaps))
	usual := sorted[(len(sorted)-1)/2]
	uneven := refuse(UnevenSpacing, "gaps from %.3f to %.3f mm", sorted[0], sorted[len(sorted)-1])
	planes := make([]int, len(along))
	for i, gap := range gaps {
		steps := math.Round(gap / usual)
		if !(steps >= 1 && steps <= 1e6) {
			return nil, uneven
		}
		planes[i+1] = planes[i] + int(steps)
	}
	last := len(along) - 1
	spacing := (along[last] - along[0]) / float64(planes[last])
	for i, at := range along {
		if off := math.Abs(at - along[0] - float64(planes[i])*spacing); !(off <= tolerance*spacing) {
			return nil, uneven
		}
	}
	return planes, nil
}

// fillGaps decides what becomes of planes without a slice. At most every tenth
// may be filled in; more would be made up.
func (st *stack) fillGaps(cfg Config) error {
	n := len(st.slices)
	missing := st.planes[n-1] + 1 - n
	if missing == 0 {
		return nil
	}
	if cfg.Gaps != fillIt || missing > max(1, n/10) {
		return refuse(MissingSlice, "%d missing among %d", missing, n)
	}
	st.methods = append(st.methods, "gaps-filled")
	return nil
}

// straightLine returns the step from plane to plane, LPS mm. A slice may lie
// off the line by a quarter of a pixel.
func (st *stack) straightLine() ([3]float64, error) {
	n := len(st.slices)
	origin := st.slices[0].position
	step := scale(sub(st.slices[n-1].position, origin), 1/float64(st.planes[n-1]))
	s := &st.slices[0]
	tolerance := min(s.spacing[0], s.spacing[1]) / 4
	for i := range st.slices {
		off := sub(sub(st.slices[i].position, origin), scale(step, float64(st.planes[i])))
		if across := math.Hypot(dot(off, s.row), dot(off, s.col)); !(across <= tolerance) {
			return step, refuse(ShiftedSlices, "one lies %.3f mm off the line of the others", across)
		}
	}
	return step, nil
}

// place sets the geometry of the grid, and decides what becomes of a tilt.
func (st *stack) place(step [3]float64, cfg Config) error {
	s := &st.slices[0]
	planes := st.planes[len(st.planes)-1] + 1
	st.Shape = [3]int{planes, st.rows, st.cols}
	origin := s.position
	normal := s.normal()
	up := dot(step, normal)
	lean := [2]float64{dot(step, s.col), dot(step, s.row)} // mm
	degrees := math.Atan2(math.Hypot(lean[0], lean[1]), up) * 180 / math.Pi
	if degrees > tiltToleranceDegrees {
		switch cfg.Tilt {
		case keepIt:
			st.methods = append(st.methods, "tilt-in-affine")
		case resampleIt:
			st.methods = append(st.methods, "tilt-resampled")
			step = scale(normal, up)
			st.straighten([2]float64{lean[0] / s.spacing[0], lean[1] / s.spacing[1]})
			if st.Shape[1] > 2*st.rows || st.Shape[2] > 2*st.cols {
				return refuse(GantryTilt, "%.2f degrees, more than can be straightened", degrees)
			}
			for r := range 3 {
				origin[r] += st.first[0]*s.spacing[0]*s.col[r] + st.first[1]*s.spacing[1]*s.row[r]
			}
		default:
			return refuse(GantryTilt, "%.2f degrees", degrees)
		}
	}
	for r := range 3 {
		st.Affine[r] = [4]float64{step[r], s.col[r] * s.spacing[0], s.row[r] * s.spacing[1], origin[r]}
	}
	return nil
}

// straighten widens the grid so that it holds every slice once the planes are
// shifted by lean voxels a plane.
func (st *stack) straighten(lean [2]float64) {
	st.straight, st.lean = true, lean
	for axis, n := range []int{st.rows, st.cols} {
		far := lean[axis] * float64(st.Shape[0]-1)
		st.first[axis] = math.Floor(min(0, far))
		st.Shape[axis+1] = int(min(math.Ceil(max(0, far))-st.first[axis], float64(2*n))) + n
	}
}
