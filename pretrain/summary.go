package pretrain

import (
	"encoding/json"
	"path/filepath"

	"oncovox/internal/checkpoint"
	"oncovox/internal/jsonl"
	"oncovox/internal/nn"
)

// summary is pretrain.json.
type summary struct {
	setFacts
	Method            string            `json:"method"`
	References        []Reference       `json:"references"`
	Backbone          nn.BackboneConfig `json:"backbone"`
	Preset            string            `json:"preset"`
	MaskRatio         float64           `json:"mask_ratio"`
	Mask              string            `json:"mask"`
	NormalisedTargets bool              `json:"normalised_targets"`
	Transductive      bool              `json:"transductive"`
	Steps             int               `json:"steps"`
	Crops             int               `json:"crops"` // drawn in all
	Parameters        int               `json:"parameters"`
	EncoderParameters int               `json:"encoder_parameters"`
	TrainLoss         float64           `json:"train_loss"` // mean of the last tenth of the history
	ValLoss           float64           `json:"val_loss"`
}

// finish writes what the training leaves. Nothing is taken to be there: a run
// may have been killed right after its last state.
func (t *trainer) finish() error {
	if err := t.writeHistory(); err != nil {
		return err
	}
	b, err := json.Marshal(t.backbone)
	if err != nil {
		return err
	}
	err = checkpoint.Write(filepath.Join(t.env.Out, "backbone.safetensors"), checkpoint.File{
		Tensors: checkpoint.Weights(t.ps),
		Meta:    map[string]string{"backbone": string(b)},
	})
	if err != nil {
		return err
	}
	if err := t.drawPanels(); err != nil {
		return err
	}
	s := summary{
		Method: t.cfg.Method, References: t.refs, setFacts: t.set, Backbone: t.backbone, Preset: t.cfg.Preset,
		MaskRatio: t.cfg.MaskRatio, Mask: t.cfg.Mask, NormalisedTargets: t.cfg.NormaliseTargets, Transductive: t.cfg.Transductive,
		Steps: t.cfg.Steps, Crops: t.cfg.Steps * t.cfg.Batch, Parameters: t.ps.Count(),
	}
	for _, p := range t.ps.All() {
		if !nn.LeftBehind(p.Name) {
			s.EncoderParameters += len(p.W)
		}
	}
	last := t.history[len(t.history)-max(1, len(t.history)/10):]
	for _, r := range last {
		s.TrainLoss += r.Loss / float64(len(last))
	}
	s.ValLoss = *last[len(last)-1].ValLoss
	t.env.Log.Info("pretrained", append([]any{"validation loss", short(s.ValLoss)}, t.refWords()...)...)
	if err := checkpoint.KeepNewest(stateDir(t.env.Out)); err != nil {
		return err
	}
	return jsonl.WriteValue(filepath.Join(t.env.Out, "pretrain.json"), s, 0o644)
}
