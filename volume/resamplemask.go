package volume

// Resample returns m on the grid to: each voxel takes the label, background
// included, that has the greatest share of it, where shares are weighed as in
// the resampling of intensities. A lesion wins a tie with the background, and
// the lower label one between lesions. It fails unless the axes of the two
// grids are parallel; they may come in any order and direction.
func (m *Mask) Resample(to Geometry) (*Mask, error) {
	p, err := newPlan(m.Geometry, to)
	if err != nil {
		return nil, err
	}
	labels := make([]uint8, to.Voxels())
	best := make([]float32, len(labels))  // the greatest share of a lesion
	total := make([]float32, len(labels)) // the share of all lesions
	for label, b := range m.boxes() {
		if label == 0 || b.hi == [3]int{} {
			continue
		}
		m.addShares(p, uint8(label), b, labels, best, total)
	}
	for i := range labels {
		if best[i] < 1-total[i]-1e-6 {
			labels[i] = 0
		}
	}
	return &Mask{to, inOrder(p, labels)}, nil
}

// A bounds is the smallest box, from lo up to but not including hi, around
// the voxels of a label; hi is 0 where there are none.
type bounds struct{ lo, hi [3]int }

func (m *Mask) boxes() *[256]bounds {
	var boxes [256]bounds
	i := 0
	for z := range m.Shape[0] {
		for y := range m.Shape[1] {
			for x := range m.Shape[2] {
				if label := m.Labels[i]; label != 0 {
					boxes[label].add([3]int{z, y, x})
				}
				i++
			}
		}
	}
	return &boxes
}

func (b *bounds) add(voxel [3]int) {
	if b.hi == [3]int{} {
		b.lo = voxel
	}
	for a, i := range voxel {
		b.lo[a] = min(b.lo[a], i)
		b.hi[a] = max(b.hi[a], i+1)
	}
}

// addShares finds the share of a label in each new voxel that its box b
// touches, and gives the label to those where it is the greatest so far.
func (m *Mask) addShares(p plan, label uint8, b bounds, labels []uint8, best, total []float32) {
	var touched [3][]int
	for a := range 3 {
		for j, t := range p.taps[a] {
			if t.first < b.hi[a] && t.first+len(t.weights) > b.lo[a] {
				touched[a] = append(touched[a], j)
			}
		}
	}
	for _, z := range touched[0] {
		for _, y := range touched[1] {
			for _, x := range touched[2] {
				share := m.share(label, p.taps[0][z], p.taps[1][y], p.taps[2][x])
				i := (z*p.mid.Shape[1]+y)*p.mid.Shape[2] + x
				total[i] += share
				if share > best[i] {
					best[i], labels[i] = share, label
				}
			}
		}
	}
}

// share returns how much of the voxel made by the three taps is label.
func (m *Mask) share(label uint8, tz, ty, tx tap) float32 {
	var sum float32
	for iz, wz := range tz.weights {
		for iy, wy := range ty.weights {
			row := m.Labels[((tz.first+iz)*m.Shape[1]+ty.first+iy)*m.Shape[2]+tx.first:]
			for ix, wx := range tx.weights {
				if row[ix] == label {
					sum += wz * wy * wx
				}
			}
		}
	}
	return sum
}
