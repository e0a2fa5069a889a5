package dataset

// A Placement says where a crop lies in its volume: a box, seen after quarter
// turns in the y-x plane and then flips. Its maps are exact inverses of each
// other, in voxel coordinates, whole at voxel centres.
type Placement struct {
	Origin  [3]int  // z, y, x of the box's first voxel in the volume; may be negative
	Size    [3]int  // D, H, W of the box and of the crop
	Flip    [3]bool // the crop is mirrored along z, y, x
	Quarter int     // quarter turns, 0 to 3; needs H = W
}

// ToCrop returns where a voxel of the volume lies in the crop. Both are
// z, y, x and may lie between voxels or outside.
func (p Placement) ToCrop(voxel [3]float64) [3]float64 {
	var c [3]float64
	for a := range 3 {
		c[a] = voxel[a] - float64(p.Origin[a])
	}
	for range p.Quarter {
		c[1], c[2] = c[2], float64(p.Size[1]-1)-c[1]
	}
	return p.flip(c)
}

// ToVolume returns where a voxel of the crop lies in the volume.
func (p Placement) ToVolume(voxel [3]float64) [3]float64 {
	c := p.flip(voxel)
	for range p.Quarter {
		c[1], c[2] = float64(p.Size[1]-1)-c[2], c[1]
	}
	for a := range 3 {
		c[a] += float64(p.Origin[a])
	}
	return c
}

// TurnSize returns the extents of a box along the crop's axes, given those
// along the volume's, or the reverse: odd quarter turns swap y and x.
func (p Placement) TurnSize(zyx [3]float64) [3]float64 {
	if p.Quarter%2 == 1 {
		zyx[1], zyx[2] = zyx[2], zyx[1]
	}
	return zyx
}

func (p Placement) flip(c [3]float64) [3]float64 {
	for a := range 3 {
		if p.Flip[a] {
			c[a] = float64(p.Size[a]-1) - c[a]
		}
	}
	return c
}

// walk returns how the crop is read from the volume, in the terms of
// volume.Mapped.Turned.
func (p Placement) walk() (start, along, sign [3]int) {
	zero := p.ToVolume([3]float64{})
	for a := range 3 {
		start[a] = int(zero[a])
		var one [3]float64
		one[a] = 1
		for axis, v := range p.ToVolume(one) {
			if step := int(v - zero[axis]); step != 0 {
				along[a], sign[a] = axis, step
			}
		}
	}
	return start, along, sign
}
