package finetune

import (
	"context"
	"fmt"
	"math"

	"oncovox/dataset"
)

// A drawer fills batches with crops: of labelled scans around lesions and anywhere,
// around what was wrongly found on them, and of scans without labels.
type drawer struct {
	cfg  Config
	seed int64
	set  *dataset.Set
	crop [3]int // sides

	train, pool []dataset.Item           // labelled scans to learn from; those whose labels are not known, or left out
	truth       map[string]*dataset.Item // of train, by id

	labelled *dataset.Sampler
	hard     *dataset.Sampler // of train, with what was wrongly found as lesions; nil where there is none
	pseudo   *dataset.Sampler // of the pool as far as it was searched, with what is believed as lesions; nil before
}

func newDrawer(cfg Config, seed int64, set *dataset.Set, crop [3]int, train, pool []dataset.Item) (*drawer, error) {
	d := &drawer{cfg: cfg, seed: seed, set: set, crop: crop, train: train, pool: pool, truth: map[string]*dataset.Item{}}
	for i := range train {
		d.truth[train[i].ID] = &train[i]
	}
	var err error
	d.labelled, err = d.sampler(train, "finetune")
	return d, err
}

func (d *drawer) sampler(items []dataset.Item, purpose string) (*dataset.Sampler, error) {
	if len(items) == 0 {
		return nil, nil
	}
	return dataset.NewSampler(d.set, items, d.crop, d.seed, purpose, d.cfg.Augment)
}

// unlabelled returns the items of all that are not in train, without the labels that
// they may have.
func unlabelled(all, train []dataset.Item) []dataset.Item {
	taken := map[string]bool{}
	for _, it := range train {
		taken[it.ID] = true
	}
	var out []dataset.Item
	for _, it := range all {
		if !taken[it.ID] {
			it.Labelled, it.Lesions = false, nil
			out = append(out, it)
		}
	}
	return out
}

// takeUp makes crops be drawn around what searches found, and returns how many false
// detections and believed lesions there are.
func (d *drawer) takeUp(hard, pool *searched) (mistaken, believed int, err error) {
	var items []dataset.Item
	items, mistaken = hard.mistaken(d.train, d.cfg.rule())
	if d.hard, err = d.sampler(items, "finetune hard"); err != nil {
		return 0, 0, err
	}
	items, believed = pool.believed(d.pool, d.cfg.SelfTraining.Confidence)
	d.pseudo, err = d.sampler(items, "finetune unlabelled")
	return mistaken, believed, err
}

// fill draws the batch of a step into crops and targets.
func (d *drawer) fill(crops []float32, targets *Targets, step int) {
	targets.Clear()
	n, batch := len(crops)/d.cfg.Batch, d.cfg.Batch
	foreign := 0 // crops without labels, the last of the batch
	if d.pseudo != nil {
		foreign = int(math.Round(d.cfg.SelfTraining.Share * float64(batch)))
	}
	own := batch - foreign
	around := int(math.Ceil(d.cfg.LesionShare * float64(own)))
	hard := 0
	if d.hard != nil {
		hard = int(math.Round(d.cfg.HardNegatives.Share * float64(own-around)))
	}
	aroundForeign := 0
	if foreign > 0 && d.pseudo.Lesions() > 0 {
		aroundForeign = int(math.Ceil(d.cfg.LesionShare * float64(foreign)))
	}
	weight := float32(d.cfg.SelfTraining.ramp(step, d.cfg.Steps))
	for b := range batch {
		x := crops[b*n : (b+1)*n]
		switch {
		case b < around:
			targets.Draw(b, d.labelled.Lesion(x, step, b), 1)
		case b < around+hard:
			c := d.hard.Lesion(x, step, b)
			c.Item = d.truth[c.Item.ID]
			targets.Draw(b, c, 1)
		case b < own:
			targets.Draw(b, d.labelled.Random(x, step, b), 1)
		case b < own+aroundForeign:
			targets.Draw(b, d.pseudo.Lesion(x, step, b), weight)
		default:
			targets.Draw(b, d.pseudo.Random(x, step, b), weight)
		}
	}
}

// search runs the detector over training scans where that is due before a step.
func (t *trainer) search(ctx context.Context, step int) error {
	h, u := t.cfg.HardNegatives, t.cfg.SelfTraining
	wrong := h.Share > 0 && step > 0 && step%h.Every == 0
	own := u.Share > 0 && len(t.draw.pool) > 0 && step > 0 && step%u.Every == 0
	if wrong {
		if err := t.Hard.search(ctx, t.scanner, t.set, t.draw.train, h.Scans); err != nil {
			return err
		}
	}
	if own {
		if err := t.Pool.search(ctx, t.scanner, t.set, t.draw.pool, u.Scans); err != nil {
			return err
		}
	}
	if !wrong && !own {
		return nil
	}
	return t.takeUp(step)
}

func (t *trainer) takeUp(step int) error {
	mistaken, believed, err := t.draw.takeUp(&t.Hard, &t.Pool)
	if err != nil {
		return fmt.Errorf("draw around what was found: %w", err)
	}
	t.env.Log.Debug("training scans searched", "step", step, "false detections", mistaken, "lesions believed", believed)
	return nil
}
