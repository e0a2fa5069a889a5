package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// What is to be done with a stage.
const (
	Run    = "run"    // its work has not been done
	Resume = "resume" // its work was interrupted, and goes on from there
	Reuse  = "reuse"  // its work has been done
)

// A Step says what is to be done with a stage, and why.
type Step struct {
	Stage   string   `json:"stage"`
	Kind    string   `json:"kind"`
	Action  string   `json:"action"` // Run, Resume or Reuse
	Reasons []string `json:"reasons"`
	cached  bool     // its work is done, but lies in the cache
}

// A folder is a run folder, and what helps to plan a run in it.
type folder struct {
	dir     string
	cache   Cache
	digests *digester
}

// Plan returns what [Pipeline.Run] would do in the run folder dir with the cache
// of o. It runs and writes nothing. A [Faults] says which sources cannot be
// read, all of them.
func (p *Pipeline) Plan(ctx context.Context, dir string, o Options) ([]Step, error) {
	at := folder{dir, o.Cache, o.digester(dir)}
	steps, _, err := p.plan(ctx, at)
	return steps, err
}

// plan returns the step of every stage, and the records of those that are done,
// by name.
func (p *Pipeline) plan(ctx context.Context, at folder) ([]Step, map[string]*Record, error) {
	done := map[string]*Record{}
	steps := make([]Step, len(p.Stages))
	var faults, more Faults
	for i, s := range p.Stages {
		_, step, rec, err := p.decide(ctx, at, s, done)
		if errors.As(err, &more) {
			faults = append(faults, more...)
		} else if err != nil {
			return nil, nil, err
		}
		if steps[i] = step; rec != nil {
			done[s.Name] = rec
		}
	}
	if err := faults.orNil(); err != nil {
		return nil, nil, err
	}
	return steps, done, p.checkSpace(at, steps)
}

// decide says what is to be done with s, given the records of the stages before
// it that are done. The record is nil unless s is done too; the work lacks the
// inputs that are still to be made.
func (p *Pipeline) decide(ctx context.Context, at folder, s Stage, done map[string]*Record) (Work, Step, *Record, error) {
	w := newWork(s.Kind, s.Config, s.Seed)
	step := Step{Stage: s.Name, Kind: s.Kind.Name, Action: Run}
	if s.Kind.Sources != nil {
		var err error
		if w.Sources, err = at.digests.sources(ctx, s.Kind.Sources(s.Config)); err != nil {
			return w, step, nil, s.sourceError(err)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(s.Needs)) {
		rec, ok := done[s.Needs[role]]
		if !ok {
			step.Reasons = append(step.Reasons, fmt.Sprintf("needs %s, which runs", s.Needs[role]))
			continue
		}
		w.Inputs[role] = rec.Digest
	}
	if step.Reasons != nil {
		return w, step, nil, nil
	}
	rec, action, reasons, err := state(ctx, filepath.Join(at.dir, s.Name), w, s.Kind, at.digests)
	if err == nil && rec == nil {
		if rec = at.cache.find(w); rec != nil {
			action, step.cached = Reuse, true
			reasons = append(reasons, "its work is in the cache")
		}
	}
	step.Action, step.Reasons = action, reasons
	return w, step, rec, err
}

// sourceError says that a source of s cannot be read, and where it was named.
func (s Stage) sourceError(err error) error {
	if s.from == nil || errors.Is(err, context.Canceled) {
		return err
	}
	key := join(s.key, "with")
	for _, name := range []string{"sources", "weights"} {
		if isKey(s.Config, name) {
			key = join(key, name)
		}
	}
	problem := "cannot be read: " + err.Error()
	var at *fs.PathError
	if errors.As(err, &at) && errors.Is(err, fs.ErrNotExist) {
		problem = at.Path + " does not exist: put it there, or name another place"
	}
	return Faults{{s.from.place(key), key, problem}}
}

// state says how far the work w is done in the folder out. The record is that of
// the finished work, or nil.
func state(ctx context.Context, out string, w Work, kind Kind, digests *digester) (*Record, string, []string, error) {
	var reasons []string
	rec, err := readRecord(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reasons = []string{"has not run yet"}
	case err != nil:
		reasons = []string{"its stage.json cannot be read"}
	case rec.Key != w.Key():
		if reasons = w.changes(rec.Work); reasons == nil {
			reasons = []string{"its stage.json was changed"}
		}
	default:
		damage, kept, err := rec.damage(ctx, out, kind.Private, digests)
		if err != nil {
			return nil, "", nil, err
		}
		if damage == "" {
			reasons = []string{"its work is done"}
			if kept > 0 {
				reasons = append(reasons, TakenOut(kept))
			}
			return rec, Reuse, reasons, nil
		}
		reasons = []string{damage}
	}
	if kind.Resumes && interrupted(out+".part", w) {
		return nil, Resume, []string{"was interrupted"}, nil
	}
	return nil, Run, reasons, nil
}

// TakenOut says that n private files of a stage are not there.
func TakenOut(n int) string {
	if n == 1 {
		return "1 private file taken out"
	}
	return fmt.Sprintf("%d private files taken out", n)
}

// damage says what is wrong with the artifacts in dir, or "", and how many of
// the private ones were taken out or kept from this user, which is not wrong.
func (r *Record) damage(ctx context.Context, dir string, private []string, digests *digester) (damage string, takenOut int, err error) {
	files, err := digests.tree(ctx, dir, private...)
	if err != nil {
		if ctx.Err() != nil {
			return "", 0, ctx.Err()
		}
		return "its artifacts cannot be read: " + err.Error(), 0, nil
	}
	for _, name := range unionKeys(files, r.Outputs) {
		got, there := files[name]
		want, known := r.Outputs[name]
		switch {
		case !there && slices.Contains(private, name):
			takenOut++
		case !there:
			return name + " is gone", 0, nil
		case !known:
			return name + " was added", 0, nil
		case got != want:
			return name + " was changed", 0, nil
		}
	}
	return "", takenOut, nil
}

// interrupted reports whether the folder part was left by the work w.
func interrupted(part string, w Work) bool {
	key, err := os.ReadFile(keyOf(part))
	return err == nil && string(key) == w.Key() && exists(part)
}

// keyOf returns the file that holds the key of the work that the folder part is
// for. It lies beside the folder, which is the stage's own.
func keyOf(part string) string { return part + ".key" }
