package pretrain

import (
	"math"
	"slices"

	"oncovox/dataset"
	"oncovox/internal/nn"
	"oncovox/internal/rng"
)

// Where the crops of the validation loss come from.
const (
	fromVal      = "validation patients"
	fromHeldBack = "training patients held back"
	fromTraining = "the training volumes themselves"
)

// pool returns the volumes to learn from and those of the validation loss, and
// where the latter come from. Without a validation part, a share of the
// training patients is held back, at least one; a single patient serves for
// both.
func pool(set *dataset.Set, cfg Config) (train, val []dataset.Item, from string) {
	train, val, from = set.Items(dataset.Train), set.Items(dataset.Val), fromVal
	if len(val) == 0 {
		train, val, from = holdBack(train, cfg.HoldBack)
	}
	if cfg.Transductive {
		train = append(train, set.Items(dataset.Test)...)
	}
	return train, val, from
}

// holdBack splits items by patient: the last share of the patients in the
// order of their ids, which are hashes.
func holdBack(items []dataset.Item, share float64) (train, val []dataset.Item, from string) {
	ids := patients(items)
	n := max(1, int(math.Round(share*float64(len(ids)))))
	if len(ids) < 2 {
		return items, items, fromTraining
	}
	first := ids[len(ids)-n]
	for _, it := range items {
		if it.Patient >= first {
			val = append(val, it)
		} else {
			train = append(train, it)
		}
	}
	return train, val, fromHeldBack
}

// patients returns the ids of the items' patients, sorted.
func patients(items []dataset.Item) []string {
	var ids []string
	for _, it := range items {
		ids = append(ids, it.Patient)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// A source draws batches: crops from a sampler, and masks from random numbers
// of their own. It holds no state.
type source struct {
	sampler *dataset.Sampler
	seed    int64
	purpose string
	grid    [3]int // of tokens
	mask    string // its shape
}

func newSource(set *dataset.Set, items []dataset.Item, b nn.BackboneConfig, mask string, seed int64, purpose string, augment bool) (*source, error) {
	s, err := dataset.NewSampler(set, items, b.Crop, seed, purpose, augment)
	if err != nil {
		return nil, err
	}
	return &source{s, seed, purpose, b.Grid(), mask}, nil
}

// draw fills a part of a step's batch, which begins at sample first, and its mask.
func (s *source) draw(crops []float32, mask *nn.Mask, step, first int) {
	tokens := s.grid[0] * s.grid[1] * s.grid[2]
	batch := len(mask.From) / tokens
	n := len(crops) / batch
	for b := range batch {
		s.sampler.Random(crops[b*n:(b+1)*n], step, first+b)
		r := rng.At(s.seed, s.purpose+" mask", step, first+b)
		mask.Set(b, tokens, maskOrder(s.mask, s.grid, len(mask.Visible)/batch, r))
	}
}
