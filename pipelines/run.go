package pipelines

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"oncovox/internal/jsonl"
	"oncovox/internal/stage"
	"oncovox/internal/whole"
)

// The runner's own files in a run folder. A stage's name holds no dot, so they
// cannot meet.
const (
	resolvedName    = "pipeline.resolved.yaml"
	planName        = "plan.json"
	environmentName = "environment.json"
	logName         = "log.jsonl"
	lockName        = ".lock"
	memoryName      = ".digests"
)

// Options is what a run is given besides its pipeline.
type Options struct {
	Program string       // version of this program, for provenance
	Log     *slog.Logger // for people; a run keeps a log of its own too
	// Progress returns what hears how far a stage is, and what ends that. The
	// instance is "" without a matrix. May be nil.
	Progress func(instance, stage string) (report stage.Progress, end func())
	Cache    Cache                   // the work of other runs; "" for none
	Check    func(rec *Record) error // hears of each stage that is whole; an error ends the run. May be nil
	Jobs     int                     // instances of a matrix at the same time at most; 0 for as many as threads and memory allow
	Memory   int64                   // bytes that such instances may hold together; 0 for most of what the machine has free

	instance string    // that runs, or ""
	digests  *digester // that several runs share, or nil
	crew     *crew     // of instances that run at the same time, or nil
}

// digester returns what remembers the digests of a run in dir.
func (o Options) digester(dir string) *digester {
	if o.digests != nil {
		return o.digests
	}
	return newDigester(filepath.Join(dir, memoryName))
}

// An Outcome is what was done with a stage.
type Outcome struct {
	Step
	Dir     string  `json:"dir"`
	Digest  string  `json:"digest"` // over its artifacts
	Seconds float64 `json:"seconds"`
	kind    Kind
}

// Run does the stages whose work has not been done in the run folder dir, and
// returns what it did with each. A folder that holds an earlier, perhaps
// interrupted, run of the pipeline is carried on with; nothing that is done is
// done again. After an error the outcomes are those of the stages that are whole.
func (p *Pipeline) Run(ctx context.Context, dir string, o Options) (outcomes []Outcome, err error) {
	r, err := p.open(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	defer r.close()
	return r.run(ctx)
}

// An opened is a pipeline in a run folder that this process has to itself, and what
// is to be done there.
type opened struct {
	p       *Pipeline
	at      folder
	o       Options
	steps   []Step
	planned map[string]*Record // of the stages that were done when it was opened, by name
	close   func()
}

// open takes the run folder dir for this process, mends it, and plans. The caller
// closes it.
func (p *Pipeline) open(ctx context.Context, dir string, o Options) (_ *opened, err error) {
	if err := p.claim(dir); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("run folder %s: %w", dir, err)
	}
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	logFile, err := os.OpenFile(filepath.Join(dir, logName), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	o.Log = slog.New(slog.NewMultiHandler(o.Log.Handler(), slog.NewJSONHandler(logFile, nil)))
	r := &opened{p: p, at: folder{dir, o.Cache, o.digester(dir)}, o: o}
	closeFiles := func() {
		if err := r.at.digests.save(); err != nil {
			o.Log.Warn("the digests are not remembered: the next run reads all files again", "error", err)
		}
		if again := r.at.digests.retries(); again > 0 {
			o.Log.Warn("reads of artifacts failed and were tried again", "times", again)
		}
		logFile.Close()
	}
	r.close = func() { closeFiles(); unlock() }
	if err := r.plan(ctx); err != nil {
		closeFiles()
		return nil, err
	}
	return r, nil
}

// plan mends the folder, plans, and writes what the run is. The whole plan comes
// first: a source that is missing should not be found out after a night of
// pretraining.
func (r *opened) plan(ctx context.Context) (err error) {
	for _, s := range r.p.Stages {
		if err := mend(filepath.Join(r.at.dir, s.Name)); err != nil {
			return err
		}
	}
	if r.steps, r.planned, err = r.p.plan(ctx, r.at); err != nil {
		return err
	}
	return r.p.describe(r.at.dir, r.steps, r.o)
}

// run does what is to be done.
func (r *opened) run(ctx context.Context) (outcomes []Outcome, err error) {
	done := map[string]*Record{}
	for i, s := range r.p.Stages {
		start := time.Now()
		rec, step := r.planned[s.Name], r.steps[i]
		if rec == nil || step.cached {
			if rec, step, err = r.p.runStage(ctx, r.at, s, done, r.o); err != nil {
				return outcomes, advise(fmt.Errorf("stage %s: %w", s.Name, err), "the same command goes on with the run")
			}
			if was := r.planned[s.Name]; was != nil && was.Digest != rec.Digest {
				r.planned = nil // the cache held damage, and here the work ends otherwise
			}
		}
		done[s.Name] = rec
		if r.o.Check != nil {
			if err := r.o.Check(rec); err != nil {
				return outcomes, err
			}
		}
		r.o.Log.Info("done", "stage", s.Name, "action", step.Action, "digest", rec.Digest)
		outcomes = append(outcomes, Outcome{step, filepath.Join(r.at.dir, s.Name), rec.Digest, time.Since(start).Seconds(), s.Kind})
	}
	return outcomes, nil
}

// describe writes what the run is, before its stages: the pipeline with every
// setting, what will be done with each stage and why, and the program and machine
// that do it.
func (p *Pipeline) describe(dir string, steps []Step, o Options) error {
	env := thisEnvironment(o.Program)
	o.Log.Info("start", "program", env.Program, "go", env.Go, "cpu", env.CPU, "kernel", env.Kernel, "threads", env.Threads)
	return cmp.Or(
		whole.WriteFile(filepath.Join(dir, resolvedName), p.Resolved(false), 0o644),
		jsonl.WriteValue(filepath.Join(dir, planName), steps, 0o644),
		jsonl.WriteValue(filepath.Join(dir, environmentName), env, 0o644),
	)
}

// runStage does the work of s, all of whose inputs are done now, or takes it from
// the cache. The inputs may have come out as they were, so that there is nothing to
// do after all.
func (p *Pipeline) runStage(ctx context.Context, at folder, s Stage, done map[string]*Record, o Options) (*Record, Step, error) {
	w, step, rec, err := p.decide(ctx, at, s, done)
	out := filepath.Join(at.dir, s.Name)
	if err == nil && o.crew != nil && (rec == nil || step.cached) {
		giveBack, late := o.crew.turn(ctx, w.Key())
		if late != nil {
			return nil, step, late
		}
		defer giveBack()
		if s.Kind.Resumes {
			if err := o.crew.adopt(w, s.Name, out+".part"); err != nil {
				return nil, step, err
			}
		}
		w, step, rec, err = p.decide(ctx, at, s, done) // another may have done it by now
	}
	if err == nil && step.cached {
		var damage error
		if rec, damage, err = at.cache.fetch(ctx, w, s, out, at.digests); damage != nil {
			o.Log.Warn("the cache holds damage: not used, and removed", "stage", s.Name, "damage", damage)
			w, step, rec, err = p.decide(ctx, at, s, done)
		}
	}
	if err != nil || rec != nil {
		return rec, step, err
	}
	in := map[string]string{}
	for role, name := range s.Needs {
		in[role] = filepath.Join(at.dir, name)
	}
	o.Log.Info(step.Action, "stage", s.Name, "kind", s.Kind.Name, "reasons", step.Reasons)
	rec, err = execute(ctx, s, w, in, out, o, at.digests)
	if err == nil {
		if err := at.cache.store(rec, out); err != nil {
			o.Log.Warn("not kept in the cache", "stage", s.Name, "error", err)
		}
	}
	return rec, step, err
}

// claim makes the run folder dir, or makes sure that it is one of this pipeline.
func (p *Pipeline) claim(dir string) error {
	if err := makeFolder(dir); err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, resolvedName))
	if errors.Is(err, fs.ErrNotExist) {
		for _, e := range entries {
			if e.Name() != lockName && e.Name() != logName && e.Name() != memoryName {
				return fmt.Errorf("%w: %s is not empty and is not a run folder: choose another with --out", stage.ErrConfig, dir)
			}
		}
		return nil
	}
	if name := scalarOf(text, "name"); err == nil && name != p.Name {
		return fmt.Errorf("%w: %s holds a run of the pipeline %q, not of %q: choose another with --out", stage.ErrConfig, dir, name, p.Name)
	}
	return err
}

// execute does the work w of s: into out.part, which becomes out when it is
// whole. It returns the record it leaves there.
func execute(ctx context.Context, s Stage, w Work, in map[string]string, out string, o Options, digests *digester) (*Record, error) {
	part := out + ".part"
	if !s.Kind.Resumes || !interrupted(part, w) {
		if err := clear(part, w); err != nil {
			return nil, err
		}
	}
	env := stage.Env{Seed: w.Seed, In: in, Out: part, Version: o.Program, Log: o.Log.With("stage", s.Name), Now: time.Now}
	if o.Progress != nil {
		report, end := o.Progress(o.instance, s.Name)
		env.Progress = report
		defer end()
	}
	if was, err := readRecord(out); err == nil && was.Kind == w.Kind && was.Version == w.Version {
		env.Previous = out
	}
	rec := &Record{Stage: s.Name, Key: w.Key(), Work: w, From: s.Needs, Program: o.Program, Machine: thisMachine(), Start: time.Now().UTC()}
	// What a stage that failed has left says why, or is gone on from.
	if err := fenced(ctx, s, env); err != nil {
		return nil, fmt.Errorf("%w (what it left is in %s)", err, part)
	}
	var err error
	if rec.Outputs, err = digests.tree(ctx, part); err != nil {
		return nil, err
	}
	rec.Digest = treeDigest(rec.Outputs)
	rec.End = time.Now().UTC()
	if err := jsonl.WriteValue(filepath.Join(part, recordName), rec, 0o644); err != nil {
		return nil, err
	}
	if err := whole.Sync(part); err != nil {
		return nil, err
	}
	return rec, replace(out, part)
}

// fenced runs s. A panic in it ends the stage, not the program.
func fenced(ctx context.Context, s Stage, env stage.Env) (err error) {
	defer func() {
		if p := recover(); p != nil {
			env.Log.Error("panic", "value", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("fault in this program: %v", p)
		}
	}()
	return s.Kind.Run(ctx, s.Config, env)
}

// clear makes part an empty folder for the work w.
func clear(part string, w Work) error {
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := whole.WriteFile(keyOf(part), []byte(w.Key()), 0o644); err != nil {
		return err
	}
	return os.Mkdir(part, 0o755)
}

// replace makes the whole folder part the folder out. If it is stopped between
// its steps, mend brings back the old one.
func replace(out, part string) error {
	old := out + ".old"
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(out, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := whole.Rename(part, out); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(old), os.Remove(keyOf(part)))
}

// mend undoes a replace that was stopped half-way, or takes away what one has left
// that was stopped at its end.
func mend(out string) error {
	old, part := out+".old", out+".part"
	if _, err := os.Stat(out); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(old, out); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	} else if err := os.RemoveAll(old); err != nil {
		return err
	}
	if exists(part) {
		return nil
	}
	if err := os.Remove(keyOf(part)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
