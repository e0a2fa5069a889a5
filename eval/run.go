package eval

import (
	"context"
	"fmt"
	"math"
	"slices"

	"oncovox/dataset"
	"oncovox/internal/stage"
)

// steps of Run, for its progress.
const steps = 5

// Run judges the detections of the stage in the role "detections" on the
// labelled scans of a part of the dataset in the role "data", beside baselines,
// and writes the report. Operating points and the fine-tuning's history come
// from the stage in the role "detector", the pretraining's from that in
// "backbone", the counts of ingest from that in "volumes"; all may be missing.
// It fails with stage.ErrGate where an operating point was chosen on what is
// reported.
func Run(ctx context.Context, cfg Config, env stage.Env) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	data, err := env.Input("data")
	if err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	detections, err := env.Input("detections")
	if err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	set, err := dataset.Open(data)
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	defer set.Close()
	b, err := readBackground(env)
	if err != nil {
		return err
	}
	s, err := newStudy(cfg, set, detections)
	if err != nil {
		return err
	}
	gate, err := s.gateThresholds(b)
	if err != nil {
		return err
	}
	env.Progress.Report(0, steps, "baselines")
	if err := s.addBaselines(ctx, set); err != nil {
		return err
	}
	a, err := s.assess(ctx, b, env)
	if err != nil {
		return err
	}
	a.gates = []Gate{gateLeakage(b), gate}
	env.Progress.Report(3, steps, "pictures")
	if err := a.drawGallery(set); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return a.finish(env)
}

// finish writes the report and says what came out.
func (a *assessment) finish(env stage.Env) error {
	env.Progress.Report(4, steps, "report")
	if err := a.write(env.Out); err != nil {
		return fmt.Errorf("%w", err)
	}
	env.Progress.Report(steps, steps, "")
	if n := len(slices.Compact(slices.Sorted(slices.Values(a.study.unread)))); n > 0 {
		env.Logger().Warn("scans cannot be read: they have no picture, and baselines that need them no figures", "scans", n)
	}
	if env.Log != nil {
		d := a.results[0]
		env.Log.Info("evaluated", "scans", d.Counts.Scans, "lesions", d.Counts.Lesions,
			"CPM", spread(d.Figure("cpm")), "sensitivity at 1 FP/scan", spread(d.Figure("sensitivity_1fp")))
	}
	return nil
}

// An assessment is a study with all that was measured.
type assessment struct {
	study      *study
	background *background
	env        stage.Env
	results    []*Result // the detector's first
	points     []Point   // operating points, as judged here
	against    []Versus  // the baselines
	flow       Flow
	unread     *Unread
	gates      []Gate
	work       Point // the threshold by which sizes and pictures are judged
	charts     []*chart
	hits       []tile
	missed     []tile
	wrong      []tile
	worst      []tile // outlines that agree the least
	best       []tile // outlines that agree the most
}

// assess measures every method.
func (s *study) assess(ctx context.Context, b *background, env stage.Env) (*assessment, error) {
	a := &assessment{study: s, background: b, env: env, work: s.workingPoint(b.points)}
	env.Progress.Report(1, steps, "figures")
	for i, m := range s.methods {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		points, work := b.points, a.work.Threshold
		if i > 0 { // a baseline's scores have a scale of their own
			points, work = nil, math.Inf(-1)
		}
		r, judged := s.measure(m, points, work, env.Seed)
		a.results = append(a.results, r)
		if i == 0 {
			a.points = judged
		}
	}
	env.Progress.Report(2, steps, "comparisons")
	a.against = s.against(a.threshold(), env.Seed)
	a.unread = s.withoutUnread(b.points, a.work, env.Seed)
	a.flow = s.follow(b, a.results[0])
	var err error
	if a.results[0].Segmentation, err = s.segmentation(ctx, env.Seed); err != nil {
		return nil, err
	}
	a.drawCharts()
	return a, ctx.Err()
}

// workingPoint is the operating point for one false positive per scan, chosen
// on validation if there is one, else read off these scans.
func (s *study) workingPoint(points []Point) Point {
	for _, p := range points {
		if p.ValFPPerScan != nil && *p.ValFPPerScan == 1 {
			return p
		}
	}
	if len(points) > 0 {
		return points[0]
	}
	t := s.detector().pool.ThresholdAt(1)
	if math.IsInf(t, 1) { // not even the surest may be accepted
		t = math.MaxFloat64
	}
	return Point{Name: "1 FP/scan on these scans", Threshold: t, Source: "these scans, since no operating points were given"}
}

func (a *assessment) drawCharts() {
	a.charts = []*chart{frocChart(a.results, a.points), rocChart(a.results), prChart(a.results),
		reliabilityChart(a.results[0].Calibration), decisionChart(a.results[0].Decision), outlineChart(a.results[0].Segmentation),
		pretrainChart(&a.background.pretrainCurve, a.background.pretrain),
		finetuneChart(&a.background.finetuneCurve), validationChart(&a.background.finetuneCurve)}
}

func (a *assessment) drawGallery(set *dataset.Set) (err error) {
	hits, missed, wrong := a.study.scenes(a.work.Threshold)
	if a.hits, err = a.study.tiles(set, hits); err != nil {
		return err
	}
	if a.missed, err = a.study.tiles(set, missed); err != nil {
		return err
	}
	if a.wrong, err = a.study.tiles(set, wrong); err != nil {
		return err
	}
	a.worst, a.best, err = a.study.outlines(set, a.results[0].Segmentation)
	return err
}
