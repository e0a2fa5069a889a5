package pipelines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"oncovox/internal/stage"
)

// LoadConfig reads the settings of a stage of the given kind: those of the YAML
// file at path, which holds what a pipeline file has under with, and over them
// the given ones. With path "" there is no file. The error is a [Faults].
func LoadConfig(kind Kind, path string, settings []Setting) (Config, error) {
	var text []byte
	name := "arguments"
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("%w: %v", stage.ErrConfig, err)
		}
		name = path
	}
	d := readDocument(name, text)
	if d.root == nil {
		return nil, d.faults.orNil()
	}
	for _, s := range settings {
		d.put(s)
	}
	return d.config(kind, "", d.tree()), d.faults.orNil()
}

// RunOne does the work of a single stage as a run would: from the folders that
// inputs names by role, into out.part, which becomes out when it is whole. A
// folder out that holds the same work already is left as it is; one that holds
// other work is refused.
func RunOne(ctx context.Context, kind Kind, cfg Config, seed int64, inputs map[string]string, out string, o Options) (Outcome, error) {
	start := time.Now()
	if err := makeFolder(filepath.Dir(out)); err != nil {
		return Outcome{}, err
	}
	unlock, err := lock(out + ".lock")
	if err != nil {
		return Outcome{}, fmt.Errorf("%s: %w", out, err)
	}
	defer unlock()
	if err := errors.Join(mend(out), free(out)); err != nil {
		return Outcome{}, err
	}
	digests := newDigester("")
	s := Stage{Name: filepath.Base(out), Kind: kind, Config: cfg, Needs: beside(out, inputs)}
	w, err := oneWork(ctx, s, seed, inputs, digests)
	if err != nil {
		return Outcome{}, err
	}
	rec, action, reasons, err := state(ctx, out, w, kind, digests)
	if err != nil {
		return Outcome{}, err
	}
	if _, err := os.Stat(out); err == nil && action != Reuse {
		return Outcome{}, fmt.Errorf("%w: %s holds other work (%s): choose another folder, or remove it",
			stage.ErrConfig, out, strings.Join(reasons, ", "))
	}
	if rec == nil {
		if rec, err = execute(ctx, s, w, inputs, out, o, digests); err != nil {
			next := "the same command starts it again"
			if kind.Resumes {
				next = "the same command goes on from there"
			}
			return Outcome{}, advise(err, next)
		}
	}
	step := Step{Stage: s.Name, Kind: kind.Name, Action: action, Reasons: reasons}
	return Outcome{step, out, rec.Digest, time.Since(start).Seconds(), kind}, nil
}

// beside returns, by role, the names of those of the folders inputs that a stage has
// left in the same folder as out, as the stages of a run lie. It takes the place of
// what a pipeline file says under needs.
func beside(out string, inputs map[string]string) map[string]string {
	names := map[string]string{}
	parent, err := filepath.Abs(filepath.Dir(out))
	if err != nil {
		return names
	}
	for role, dir := range inputs {
		if path, err := filepath.Abs(dir); err == nil && filepath.Dir(path) == parent && exists(filepath.Join(path, recordName)) {
			names[role] = filepath.Base(path)
		}
	}
	return names
}

// makeFolder makes the folder dir and those it lies in. Where one of them is a
// file, dir was named wrongly.
func makeFolder(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%w: choose another folder with --out", err)
	if errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("%w: %w", stage.ErrConfig, err)
	}
	return err
}

// free makes sure that out is not there, is empty, or was left by a stage.
func free(out string) error {
	if _, err := os.Stat(filepath.Join(out, recordName)); err == nil {
		return nil
	}
	// Remove takes away only an empty folder.
	if err := os.Remove(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is not empty: choose another folder with --out", stage.ErrConfig, out)
	}
	return nil
}

// oneWork returns the work of s with the inputs in the given folders.
func oneWork(ctx context.Context, s Stage, seed int64, inputs map[string]string, digests *digester) (Work, error) {
	w := newWork(s.Kind, s.Config, seed)
	var err error
	if s.Kind.Sources != nil {
		if w.Sources, err = digests.sources(ctx, s.Kind.Sources(s.Config)); err != nil {
			return w, fmt.Errorf("%w: %w", stage.ErrConfig, err)
		}
	}
	for role, dir := range inputs {
		if w.Inputs[role], err = inputDigest(ctx, role, dir, digests); err != nil {
			return w, fmt.Errorf("%w: role %s: %w", stage.ErrConfig, role, err)
		}
	}
	return w, nil
}

// inputDigest returns the digest over the artifacts in dir, which is to fill
// role.
func inputDigest(ctx context.Context, role, dir string, digests *digester) (string, error) {
	rec, err := readRecord(dir)
	if errors.Is(err, fs.ErrNotExist) { // made by hand, or not by a stage
		return digests.sources(ctx, []string{dir})
	}
	if err != nil {
		return "", err
	}
	if kind, ok := kindNamed(Kinds(), rec.Kind); ok && kind.Fills != role {
		return "", fmt.Errorf("%s was left by a stage of kind %s, which cannot fill this role", dir, rec.Kind)
	}
	return rec.Digest, nil
}
