package pretrain

import "oncovox/internal/nn"

// Memory returns how many bytes a training with c holds: the weights with their
// gradients and two moments, and what the networks compute in training and on
// validation. The volumes are mapped, and do not count. It builds the networks, which
// takes about as long as the start of a training.
func (c Config) Memory() (int64, error) {
	b, err := c.backbone()
	if err != nil {
		return 0, err
	}
	t := &trainer{cfg: c, backbone: b, ps: nn.NewParams(0)}
	t.addWeights()
	for n, train := range map[*network]bool{&t.train: true, &t.val: false} {
		if err := t.build(n, train); err != nil {
			return 0, err
		}
	}
	return int64(16*t.ps.Count() + t.train.prog.ArenaBytes() + t.val.prog.ArenaBytes()), nil
}
