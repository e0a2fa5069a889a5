package finetune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/internal/checkpoint"
	"oncovox/internal/jsonl"
	"oncovox/internal/nn"
	"oncovox/internal/optim"
	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// Files that the stage leaves.
const (
	detectorFile    = "detector.safetensors"
	pointsFile      = "operating_points.json"
	calibrationFile = "calibration.json"
	bestFile        = "best.safetensors" // in the state
)

// Run is the stage that trains a detector on the labelled part of the dataset
// in role "data", from the backbone in role "backbone" or in cfg.Weights or, without
// one, from random weights of the preset. It leaves detector.safetensors, history.csv,
// operating_points.json and, where scores are calibrated, calibration.json, and keeps
// its state to resume from.
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
	var pool []dataset.Item
	if cfg.SelfTraining.Share > 0 {
		if pool = unlabelled(set.Items(dataset.Train), train); len(pool) == 0 {
			env.Log.Warn("every training scan has labels that are learned from: self_training changes nothing")
		}
	}
	if err := errors.Join(d.suits(train), d.suits(val), d.suits(pool)); err != nil {
		return err
	}
	draw, err := newDrawer(cfg, env.Seed, set, d.Backbone.Crop, train, pool)
	if err != nil {
		return err
	}
	t, err := newTrainer(cfg, env, d, draw, val)
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
		path := dir
		if info, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%w: the pretrained weights: %v", stage.ErrConfig, err)
		} else if info.IsDir() {
			path = filepath.Join(dir, "backbone.safetensors")
		}
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
	draw    *drawer
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

func newTrainer(cfg Config, env stage.Env, d *Detector, draw *drawer, val []dataset.Item) (*trainer, error) {
	t := &trainer{cfg: cfg, env: env, d: d, set: draw.set, val: val, draw: draw}
	if draw.labelled.Lesions() == 0 {
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

func (t *trainer) loop(ctx context.Context) error {
	due := checkpoint.Due{Saving: t.cfg.saving(), Now: t.env.Now}
	for step := t.opt.Steps(); step < t.cfg.Steps; step++ {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, t.save())
		}
		if err := t.search(ctx, step); err != nil {
			return err
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
	t.draw.fill(t.crops, t.all, step)
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
	if t.cfg.Calibrate {
		if t.Calibration = c.calibrate(); t.Calibration != nil {
			t.Calibration.apply(found)
			c = newCurve(t.val, found, t.cfg.rule())
		}
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
	t.d.Calibration = t.Calibration
	if t.Points.Lesions == 0 {
		t.env.Log.Warn("no lesions in the validation scans: the last weights were taken, and there are no operating points")
	}
	if t.Calibration != nil {
		if err := jsonl.WriteValue(filepath.Join(t.env.Out, calibrationFile), t.Calibration, 0o644); err != nil {
			return err
		}
	} else if t.cfg.Calibrate {
		t.env.Log.Warn("the detections on the validation scans are too few to calibrate scores: they stay as they are")
	}
	t.env.Log.Info("fine-tuned", "best step", t.BestStep, "of", t.cfg.Steps)
	return errors.Join(
		checkpoint.KeepNewest(t.stateDir()),
		jsonl.WriteValue(filepath.Join(t.env.Out, pointsFile), t.Points, 0o644),
		t.writeHistory(),
		t.d.save(filepath.Join(t.env.Out, detectorFile)),
	)
}
