package pretrain

import (
	"math"

	"oncovox/internal/nn"
)

// A Reference is the loss that a predictor without a network has on the same
// crops. A loss above it has learned nothing that it lacks.
type Reference struct {
	Key   string  `json:"key"` // also a column of history.csv
	Title string  `json:"title"`
	Loss  float64 `json:"loss"`
}

// A referee adds up the reference losses over batches.
type referee struct {
	b           nn.BackboneConfig
	normalise   bool
	rows        []float32 // patches of one crop
	n           float64   // hidden voxels seen
	sum, square float64   // of the hidden targets
	copied      float64   // squared errors of the nearest patches
}

func newReferee(b nn.BackboneConfig, normalise bool) *referee {
	return &referee{b: b, normalise: normalise, rows: make([]float32, b.CropVoxels())}
}

// add counts a batch.
func (r *referee) add(crops []float32, mask *nn.Mask) {
	n, p, v := r.b.Tokens(), r.b.PatchVoxels(), r.b.CropVoxels()
	batch := len(mask.From) / n
	for b := range batch {
		nn.ToPatches(r.rows, crops[b*v:(b+1)*v], r.b.Crop, r.b.Patch)
		if r.normalise {
			nn.NormaliseRows(r.rows, p)
		}
		near := nearest(r.b.Grid(), mask.From[b*n:(b+1)*n])
		for t, from := range mask.From[b*n : (b+1)*n] {
			if from >= 0 {
				continue
			}
			other := r.rows[near[t]*p:]
			for i, x := range r.rows[t*p : (t+1)*p] {
				r.sum += float64(x)
				r.square += float64(x) * float64(x)
				d := float64(x) - float64(other[i])
				r.copied += d * d
			}
			r.n += float64(p)
		}
	}
}

// references returns the loss of one constant for all voxels, the best there is,
// which is the variance of the hidden targets, and that of a copy of the nearest
// visible patch.
func (r *referee) references() []Reference {
	mean := r.sum / r.n
	return []Reference{
		{"mean_predictor", "mean predictor", r.square/r.n - mean*mean},
		{"nearest_patch", "nearest visible patch", r.copied / r.n},
	}
}

// chance is the loss of who cannot tell the crops of a SimCLR batch apart.
func chance(batch int) []Reference {
	return []Reference{{"chance", "chance", math.Log(float64(batch - 1))}}
}

// nearest returns for each token of a grid the visible one (from >= 0) that is
// closest, in patches; of equally close ones the first.
func nearest(grid [3]int, from []int) []int {
	at := func(t int) (z, y, x int) { return t / (grid[1] * grid[2]), t / grid[2] % grid[1], t % grid[2] }
	out := make([]int, len(from))
	for t := range out {
		z, y, x := at(t)
		best := -1
		for u, f := range from {
			if f < 0 {
				continue
			}
			uz, uy, ux := at(u)
			d := (z-uz)*(z-uz) + (y-uy)*(y-uy) + (x-ux)*(x-ux)
			if best < 0 || d < best {
				best, out[t] = d, u
			}
		}
	}
	return out
}
