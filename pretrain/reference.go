package pretrain

import (
	"oncovox/internal/nn"
)

// References are the losses that two predictors without a network have on the
// same crops and masks. A loss above them has learned nothing that they lack.
type References struct {
	// MeanPredictor is the loss of one constant for all voxels, the best there
	// is: the variance of the hidden targets.
	MeanPredictor float64 `json:"mean_predictor_loss"`
	// NearestPatch is the loss of a copy of the nearest visible patch.
	NearestPatch float64 `json:"nearest_patch_loss"`
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

func (r *referee) references() References {
	mean := r.sum / r.n
	return References{MeanPredictor: r.square/r.n - mean*mean, NearestPatch: r.copied / r.n}
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
