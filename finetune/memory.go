package finetune

import "oncovox/internal/nn"

// Memory returns how many bytes a training with c of a detector on the backbone that
// preset names holds: the weights with their gradients and two moments, and what the
// networks compute in training and on validation. The volumes are mapped, and do not
// count. It builds the networks, which takes about as long as the start of a training.
func (c Config) Memory() (int64, error) {
	b, err := nn.LookupPreset(c.Preset)
	if err != nil {
		return 0, err
	}
	d, err := newDetector(spec{Backbone: b, Head: c.Head}, 0)
	if err != nil {
		return 0, err
	}
	t := &trainer{cfg: c, d: d}
	if err := t.build(); err != nil {
		return 0, err
	}
	weights := 16 * d.ps.Count()
	if t.avg != nil {
		weights += 8 * d.ps.Count() // with gradients that are never filled in
	}
	return int64(weights + t.prog.ArenaBytes() + t.scanner.prog.ArenaBytes()), nil
}
