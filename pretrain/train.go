package pretrain

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/internal/checkpoint"
	"oncovox/internal/nn"
	"oncovox/internal/optim"
	"oncovox/internal/stage"
	"oncovox/internal/tfevents"
	"oncovox/internal/whole"
)

// Run pretrains a backbone on the dataset in the role "data".
func Run(ctx context.Context, cfg Config, env stage.Env) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %w", stage.ErrConfig, err)
	}
	env.Log = env.Logger()
	dir, err := env.Input("data")
	if err != nil {
		return err
	}
	set, err := dataset.Open(dir)
	if err != nil {
		return err
	}
	defer set.Close()
	if err := whole.Sweep(env.Out); err != nil {
		return err
	}
	t, err := newTrainer(set, cfg, env)
	if err != nil {
		return err
	}
	if err := t.resume(); err != nil {
		return err
	}
	if err := t.loop(ctx); err != nil {
		return err
	}
	return t.finish()
}

func stateDir(out string) string { return filepath.Join(out, "state") }
func panelDir(out string) string { return filepath.Join(out, "reconstructions") }

// A trainer holds what a step needs.
type trainer struct {
	cfg      Config
	env      stage.Env
	backbone nn.BackboneConfig
	ps       *nn.Params
	mae      *nn.MAE    // or
	simclr   *nn.SimCLR // by method
	opt      *optim.AdamW
	train    network
	val      network
	refs     []Reference
	set      setFacts
	history  []historyRow
}

// A network is that of the method compiled for one kind of batch, and where its
// batches come from.
type network struct {
	*source
	prog *nn.Program
	crop *nn.Tensor
	mask *nn.Mask // nil with SimCLR
}

// setFacts say what was learned from, for the summary.
type setFacts struct {
	Volumes    int    `json:"volumes"`     // learned from
	Patients   int    `json:"patients"`    // learned from
	ValVolumes int    `json:"val_volumes"` // of the validation loss
	ValFrom    string `json:"val_from"`
}

func newTrainer(set *dataset.Set, cfg Config, env stage.Env) (*trainer, error) {
	b, err := cfg.backbone()
	if err != nil {
		return nil, err
	}
	items, val, from := pool(set, cfg)
	t := &trainer{cfg: cfg, env: env, backbone: b, ps: nn.NewParams(env.Seed)}
	t.set = setFacts{len(items), len(patients(items)), len(val), from}
	t.addWeights()
	o := optim.Default()
	o.Decay = cfg.WeightDecay
	t.opt = optim.NewAdamW(t.ps, o)
	if t.train.source, err = newSource(set, items, b, cfg.Mask, env.Seed, "pretrain", cfg.Augment); err != nil {
		return nil, err
	}
	if t.val.source, err = newSource(set, val, b, cfg.Mask, env.Seed, "pretrain validation", false); err != nil {
		return nil, err
	}
	if err := t.build(&t.train, true); err != nil {
		return nil, err
	}
	if err := t.build(&t.val, false); err != nil {
		return nil, err
	}
	t.refs = t.references()
	env.Log.Info("pretrain", append([]any{"method", cfg.Method, "preset", cfg.Preset, "weights", t.ps.Count(),
		"volumes", t.set.Volumes, "patients", t.set.Patients, "validation", from}, t.refWords()...)...)
	if cfg.Transductive {
		env.Log.Warn("the volumes of test patients are learned from: transductive is set")
	}
	return t, nil
}

// addWeights makes the weights of the method.
func (t *trainer) addWeights() {
	if t.cfg.Method == methodSimCLR {
		t.simclr = nn.NewSimCLR(t.backbone, t.ps)
	} else {
		t.mae = nn.NewMAE(t.backbone, t.ps)
	}
}

// refWords returns the reference losses for the log.
func (t *trainer) refWords() []any {
	var words []any
	for _, r := range t.refs {
		words = append(words, r.Title, short(r.Loss))
	}
	return words
}

func short(v float64) string { return fmt.Sprintf("%.4f", v) }

// build compiles the network for parts of batches of the config's size. Its loss
// is the part's share of the batch's.
func (t *trainer) build(n *network, train bool) error {
	tokens := t.backbone.Tokens()
	g := nn.NewGraph(train)
	if t.cfg.BF16 {
		g.UseBF16()
	}
	if t.cfg.Recompute {
		g.Recompute()
	}
	parts := t.cfg.parts()
	batch := t.cfg.Batch / parts
	n.crop = g.GridInput("crop", batch, t.backbone.Crop, 1)
	var loss *nn.Tensor
	if t.simclr != nil {
		loss = t.simclr.Loss(g, n.crop, t.cfg.Temperature)
	} else {
		n.mask = nn.NewMask(batch, tokens, visible(tokens, t.cfg.MaskRatio))
		loss = t.mae.Loss(g, n.crop, n.mask, t.cfg.NormaliseTargets)
	}
	var err error
	n.prog, err = g.Compile([]nn.Term{{Loss: loss, Weight: 1 / float32(parts)}})
	return err
}

// load draws a part of the batch of a step.
func (n *network) load(step, part int) {
	if n.mask == nil {
		n.drawPairs(n.crop.Data(), n.crop.Batch, step)
		return
	}
	n.draw(n.crop.Data(), n.mask, step, part*n.crop.Batch)
}

// memory is what a training state keeps beside weights and moments.
type memory struct {
	History []historyRow `json:"history"`
}

// resume goes on from the newest whole state, if there is one.
func (t *trainer) resume() error {
	var m memory
	found, damaged, err := checkpoint.LoadState(stateDir(t.env.Out), t.ps, t.opt, &m)
	if err != nil {
		return err
	}
	if damaged > 0 {
		t.env.Log.Warn("passed over damaged training states", "states", damaged)
	}
	if found {
		t.history = m.History
		t.env.Log.Info("resume pretraining", "step", t.opt.Steps())
	}
	return nil
}

// save writes the state, and the history so far for whoever watches.
func (t *trainer) save() error {
	if err := checkpoint.SaveState(stateDir(t.env.Out), t.ps, t.opt, memory{t.history}, t.cfg.KeepStates); err != nil {
		return err
	}
	return t.writeHistory()
}

func (t *trainer) writeHistory() error {
	if err := whole.WriteFile(filepath.Join(t.env.Out, "history.csv"), []byte(historyCSV(t.history, t.refs)), 0o644); err != nil {
		return err
	}
	return whole.WriteFile(filepath.Join(t.env.Out, tfevents.FileName), tfevents.Encode(historyEvents(t.history, t.refs)), 0o644)
}

func (t *trainer) loop(ctx context.Context) error {
	keep := (t.cfg.Steps + maxHistory - 1) / maxHistory
	due := checkpoint.Due{Saving: t.cfg.saving(), Now: t.env.Now}
	for step := t.opt.Steps(); step < t.cfg.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, t.save())
		}
		row, err := t.step(step)
		if err != nil {
			return fmt.Errorf("step %d: %w", step+1, err)
		}
		done := step + 1
		if done%t.cfg.ValEvery == 0 || done == t.cfg.Steps {
			v, err := t.validate()
			if err != nil {
				return err
			}
			row.ValLoss = &v
			t.env.Log.Info("validation", "step", done, "loss", short(v))
		}
		if done%keep == 0 || row.ValLoss != nil {
			t.history = append(t.history, row)
		}
		if due.After(done) || done == t.cfg.Steps {
			if err := t.save(); err != nil {
				return err
			}
		}
		t.env.Progress.Report(done, t.cfg.Steps, fmt.Sprintf("loss %.4f", row.Loss))
	}
	return nil
}

// step draws a batch and changes the weights by it.
func (t *trainer) step(step int) (historyRow, error) {
	cfg := t.cfg
	lr := optim.WarmupCosine(step, int(cfg.Warmup*float64(cfg.Steps)), cfg.Steps, cfg.LearningRate, 0)
	load := func(part int) { t.train.load(step, part) }
	loss, norm, err := t.opt.Train(t.train.prog, cfg.parts(), load, lr, cfg.Clip)
	if err != nil {
		return historyRow{}, err
	}
	return historyRow{Step: step + 1, Loss: loss, LR: lr, GradNorm: norm}, nil
}

// valBatches is the number of batches of the validation loss, whose crops and
// masks are the same each time.
func (t *trainer) valBatches() int { return (t.cfg.ValCrops + t.cfg.Batch - 1) / t.cfg.Batch }

func (t *trainer) validate() (float64, error) {
	sum := 0.0
	for i := range t.valBatches() {
		for part := range t.cfg.parts() {
			t.val.load(i, part)
			if err := t.val.prog.Run(); err != nil {
				return 0, err
			}
			sum += t.val.prog.Loss()
		}
	}
	return sum / float64(t.valBatches()), nil
}

// references measures the reference losses on the batches of validate.
func (t *trainer) references() []Reference {
	if t.simclr != nil {
		return chance(t.cfg.Batch)
	}
	r := newReferee(t.backbone, t.cfg.NormaliseTargets)
	for i := range t.valBatches() {
		for part := range t.cfg.parts() {
			t.val.load(i, part)
			r.add(t.val.crop.Data(), t.val.mask)
		}
	}
	return r.references()
}
