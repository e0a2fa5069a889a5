package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/lesion"
	"oncovox/volume"
)

// A scan is a volume on its way through prepare.
type scan struct {
	rec     volume.Record // of the source; Labelled only where the labels may be used
	lesions []lesion.Lesion
	part    string

	// Known once it was resampled:
	to           volume.Geometry // the prepared grid
	window       window
	clip         clip
	sum, squares float64 // over the prepared voxels, as shares of the window
	voxels       string  // hex SHA-256 of the source's voxels
	print        likeness
	failed       error // why it is left out, or nil
}

// A preparation is one run of prepare.
type preparation struct {
	cfg   Config
	env   stage.Env
	in    string     // the ingest stage's folder
	out   string     // dataset/ in the stage's own
	like  *Intensity // how the dataset in the role "data" was normalised; nil for none
	scans []scan     // sorted by id
}

// Run makes the volumes of the stage in the role "volumes" ready for a model:
// it splits the patients, clamps intensities to a window, resamples to
// canonical axes and one spacing, proves that the parts share nothing, and
// normalises by the training part. It leaves dataset/, split.json,
// leakage.json, fingerprint.json and failed.jsonl, a stage.Failed for each volume
// that could not be read and was left out. Where a stage fills the role "data",
// these are the scans of an external test: all are of the test part, and normalised
// as that dataset is. A leak is an error of class
// stage.ErrGate, with leakage.json written; more failed volumes than
// cfg.MaxFailed allows are one of class stage.ErrRefused, after all were tried.
// Memory is that of a prepared volume for each thread.
func Run(ctx context.Context, cfg Config, env stage.Env) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	in, err := env.Input("volumes")
	if err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	p := &preparation{cfg: cfg, env: env, in: in, out: filepath.Join(env.Out, "dataset")}
	if like, ok := env.In["data"]; ok {
		if err := p.external(like); err != nil {
			return err
		}
	}
	if p.scans, err = selectScans(in, cfg.Modality); err != nil {
		return fmt.Errorf("%w", err)
	}
	if err := p.split(); err != nil {
		return err
	}
	if err := p.each(ctx, 0, (*preparation).resample); err != nil {
		return err
	}
	if err := p.dropFailed(); err != nil {
		return err
	}
	leaks := leakage(p.scans, cfg.NearDuplicate)
	if err := p.write(filepath.Join(env.Out, "leakage.json"), leaks); err != nil {
		return err
	}
	if err := leaks.gate(); err != nil {
		return err
	}
	return p.finish(ctx)
}

// external makes the preparation that of an external test of what learns from the
// dataset in the folder like.
func (p *preparation) external(like string) error {
	var f Fingerprint
	if err := jsonl.ReadValue(filepath.Join(like, "fingerprint.json"), &f); err != nil {
		return fmt.Errorf("%w", err)
	}
	p.like, p.cfg.Split = &f.Intensity, Split{Test: 1}
	return nil
}

// split deals out the patients, says so in split.json, and clears the folder
// of the prepared volumes of what an interrupted run left there.
func (p *preparation) split() error {
	report, err := split(p.scans, p.cfg, p.env.Seed)
	if err != nil {
		return fmt.Errorf("%w: %v", stage.ErrConfig, err)
	}
	if err := p.write(filepath.Join(p.env.Out, "split.json"), report); err != nil {
		return err
	}
	if err := os.RemoveAll(p.out); err != nil {
		return fmt.Errorf("%w", err)
	}
	for _, kind := range []string{"volumes", "masks"} {
		if err := os.MkdirAll(filepath.Join(p.out, kind), 0o755); err != nil {
			return fmt.Errorf("%w", err)
		}
	}
	return nil
}

// finish normalises the resampled volumes and lists them.
func (p *preparation) finish(ctx context.Context) error {
	mean, std := moments(p.scans)
	if p.like != nil {
		mean, std = p.like.Mean, p.like.Std
	}
	if !(std > 1e-6) {
		return fmt.Errorf("%w: the training voxels are all equal after clamping to the window: widen it", stage.ErrConfig)
	}
	rows := make([]row, len(p.scans))
	err := p.each(ctx, len(p.scans), func(p *preparation, i int) (err error) {
		rows[i], err = p.normalise(i, mean, std)
		return err
	})
	if err != nil {
		return err
	}
	var lesions []lesion.Lesion
	for _, s := range p.scans {
		lesions = append(lesions, s.lesions...)
	}
	if err := lesion.Write(filepath.Join(p.out, "lesions.jsonl"), lesions); err != nil {
		return fmt.Errorf("%w", err)
	}
	if err := jsonl.Write(filepath.Join(p.out, "volumes.jsonl"), rows, 0o644); err != nil {
		return fmt.Errorf("%w", err)
	}
	return p.write(filepath.Join(p.env.Out, "fingerprint.json"), fingerprint(p.scans, mean, std))
}

// each calls f for every scan; done counts the calls made before, of two a
// scan.
func (p *preparation) each(ctx context.Context, done int, f func(p *preparation, i int) error) error {
	err := inParallel(ctx, len(p.scans), func(i int) error { return f(p, i) }, func(n int) {
		p.env.Progress.Report(done+n, 2*len(p.scans), "")
	})
	if err != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w", err)
	}
	return err
}

// resample brings scan i to its new grid. A scan that cannot be is noted.
func (p *preparation) resample(i int) error {
	s := &p.scans[i]
	if s.failed = p.resampleScan(s); s.failed != nil && stage.EndsBatch(s.failed) {
		return s.failed
	}
	return nil
}

// dropFailed takes the scans that failed out of the others, removes what they left,
// and lists them.
func (p *preparation) dropFailed() error {
	n, failed := len(p.scans), []stage.Failed{}
	for _, s := range p.scans {
		if s.failed != nil {
			f := stage.NewFailed(s.rec.ID, s.part, p.in, s.failed)
			p.env.Logger().Warn("a scan is left out", "volume", f.Volume, "part", f.Part, "reason", f.Reason, "detail", f.Detail)
			failed = append(failed, f)
			if err := errors.Join(os.RemoveAll(p.path("volumes", &s)), os.RemoveAll(p.path("masks", &s))); err != nil {
				return err
			}
		}
	}
	p.scans = slices.DeleteFunc(p.scans, func(s scan) bool { return s.failed != nil })
	if err := jsonl.Write(filepath.Join(p.env.Out, stage.FailedFile), failed, 0o644); err != nil {
		return err
	}
	return stage.CheckFailed(failed, n, p.cfg.MaxFailed)
}

// resampleScan brings s to its new grid, as shares of its window, and its mask
// too, and notes what the other steps need.
func (p *preparation) resampleScan(s *scan) error {
	m, err := volume.Open(filepath.Join(p.in, "volumes", s.rec.ID))
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Geometry != s.rec.Geometry() || m.Unit != s.rec.Unit {
		return fmt.Errorf("volume %s: its grid or unit is not what volumes.jsonl says: ingest again", s.rec.ID)
	}
	s.window = windowOf(m, p.cfg)
	s.voxels = m.VoxelDigest()
	s.to = m.Canonical().WithSpacing(p.cfg.SpacingMM)
	v := &volume.Volume{Geometry: s.to, Modality: s.rec.Modality, Unit: s.rec.Unit}
	v.Data, err = volume.ResamplePlanes(m.Geometry, s.to, func(z int, plane []float32) {
		m.Crop(plane, [3]int{z, 0, 0}, [3]int{1, m.Shape[1], m.Shape[2]}, 0)
		s.clip.apply(plane, s.window)
	})
	if err != nil {
		return fmt.Errorf("volume %s: %w", s.rec.ID, err)
	}
	for _, u := range v.Data {
		s.sum += float64(u)
		s.squares += float64(u) * float64(u)
	}
	s.print = likenessOf(v)
	if _, err := volume.Write(p.path("volumes", s), v); err != nil {
		return err
	}
	return p.resampleMask(s)
}

// resampleMask brings the mask of s to its new grid, if it has one that may be
// used.
func (p *preparation) resampleMask(s *scan) error {
	if !s.rec.Labelled {
		return nil
	}
	m, err := volume.ReadMask(filepath.Join(p.in, "masks", s.rec.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	to, err := m.Resample(s.to)
	if err != nil {
		return fmt.Errorf("mask of volume %s: %w", s.rec.ID, err)
	}
	_, err = volume.WriteMask(p.path("masks", s), to)
	return err
}

// normalise brings the resampled scan i to mean 0 and deviation 1 over the
// training part.
func (p *preparation) normalise(i int, mean, std float64) (row, error) {
	s := &p.scans[i]
	v, err := volume.Read(p.path("volumes", s))
	if err != nil {
		return row{}, err
	}
	for i, u := range v.Data {
		v.Data[i] = float32((float64(u) - mean) / std)
	}
	stored, err := volume.Write(p.path("volumes", s), v)
	if err != nil {
		return row{}, err
	}
	width := s.window.high - s.window.low
	r := row{
		Record: s.rec, Part: s.part, SourceDigest: s.rec.Digest,
		Scale: width * std, Offset: s.window.low + width*mean,
		WindowLow: s.window.low, WindowHigh: s.window.high,
	}
	r.Shape, r.SpacingMM, r.Affine = s.to.Shape, s.to.SpacingMM(), s.to.Affine
	r.DType, r.Digest = stored.DType, stored.Digest
	if !(r.Scale > 0) || math.IsInf(r.Scale, 0) {
		return row{}, fmt.Errorf("volume %s: window from %v to %v is too narrow or too wide", r.ID, s.window.low, s.window.high)
	}
	return r, nil
}

// path returns where the prepared volume or mask of s lies.
func (p *preparation) path(kind string, s *scan) string { return filepath.Join(p.out, kind, s.rec.ID) }

func (p *preparation) write(path string, v any) error {
	if err := jsonl.WriteValue(path, v, 0o644); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
