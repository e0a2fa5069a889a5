package pipelines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"oncovox/internal/stage"
)

// A Verified is a record that holds.
type Verified struct {
	*Record
	TakenOut  int      // private artifacts that are not there any more
	Elsewhere []string // roles that were filled by what does not lie in the folder, sorted
}

// Verify hashes every artifact in the run folder dir again, or in a folder of
// single stages made side by side, or in that of one stage, and compares it with the
// chain of the stages' records. It returns the records that hold. Private artifacts
// may be gone, as from a run that was handed on; one that is there must be as it
// was. The error names the first link that is broken and is a stage.ErrGate.
func Verify(ctx context.Context, dir string) ([]Verified, error) {
	if rec, err := readRecord(dir); err == nil {
		v, err := rec.verify(ctx, dir)
		v.Elsewhere = unionKeys(rec.Inputs, nil)
		return []Verified{v}, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", stage.ErrConfig, err)
	}
	records := map[string]*Record{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		unfinished := strings.HasSuffix(path, ".part") || strings.HasSuffix(path, ".old")
		if unfinished || !exists(filepath.Join(path, recordName)) {
			continue
		}
		rec, err := readRecord(path)
		if err != nil {
			return nil, broken("%v", err)
		}
		if rec.Stage != e.Name() {
			return nil, broken("%s is the record of the stage %q", filepath.Join(path, recordName), rec.Stage)
		}
		records[rec.Stage] = rec
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%w: %s holds no finished stage: want a run folder such as runs/quickstart", stage.ErrConfig, dir)
	}
	return verifyChain(ctx, dir, records)
}

// verifyChain verifies the stages in the order in which they were made.
func verifyChain(ctx context.Context, dir string, records map[string]*Record) ([]Verified, error) {
	var whole []Verified
	order := make([]*Record, 0, len(records))
	for _, name := range unionKeys(records, nil) {
		order = append(order, records[name])
	}
	slices.SortStableFunc(order, func(a, b *Record) int { return a.End.Compare(b.End) })
	for _, rec := range order {
		v, err := rec.verify(ctx, filepath.Join(dir, rec.Stage))
		if err != nil {
			return whole, err
		}
		if v.Elsewhere, err = rec.links(records); err != nil {
			return whole, err
		}
		whole = append(whole, v)
	}
	return whole, nil
}

// links compares the inputs of r with the records of the stages that filled them. It
// returns the roles that were filled by what lay elsewhere when r was made: an input
// of a single stage, whose digest alone is known.
func (r *Record) links(records map[string]*Record) (elsewhere []string, err error) {
	for _, role := range unionKeys(r.Inputs, nil) {
		name, beside := r.From[role]
		from, there := records[name]
		switch {
		case !beside:
			elsewhere = append(elsewhere, role)
		case !there:
			return nil, broken("stage %s was made from the stage %q in the role %s, which is not there", r.Stage, name, role)
		case from.Digest != r.Inputs[role]:
			return nil, broken("stage %s was made from another %s than the one in %s", r.Stage, role, from.Stage)
		}
	}
	return elsewhere, nil
}

// verify compares the record with itself and with the artifacts in dir, all of
// which it reads.
func (r *Record) verify(ctx context.Context, dir string) (Verified, error) {
	v := Verified{Record: r}
	if r.Work.Key() != r.Key || treeDigest(r.Outputs) != r.Digest {
		return v, broken("%s does not agree with itself", filepath.Join(dir, recordName))
	}
	kind, _ := kindNamed(Kinds(), r.Kind) // of a kind that is not known, no file is private
	damage, takenOut, err := r.damage(ctx, dir, kind.Private, newDigester(""))
	if err != nil {
		return v, err
	}
	if damage != "" {
		return v, broken("stage %s: %s", r.Stage, damage)
	}
	v.TakenOut = takenOut
	return v, nil
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", stage.ErrGate, fmt.Sprintf(format, args...))
}
