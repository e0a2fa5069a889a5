package dicomio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// Version is raised when the same sources and settings would give other
// artifacts.
const Version = 6

// Run reads the archives in cfg.Sources, in the folder of the role "archives" and
// in cfg.Labels, and leaves in env.Out:
//
//	volumes.jsonl   a volume.Record for each volume
//	refused.jsonl   a Refused for each series, part, file or label left out
//	lesions.jsonl   a lesion.Lesion for each lesion
//	volumes/<id>/   the voxels (package volume)
//	masks/<id>/     the voxels of the lesions, where a volume has any
//	made.jsonl      a line for each volume: the digest of what it was made from
//	frames          the digests of all frames
//	ingest.json     counts
//	crosswalk.jsonl what each id stands for; private
//	key             the key of the ids; private
//
// It fails with stage.ErrConfig for settings that cannot be used, sources without
// a DICOM object among them, and with stage.ErrRefused, after all is written, if
// a larger share of the series was refused than cfg.MaxRefused. One bad file or series never ends it; an archive
// that cannot be read to its end is also logged, by the name of its source, and
// so is how many structure sets have regions but none that cfg.ROI matches.
//
// Decoded slices wait in env.Out/state meanwhile, and a journal there says what is
// done: after ctx is done, a fault of the machine or a kill, another Run with the
// same sources and settings goes on from it and leaves the same bytes. Of the finished
// ingest in env.Previous it takes the volumes that would be made from the same slices
// in the same way, and decodes the DICOM files of other series only. Memory is that of a few planes
// and one file a worker, of 16 bytes a slice, of about a kilobyte a series, of 24 bytes a corner
// of the lesions' outlines, and of a bit a pixel of the boxes of their segments.
func Run(ctx context.Context, cfg Config, env stage.Env) error {
	return run(ctx, cfg, env, systemDisk())
}

// run is Run with sources on d.
func run(ctx context.Context, cfg Config, env stage.Env, d *disk) error {
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("%w: %w", stage.ErrConfig, err)
	}
	sources := slices.Clone(cfg.Sources)
	if dir, err := env.Input("archives"); err == nil {
		sources = append(sources, dir)
	}
	if len(sources) == 0 {
		return fmt.Errorf("%w: no sources, and no stage in the role \"archives\"", stage.ErrConfig)
	}
	ids, err := newIDMaker(cfg, env)
	if err != nil {
		return err
	}
	sp, j, err := openState(env.Out)
	if err != nil {
		return err
	}
	m := maker{
		cfg: cfg, ids: ids, disk: d, spill: sp, journal: j, dir: filepath.Join(env.Out, "volumes"), again: &visits{},
		hands:    make(hands, cmp.Or(cfg.Workers, runtime.GOMAXPROCS(0))),
		previous: env.Previous, made: openMade(env.Previous), known: openKnown(env.Previous),
	}
	err = m.work(ctx, sources, env)
	env.Logger().Info("ingested", "frames_decoded", sp.decoded.Load(), "reads_tried_again", d.retried)
	m.known.close()
	sp.file.Close()
	j.close()
	if err == nil || errors.Is(err, stage.ErrRefused) || errors.Is(err, stage.ErrConfig) {
		return cmp.Or(err, os.RemoveAll(filepath.Join(env.Out, "state"))) // there is nothing to go on with
	}
	return err
}

// work reads the sources, makes the volumes and writes what is left of them.
func (m maker) work(ctx context.Context, sources []string, env stage.Env) error {
	found, err := m.read(ctx, sources, env.Progress, nil)
	if err != nil {
		return err
	}
	if n := found.files; n.DICOM+n.Images+n.Broken == 0 {
		return fmt.Errorf("%w: no DICOM object in the %d files of %q, and no MetaImage or NIfTI volume", stage.ErrConfig, found.files.Total, sources)
	}
	found.warn(env.Log)
	m.images = found.images()
	all, err := m.makeAll(ctx, found.series, env.Progress)
	if err != nil {
		return err
	}
	if err := m.remake(ctx, sources, &found, all, env.Progress); err != nil {
		return err
	}
	if err := cmp.Or(m.journal.writeMade(env.Out), m.spill.writeFrames(env.Out, all)); err != nil {
		return err
	}
	o := newOutcome(found, all, m.ids, m.cfg)
	err = o.write(env.Out)
	o.labels.warn(env.Log)
	return err
}

// openState opens the spill and the journal of an ingest in out: those of a run that
// was interrupted, or else fresh ones in fresh folders.
func openState(out string) (*spill, *journal, error) {
	state := filepath.Join(out, "state")
	journalPath := filepath.Join(state, "journal.jsonl")
	if err := whole.Sweep(out); err != nil {
		return nil, nil, err
	}
	wipe := []string{filepath.Join(out, "masks")}
	if _, err := os.Stat(journalPath); err != nil {
		wipe = append(wipe, state, filepath.Join(out, "volumes"))
	}
	for _, dir := range wipe {
		if err := os.RemoveAll(dir); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range []string{"state", "volumes", "masks"} {
		if err := os.MkdirAll(filepath.Join(out, name), 0o755); err != nil {
			return nil, nil, err
		}
	}
	sp, err := openSpill(filepath.Join(state, "slices"))
	if err != nil {
		return nil, nil, err
	}
	j, err := openJournal(journalPath)
	if err != nil {
		sp.file.Close()
		return nil, nil, err
	}
	return sp, j, nil
}

// makeAll makes the volumes of every series, several at once, and returns what
// became of them in the order of the series.
func (m maker) makeAll(ctx context.Context, all []*series, progress stage.Progress) ([]judged, error) {
	results := make([]judged, len(all))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var mu sync.Mutex
	done := 0
	var workers sync.WaitGroup
	for range cap(m.hands) {
		workers.Go(func() {
			for i := range next {
				m.hands <- struct{}{}
				j, err := m.make(all[i])
				<-m.hands
				if err != nil {
					stop(err)
				}
				results[i] = j
				mu.Lock()
				done++
				progress.Report(done, len(all), "series assembled")
				mu.Unlock()
			}
		})
	}
	for i := range all {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	workers.Wait()
	return results, context.Cause(ctx)
}

// hands are what volumes are made with: a series takes one, and those that no other
// series has any use for.
type hands chan struct{}

// more takes the hands that are free, and returns with how many there are to work
// now, and what gives them back.
func (h hands) more() (n int, done func()) {
	for n = 1; n < cap(h); n++ {
		select {
		case h <- struct{}{}:
			continue
		default:
		}
		break
	}
	taken := n - 1
	return n, func() {
		for range taken {
			<-h
		}
	}
}
