package finetune

import (
	"oncovox/internal/checkpoint"
	"oncovox/internal/nn"
)

// An average is a detector whose weights follow those of another that learns
// (Tarvainen and Valpola 2017): it finds better than the last step's, which the last
// few crops have pulled about.
type average struct {
	*Detector
	decay float64
}

// newAverage returns one that begins with the weights of d.
func newAverage(d *Detector, decay float64) (*average, error) {
	e, err := newDetector(d.spec, 0)
	if err != nil {
		return nil, err
	}
	for i, p := range d.ps.All() {
		copy(e.ps.All()[i].W, p.W)
	}
	return &average{e, decay}, nil
}

// follow moves the average towards the weights in ps as they are after so many steps.
// In the first steps it moves faster than decay says, so that what it began with is
// soon forgotten.
func (a *average) follow(ps *nn.Params, steps int) {
	k := float32(1 - min(a.decay, float64(steps)/float64(steps+9)))
	for i, p := range ps.All() {
		to := a.ps.All()[i].W
		for j, w := range p.W {
			to[j] += float32(k * (w - to[j])) // rounded, lest some machine fuse the two
		}
	}
}

// tensors returns the weights as a training state holds them, nothing for nil.
func (a *average) tensors() []checkpoint.Tensor {
	if a == nil {
		return nil
	}
	return checkpoint.Weights(a.ps)
}
