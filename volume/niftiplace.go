package volume

import "math"

// affine returns the header's affine in this package's terms: the sform where
// there is one, else the qform, else the voxel sizes alone.
func (f *niftiFacts) affine() Affine {
	var ras [3][4]float64 // rows x, y, z; columns of the file's axes i, j, k, then the offset
	switch {
	case f.sformCode > 0:
		ras = f.srow
	case f.qformCode > 0:
		ras = f.qform()
	default:
		for a := range 3 {
			ras[a][a] = f.pixdim[1+a]
		}
	}
	scale := 1.0
	switch f.units & 7 {
	case 1: // metres
		scale = 1000
	case 3: // micrometres
		scale = 0.001
	}
	var a Affine
	for r := range 3 {
		sign := scale
		if r < 2 {
			sign = -scale // RAS to LPS
		}
		for c := range 3 {
			a[r][2-c] = sign * ras[r][c]
		}
		a[r][3] = sign * ras[r][3]
	}
	return a
}

// qform returns the rotation that the quaternion (a, b, c, d) stands for,
// a >= 0, times the voxel sizes, with qfac on the third axis (nifti1.h,
// "method 2").
func (f *niftiFacts) qform() [3][4]float64 {
	b, c, d := f.quatern[0], f.quatern[1], f.quatern[2]
	a := math.Sqrt(max(0, 1-b*b-c*c-d*d))
	if norm := math.Sqrt(b*b + c*c + d*d); a == 0 && norm > 0 {
		b, c, d = b/norm, c/norm, d/norm
	}
	rotation := [3][3]float64{
		{a*a + b*b - c*c - d*d, 2 * (b*c - a*d), 2 * (b*d + a*c)},
		{2 * (b*c + a*d), a*a + c*c - b*b - d*d, 2 * (c*d - a*b)},
		{2 * (b*d - a*c), 2 * (c*d + a*b), a*a + d*d - b*b - c*c},
	}
	qfac := 1.0
	if f.pixdim[0] < 0 {
		qfac = -1
	}
	var ras [3][4]float64
	for r := range 3 {
		ras[r] = [4]float64{
			rotation[r][0] * f.pixdim[1],
			rotation[r][1] * f.pixdim[2],
			rotation[r][2] * f.pixdim[3] * qfac,
			f.qoffset[r],
		}
	}
	return ras
}

// place writes g's affine as the sform, and as the qform too where the axes are
// at right angles, which is all that a qform can say.
func (h *niftiHeader) place(g Geometry) {
	spacing := g.SpacingMM()
	var unit [3][3]float64 // columns: directions of i, j, k in RAS
	for r := range 3 {
		sign := 1.0
		if r < 2 {
			sign = -1
		}
		for c := range 3 {
			h.Srow[r][c] = float32(sign * g.Affine[r][2-c])
			unit[r][c] = sign * g.Affine[r][2-c] / spacing[2-c]
		}
		h.Srow[r][3] = float32(sign * g.Affine[r][3])
		h.Qoffset[r] = h.Srow[r][3]
		h.Pixdim[1+r] = float32(spacing[2-r])
	}
	h.SformCode = scannerCode
	h.Pixdim[0] = 1
	if det3(unit) < 0 {
		h.Pixdim[0] = -1
		for r := range 3 {
			unit[r][2] = -unit[r][2]
		}
	}
	if det3(unit) > 1-1e-6 {
		h.QformCode = scannerCode
		h.Quatern = quaternion(unit)
	}
}

// quaternion returns b, c, d of the unit quaternion with a >= 0 of a proper
// rotation. It starts from the largest of the four, which is at least 1/2.
func quaternion(r [3][3]float64) [3]float32 {
	q := [4]float64{ // squares of a, b, c, d, times 4
		1 + r[0][0] + r[1][1] + r[2][2],
		1 + r[0][0] - r[1][1] - r[2][2],
		1 - r[0][0] + r[1][1] - r[2][2],
		1 - r[0][0] - r[1][1] + r[2][2],
	}
	big := 0
	for i := range q {
		if q[i] > q[big] {
			big = i
		}
	}
	products := [4][4]float64{ // 4·q_i·q_j
		{q[0], r[2][1] - r[1][2], r[0][2] - r[2][0], r[1][0] - r[0][1]},
		{r[2][1] - r[1][2], q[1], r[0][1] + r[1][0], r[0][2] + r[2][0]},
		{r[0][2] - r[2][0], r[0][1] + r[1][0], q[2], r[1][2] + r[2][1]},
		{r[1][0] - r[0][1], r[0][2] + r[2][0], r[1][2] + r[2][1], q[3]},
	}
	scale := 1 / (2 * math.Sqrt(q[big]))
	if products[big][0] < 0 {
		scale = -scale
	}
	p := products[big]
	return [3]float32{float32(p[1] * scale), float32(p[2] * scale), float32(p[3] * scale)}
}

func det3(m [3][3]float64) float64 {
	var a Affine
	for r := range 3 {
		copy(a[r][:3], m[r][:])
	}
	return a.det()
}
