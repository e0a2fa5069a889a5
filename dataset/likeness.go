package dataset

import (
	"math"
	"math/bits"

	"oncovox/volume"
)

// likenessSide is the side of the grid, stretched over a volume's extent, on
// which volumes are compared.
const likenessSide = 16

// flat is the difference between neighbouring cells, as a share of the
// window, below which it says nothing.
const flat = 1e-3

// A likeness is a coarse print of a volume that hardly changes when the volume
// is resampled, filtered, rescaled or stored with other rounding, and that
// tells different patients apart: for each pair of neighbouring cells of a 16³
// grid over its extent, whether the intensity rises, falls or neither.
//
// Among 39 patients of the Soft-Tissue-Sarcoma collection, scans of different
// patients are at least 0.41 (CT), 0.46 (MR) and 0.48 (PET) apart. Copies of one
// scan with noise of 20 HU, other spacing by 0.7 to 1.3, another scale, or two
// of some 60 slices cut off are at most 0.16 apart (CT, MR; PET 0.23).
type likeness struct{ rises, falls []uint64 }

// likenessOf returns the print of v, whose intensities run from 0 to 1.
func likenessOf(v *volume.Volume) likeness {
	var spacing [3]float64
	for a, s := range v.SpacingMM() {
		spacing[a] = s * float64(v.Shape[a]) / likenessSide
	}
	coarse := v.ResampleSpacing(spacing)
	const side = likenessSide
	n := 3 * side * side * (side - 1)
	l := likeness{make([]uint64, (n+63)/64), make([]uint64, (n+63)/64)}
	bit := 0
	for _, step := range [3]int{side * side, side, 1} {
		for i := range coarse.Data {
			if i/step%side == side-1 {
				continue
			}
			switch d := coarse.Data[i+step] - coarse.Data[i]; {
			case d > flat:
				l.rises[bit/64] |= 1 << (bit % 64)
			case d < -flat:
				l.falls[bit/64] |= 1 << (bit % 64)
			}
			bit++
		}
	}
	return l
}

// blank reports whether l holds too little to be compared: a volume that is
// nearly constant.
func (l likeness) blank() bool {
	n := 0
	for i := range l.rises {
		n += bits.OnesCount64(l.rises[i] | l.falls[i])
	}
	return n < 100
}

// distance returns the share, from 0 to 1, of the places where either print
// says something in which the two do not agree; NaN where one is blank.
func (l likeness) distance(m likeness) float64 {
	if l.blank() || m.blank() {
		return math.NaN()
	}
	differ, said := 0, 0
	for i := range l.rises {
		differ += bits.OnesCount64((l.rises[i] ^ m.rises[i]) | (l.falls[i] ^ m.falls[i]))
		said += bits.OnesCount64(l.rises[i] | l.falls[i] | m.rises[i] | m.falls[i])
	}
	return float64(differ) / float64(said)
}
