package finetune

import (
	"encoding/json"
	"fmt"

	"oncovox/internal/checkpoint"
	"oncovox/internal/nn"
)

// metaKey names the entry of a checkpoint's metadata that describes a detector.
const metaKey = "detector"

// A Detector is a backbone with a head, and all that is needed to build it
// again.
type Detector struct {
	spec
	ps       *nn.Params
	backbone *nn.Backbone
}

// spec is what a detector's checkpoint says of it.
type spec struct {
	Backbone  nn.BackboneConfig `json:"backbone"`
	Head      HeadConfig        `json:"head"`
	SpacingMM [3]float64        `json:"spacing_mm"` // z, y, x of the volumes it was trained on
	Modality  string            `json:"modality"`

	Calibration *Calibration `json:"calibration,omitempty"` // of its scores; nil where they are heat
}

// newDetector returns a detector with first weights drawn from seed.
func newDetector(s spec, seed int64) (*Detector, error) {
	if err := s.Backbone.Validate(); err != nil {
		return nil, fmt.Errorf("backbone: %w", err)
	}
	if err := headFits(s.Backbone); err != nil {
		return nil, err
	}
	if err := s.Head.Validate(); err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	d := &Detector{spec: s, ps: nn.NewParams(seed)}
	d.backbone = nn.NewBackbone(s.Backbone, d.ps)
	addHead(s.Head, s.Backbone, d.skips(), d.ps)
	return d, nil
}

// skips returns the channels of the stem's grids that the head takes in: those
// as fine as the map.
func (d *Detector) skips() []int {
	if w := d.ps.Get("stem.0.conv.weight"); w != nil {
		return []int{w.Shape[0]}
	}
	return nil
}

// build adds the whole detector to g and returns its input, a grid of batch
// crops, and its map.
func (d *Detector) build(g *nn.Graph, batch int) (crop, out *nn.Tensor) {
	crop = g.GridInput("crop", batch, d.Backbone.Crop, 1)
	f := d.backbone.Encode(g, crop, nil, nil)
	return crop, head(g, d.ps, crop, f, d.Backbone.Patch[0])
}

// save writes the detector to the file at path.
func (d *Detector) save(path string) error {
	meta, err := json.Marshal(d.spec)
	if err != nil {
		return err
	}
	return checkpoint.Write(path, checkpoint.File{
		Tensors: checkpoint.Weights(d.ps),
		Meta:    map[string]string{metaKey: string(meta)},
	})
}

// Load reads the detector that a fine-tuning stage wrote to the file at path.
// Every weight must be there and no other.
func Load(path string) (*Detector, error) {
	f, err := checkpoint.Read(path)
	if err != nil {
		return nil, err
	}
	var s spec
	if err := json.Unmarshal([]byte(f.Meta[metaKey]), &s); err != nil {
		return nil, fmt.Errorf("%s: no description of a detector: %v", path, err)
	}
	d, err := newDetector(s, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := f.Assign(d.ps, nil, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}
