package phantom

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
)

// A Truth is a row of truth.jsonl: one nodule, labelled in its archive or not.
// The file is there for tests of what reads the archives; no stage reads it.
type Truth struct {
	Patient     int        `json:"patient"` // the number in its archive's name
	CentreLPSMM [3]float64 `json:"centre_lps_mm"`
	DiameterMM  float64    `json:"diameter_mm"` // of the sphere of equal volume
	Contrast    float64    `json:"contrast"`    // over the lung around it: HU, SUV or arbitrary units
	Kind        string     `json:"kind"`        // solid, part-solid or ground-glass
	Attached    string     `json:"attached"`    // to a vessel, to the pleura, or to none
	Labelled    bool       `json:"labelled"`    // whether the archive's RTSTRUCT has it
}

// Run writes archives/patient-NNNN.zip for every patient and truth.jsonl into
// env.Out. The files are a function of cfg and env.Seed alone.
func Run(ctx context.Context, cfg Config, env stage.Env) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	dir := filepath.Join(env.Out, "archives")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	truths := make([][]Truth, cfg.Patients)
	err := forEach(ctx, cfg.Patients, env.Progress, func(i int) error {
		p := newPatient(cfg, env.Seed, i+1)
		truths[i] = p.truth()
		archive, err := p.archive()
		if err != nil {
			return fmt.Errorf("patient %d: %w", i+1, err)
		}
		return os.WriteFile(filepath.Join(dir, fmt.Sprintf("patient-%04d.zip", i+1)), archive, 0o644)
	})
	if err != nil {
		return err
	}
	var rows []Truth
	for _, t := range truths {
		rows = append(rows, t...)
	}
	return jsonl.Write(filepath.Join(env.Out, "truth.jsonl"), rows, 0o644)
}

// forEach calls do for 0 to n-1 from as many goroutines as there are processors
// and returns the first failure, or ctx's.
func forEach(ctx context.Context, n int, progress stage.Progress, do func(i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		workers    sync.WaitGroup
		lock       sync.Mutex
		next, done int
	)
	take := func() (int, bool) {
		lock.Lock()
		defer lock.Unlock()
		next++
		return next - 1, next <= n && ctx.Err() == nil
	}
	finish := func() {
		lock.Lock()
		defer lock.Unlock()
		done++
		progress.Report(done, n, "patients made")
	}
	for range min(n, runtime.GOMAXPROCS(0)) {
		workers.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if err := do(i); err != nil {
					stop(err)
					return
				}
				finish()
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

func (p *patient) truth() []Truth {
	var rows []Truth
	for _, n := range p.scene.nodules {
		at := p.lps(n.centre)
		for i := range at {
			at[i] = rounded(at[i])
		}
		rows = append(rows, Truth{
			Patient: p.number, CentreLPSMM: at, DiameterMM: rounded(n.diameter), Contrast: rounded(p.scene.contrast(n)),
			Kind: n.kind, Attached: n.attached, Labelled: p.label == marked,
		})
	}
	return rows
}

// archive scans the patient and returns the zip file of its series and labels.
func (p *patient) archive() ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	add := func(name string, file []byte) error {
		w, err := z.CreateHeader(&zip.FileHeader{
			Name: name, Method: zip.Store, Modified: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if err != nil {
			return err
		}
		_, err = w.Write(file)
		return err
	}
	scan, series, slice := p.scan(), p.series(), p.grid[1]*p.grid[2]
	for iz := range p.grid[0] {
		file, err := p.image(series, iz, scan.v[iz*slice:][:slice])
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("PA%04d/ST01/SE01/IM%04d", p.number, p.instanceNumber(iz))
		if err := add(name, file); err != nil {
			return nil, err
		}
	}
	if p.label != unlabelled {
		file, err := p.structureSet()
		if err != nil {
			return nil, err
		}
		if err := add(fmt.Sprintf("PA%04d/ST01/SE02/IM0001", p.number), file); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
