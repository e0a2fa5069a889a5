package dataset

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"oncovox/internal/rng"
	"oncovox/lesion"
	"oncovox/volume"
)

// Crops of nothing but air and padding teach nothing: Random places a crop
// anew, up to blankTries times in all, while its standard deviation is under
// blankStd (that of the training part is 1).
const (
	blankTries = 8
	blankStd   = 0.05
)

// A Sampler draws crops. What it draws depends on its seed, its purpose, the
// step and the sample alone, so it has no state: it may be used from several
// goroutines, and a resumed run draws what an uninterrupted one would have.
// It does not allocate.
type Sampler struct {
	items   []Item
	volumes []*volume.Mapped // of items
	lesions []target
	size    [3]int
	seed    int64
	purpose string // of Random
	around  string // purpose of Lesion
	pair    string // purpose of the partners of Pair
	augment bool
}

// A target is a lesion to draw crops around.
type target struct {
	item   int // in Sampler.items
	lesion *lesion.Lesion
}

// A Crop says what a drawn crop is: a part of an item's volume.
type Crop struct {
	Item *Item // belongs to the Sampler; not to be changed
	Placement
}

// NewSampler returns a sampler of crops of size (D, H, W) from items, which
// are of set. With augment, crops are flipped along any axis and, where their
// plane is square in voxels and in mm, turned by quarters in it. Distinct
// purposes give unrelated draws.
func NewSampler(set *Set, items []Item, size [3]int, seed int64, purpose string, augment bool) (*Sampler, error) {
	if len(items) == 0 {
		return nil, fmt.Errorf("no volumes to draw %s crops from", purpose)
	}
	if size[0] < 1 || size[1] < 1 || size[2] < 1 {
		return nil, fmt.Errorf("crop of %v voxels: want sides of at least 1", size)
	}
	s := &Sampler{items: slices.Clone(items), size: size, seed: seed, purpose: purpose, around: purpose + " lesion", pair: purpose + " pair", augment: augment}
	for i := range s.items {
		m, err := set.Volume(s.items[i].ID)
		if err != nil {
			return nil, err
		}
		s.volumes = append(s.volumes, m)
		for j := range s.items[i].Lesions {
			if l := &s.items[i].Lesions[j]; !l.Ignore {
				s.lesions = append(s.lesions, target{i, l})
			}
		}
	}
	return s, nil
}

// Lesions returns the number of lesions that Lesion draws from.
func (s *Sampler) Lesions() int { return len(s.lesions) }

// Random fills dst, which is (D, H, W), with a crop at a uniformly drawn place
// of a uniformly drawn item. The crop lies inside its volume along each axis
// where the volume is as long; along others the whole volume lies inside the
// crop, padded with the low end of the window. A crop that is nearly constant
// is placed anew a few times. It panics if dst has another length.
func (s *Sampler) Random(dst []float32, step, sample int) Crop {
	src := rng.Source(s.seed, s.purpose, step, sample)
	item := intN(&src, len(s.items))
	var c Crop
	for range blankTries {
		var origin [3]int
		for a := range 3 {
			lo, hi := s.origins(item, a)
			origin[a] = lo + intN(&src, hi-lo+1)
		}
		c = s.cut(dst, item, origin, &src)
		if deviation(dst) >= blankStd {
			break
		}
	}
	return c
}

// Lesion fills dst, which is (D, H, W), with a crop that holds a uniformly
// drawn lesion at a uniformly drawn place in it: all of the lesion's box where
// that fits, always its centre. It panics if there is no lesion to draw or dst
// has another length.
func (s *Sampler) Lesion(dst []float32, step, sample int) Crop {
	if len(s.lesions) == 0 {
		panic("dataset: Sampler.Lesion: no lesions to draw from")
	}
	src := rng.Source(s.seed, s.around, step, sample)
	t := s.lesions[intN(&src, len(s.lesions))]
	g := &s.items[t.item].Geometry
	centre := g.Index(t.lesion.CentreLPSMM)
	size := g.BoxVoxels(t.lesion.SizeMM)
	var origin [3]int
	for a := range 3 {
		lo, hi := s.origins(t.item, a)
		at := min(max(int(math.Round(centre[a])), 0), g.Shape[a]-1)
		margin := min(int(math.Ceil(size[a]/2)), (s.size[a]-1)/2)
		first, last := at+margin-s.size[a]+1, at-margin
		lo, hi = min(max(lo, first), hi), max(min(hi, last), lo)
		origin[a] = lo + intN(&src, hi-lo+1)
	}
	return s.cut(dst, t.item, origin, &src)
}

// origins returns the least and the greatest origin of a crop along an axis.
func (s *Sampler) origins(item, axis int) (lo, hi int) {
	room := s.items[item].Geometry.Shape[axis] - s.size[axis]
	return min(room, 0), max(room, 0)
}

// cut draws the augmentation of a crop and reads it.
func (s *Sampler) cut(dst []float32, item int, origin [3]int, src *rand.PCG) Crop {
	it := &s.items[item]
	c := Crop{it, Placement{Origin: origin, Size: s.size}}
	if s.augment {
		word := src.Uint64()
		c.Flip = [3]bool{word&1 != 0, word&2 != 0, word&4 != 0}
		spacing := it.Geometry.SpacingMM()
		if s.size[1] == s.size[2] && math.Abs(spacing[1]-spacing[2]) <= 1e-6*spacing[1] {
			c.Quarter = int(word >> 3 & 3)
		}
	}
	start, along, sign := c.walk()
	s.volumes[item].Turned(dst, s.size, start, along, sign, it.Pad())
	return c
}

// intN returns a number from 0 to n-1 by Lemire's multiplication; the bias is
// below n·2^-64.
func intN(src *rand.PCG, n int) int {
	hi, _ := bits.Mul64(src.Uint64(), uint64(n))
	return int(hi)
}

// deviation returns the standard deviation of x.
func deviation(x []float32) float64 {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(x))
	return math.Sqrt(max(squares/n-(sum/n)*(sum/n), 0))
}
