package finetune

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/internal/checkpoint"
	"oncovox/internal/jsonl"
	"oncovox/internal/nn"
	"oncovox/internal/optim"
	"oncovox/internal/stage"
	"oncovox/internal/tfevents"
	"oncovox/internal/whole"
)

// Files that the stage leaves.
const (
	detectorFile = "detector.safetensors"
	bestFile     = "best.safetensors" // in the state
)

// Run is the stage that trains a detector on the labelled part of the dataset
// in role "data", from the backbone in role "backbone" or in the folder
// cfg.Weights or, without one, from random weights of the preset. It leaves detector.safetensors, history.csv and
// operating_points.json, and keeps its state to resume from.
func Run(ctx context.Context, cfg Config, env stage.Env) error {
	env.Log = env.Logger()
	data, err := env.Input("data")
	if err != nil {
		return err
	}
	set, err := dataset.Open(data)
	if err != nil {
		return err
	}
	defer set.Close()
	train, val := fewer(labelled(set.Items(dataset.Train)), cfg.Labels, env.Seed), labelled(set.Items(dataset.Val))
	if len(train) == 0 {
		return fmt.Errorf("%w: no labelled training scans to learn from", stage.ErrConfig)
	}
	d, err := start(cfg, env, train[0])
	if err != nil {
		return err
	}
	if err := errors.Join(d.suits(train), d.suits(val)); err != nil {
		return err
	}
	t, err := newTrainer(cfg, env, d, set, train, val)
	if err != nil {
		return err
	}
	if err := whole.Sweep(env.Out); err != nil {
		return err
	}
	if err := t.resume(); errors.Is(err, errAnew) {
		return Run(ctx, cfg, env)
	} else if err != nil {
		return err
	}
	if err := t.loop(ctx); err != nil {
		return err
	}
	return t.finish()
}

// start builds the detector and, where a backbone is given, loads its encoder.
func start(cfg Config, env stage.Env, like dataset.Item) (*Detector, error) {
	s := spec{Head: cfg.Head, SpacingMM: like.Geometry.SpacingMM(), Modality: like.Modality}
	var f checkpoint.File
	dir, pretrained := env.In["backbone"]
	if cfg.Weights != "" {
		if pretrained {
			return nil, fmt.Errorf("%w: weights %s: a stage fills the role \"backbone\": leave out one of the two", stage.ErrConfig, cfg.Weights)
		}
		dir, pretrained = cfg.Weights, true
	}
	var err error
	if pretrained {
		path := filepath.Join(dir, "backbone.safetensors")
		if f, err = checkpoint.Read(path); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(f.Meta["backbone"]), &s.Backbone); err != nil {
			return nil, fmt.Errorf("%s: no description of a backbone: %v", path, err)
		}
	} else if s.Backbone, err = nn.LookupPreset(cfg.Preset); err != nil {
		return nil, err
	}
	d, err := newDetector(s, env.Seed)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	if pretrained {
		// The head alone is new, and what only pretraining needs is left behind.
		if err := f.Assign(d.ps, checkpoint.Prefixes(headPrefix), nn.LeftBehind); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	if cfg.Freeze {
		head := checkpoint.Prefixes(headPrefix)
		for _, p := range d.ps.All() {
			p.Frozen = !head(p.Name)
		}
	}
	return d, nil
}

// A trainer holds what a step needs.
type trainer struct {
	cfg     Config
	env     stage.Env
	d       *Detector
	set     *dataset.Set
	val     []dataset.Item
	sampler *dataset.Sampler
	prog    *nn.Program
	crop    *nn.Tensor // the part of a batch under way
	targets *Targets   // of it
	crops   []float32  // of the whole batch
	all     *Targets   // of the whole batch
	parts   Losses     // of the step under way
	opt     *optim.AdamW
	avg     *average // of the weights; nil for none
	scanner *Scanner // of the detector that is kept
	memory
}

// shown returns the detector that is validated and kept.
func (t *trainer) shown() *Detector {
	if t.avg != nil {
		return t.avg.Detector
	}
	return t.d
}

// memory is what a trainer remembers beside weights and moments.
type memory struct {
	History  []historyRow    `json:"history"`
	BestStep int             `json:"best_step"` // whose weights detected best on validation so far; 0 before any
	BestAP   float64         `json:"best_ap"`   // there
	Points   operatingPoints `json:"points"`    // there
}

func newTrainer(cfg Config, env stage.Env, d *Detector, set *dataset.Set, train, val []dataset.Item) (*trainer, error) {
	t := &trainer{cfg: cfg, env: env, d: d, set: set, val: val}
	var err error
	if t.sampler, err = dataset.NewSampler(set, train, d.Backbone.Crop, env.Seed, "finetune", cfg.Augment); err != nil {
		return nil, err
	}
	if t.sampler.Lesions() == 0 {
		return nil, fmt.Errorf("%w: the labelled training scans hold no lesion to learn from", stage.ErrConfig)
	}
	o := optim.Default()
	o.Decay = cfg.WeightDecay
	o.RateScale = optim.LayerDecay(cfg.LayerDecay, d.Backbone.Depth)
	t.opt = optim.NewAdamW(d.ps, o)
	return t, t.build()
}

// build compiles the detector for training and for validation, and makes room for
// a batch.
func (t *trainer) build() (err error) {
	g := nn.NewGraph(true)
	var out *nn.Tensor
	if t.cfg.Recompute {
		g.Recompute()
	}
	batch, crop := t.cfg.Batch/t.cfg.parts(), t.d.Backbone.Crop
	t.crop, out = t.d.build(g, batch)
	t.targets, t.all = NewTargets(batch, crop), NewTargets(t.cfg.Batch, crop)
	t.crops = make([]float32, t.cfg.Batch*t.d.Backbone.CropVoxels())
	loss := detectionLoss(g, out, t.targets, &t.parts)
	if t.prog, err = g.Compile([]nn.Term{{Loss: loss, Weight: 1}}); err != nil {
		return fmt.Errorf("build the detector: %w", err)
	}
	if t.cfg.EMA > 0 {
		if t.avg, err = newAverage(t.d, t.cfg.EMA); err != nil {
			return err
		}
	}
	t.scanner, err = NewScanner(t.shown(), t.cfg.Batch, t.cfg.Overlap, t.cfg.Flips)
	return err
}

func (t *trainer) stateDir() string { return filepath.Join(t.env.Out, "state") }
func (t *trainer) bestPath() string { return filepath.Join(t.stateDir(), bestFile) }

// errAnew says that there is nothing to go on from any more.
var errAnew = errors.New("begin anew")

// resume goes on from the newest whole state, if there is one. If the best weights
// that it speaks of are damaged or gone, it removes all states and returns errAnew.
func (t *trainer) resume() error {
	found, damaged, err := checkpoint.LoadState(t.stateDir(), t.d.ps, t.opt, &t.memory, t.avg.tensors()...)
	if err != nil {
		return err
	}
	if damaged > 0 {
		t.env.Log.Warn("passed over damaged training states", "states", damaged)
	}
	if t.BestStep > 0 {
		_, err := checkpoint.Read(t.bestPath())
		if errors.Is(err, checkpoint.ErrFormat) || errors.Is(err, fs.ErrNotExist) {
			t.env.Log.Warn("the best weights so far are damaged or gone: fine-tuning begins anew", "step", t.opt.Steps())
			return cmp.Or(os.RemoveAll(t.stateDir()), errAnew)
		}
		if err != nil {
			return err
		}
	}
	if found {
		t.env.Log.Info("resume fine-tuning", "step", t.opt.Steps())
	}
	return nil
}

// save writes the state, and the history so far for whoever watches.
func (t *trainer) save() error {
	if err := checkpoint.SaveState(t.stateDir(), t.d.ps, t.opt, t.memory, t.cfg.KeepStates, t.avg.tensors()...); err != nil {
		return err
	}
	return t.writeHistory()
}

func (t *trainer) writeHistory() error {
	if err := whole.WriteFile(filepath.Join(t.env.Out, "history.csv"), []byte(historyCSV(t.History)), 0o644); err != nil {
		return err
	}
	return whole.WriteFile(filepath.Join(t.env.Out, tfevents.FileName), tfevents.Encode(historyEvents(t.History)), 0o644)
}

func (t *trainer) loop(ctx context.Context) error {
	due := checkpoint.Due{Saving: t.cfg.saving(), Now: t.env.Now}
	for step := t.opt.Steps(); step < t.cfg.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, t.save())
		}
		row, err := t.step(step)
		if err != nil {
			return err
		}
		done := step + 1
		if t.avg != nil {
			t.avg.follow(t.d.ps, done)
		}
		if done%t.cfg.ValEvery == 0 || done == t.cfg.Steps {
			if err := t.validate(ctx, &row); err != nil {
				return err
			}
		}
		t.History = append(t.History, row)
		if due.After(done) || done == t.cfg.Steps {
			if err := t.save(); err != nil {
				return err
			}
		}
		t.env.Progress.Report(done, t.cfg.Steps, fmt.Sprintf("loss %.3f", row.Loss))
	}
	return nil
}

// step draws a batch and changes the weights by it.
func (t *trainer) step(step int) (historyRow, error) {
	cfg := t.cfg
	t.all.Clear()
	n := len(t.crops) / cfg.Batch
	withLesion := int(math.Ceil(cfg.LesionShare * float64(cfg.Batch)))
	for b := range cfg.Batch {
		draw := t.sampler.Random
		if b < withLesion {
			draw = t.sampler.Lesion
		}
		t.all.Draw(b, draw(t.crops[b*n:(b+1)*n], step, b))
	}
	lr := optim.WarmupCosine(step, int(cfg.Warmup*float64(cfg.Steps)), cfg.Steps, cfg.LearningRate, 0)
	t.parts = Losses{}
	_, norm, err := t.opt.Train(t.prog, cfg.parts(), t.load, lr, cfg.Clip)
	if err != nil {
		return historyRow{}, fmt.Errorf("step %d: %w", step+1, err)
	}
	return historyRow{Step: step + 1, Loss: t.parts.Total(), Losses: t.parts, LR: lr, GradNorm: norm}, nil
}

// load puts a part of the batch where the program reads it.
func (t *trainer) load(part int) {
	x := t.crop.Data()
	copy(x, t.crops[part*len(x):])
	t.targets.takePart(t.all, part)
}

// validate detects on the whole validation scans and keeps the weights if none
// before were better. Without labelled validation scans the last weights win.
func (t *trainer) validate(ctx context.Context, row *historyRow) error {
	p := DefaultPredict()
	found, err := t.scanner.detect(ctx, t.set, t.val, p.MinScore, p.MaxDetections, nil, nil)
	if err != nil {
		return err
	}
	c := newCurve(t.val, found, t.cfg.rule())
	if c.counts.Lesions > 0 {
		ap, cpm := c.pool.AP(nil), c.pool.FROC(nil).CPM()
		row.ValAP, row.ValCPM = &ap, &cpm
		t.env.Log.Info("validation", "step", row.Step, "ap", fmt.Sprintf("%.3f", ap), "cpm", fmt.Sprintf("%.3f", cpm))
		if t.BestStep > 0 && ap < t.BestAP {
			return nil
		}
		t.BestAP = ap
	}
	t.BestStep, t.Points = row.Step, c.points()
	if err := os.MkdirAll(t.stateDir(), 0o755); err != nil {
		return err
	}
	return t.shown().save(t.bestPath())
}

// finish takes the best weights up again, and writes what the stage leaves.
func (t *trainer) finish() error {
	f, err := checkpoint.Read(t.bestPath())
	if err != nil {
		return err
	}
	if err := f.Assign(t.d.ps, nil, nil); err != nil {
		return err
	}
	if t.Points.Lesions == 0 {
		t.env.Log.Warn("no lesions in the validation scans: the last weights were taken, and there are no operating points")
	}
	t.env.Log.Info("fine-tuned", "best step", t.BestStep, "of", t.cfg.Steps)
	return errors.Join(
		checkpoint.KeepNewest(t.stateDir()),
		jsonl.WriteValue(filepath.Join(t.env.Out, "operating_points.json"), t.Points, 0o644),
		t.writeHistory(),
		t.d.save(filepath.Join(t.env.Out, detectorFile)),
	)
}
