package pipelines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"oncovox/internal/stage"
)

// A Verified is a record that holds.
type Verified struct {
	*Record
	TakenOut int // private artifacts that are not there any more
}

// Verify hashes every artifact in the run folder dir again, or in the folder of
// a single stage, and compares it with the chain of the stages' records. It
// returns the records that hold. Private artifacts may be gone, as from a run
// that was handed on; one that is there must be as it was. The error names the first link that is broken
// and is a stage.ErrGate.
func Verify(ctx context.Context, dir string) ([]Verified, error) {
	if rec, err := readRecord(dir); err == nil {
		v, err := rec.verify(ctx, dir)
		return []Verified{v}, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", stage.ErrConfig, err)
	}
	records := map[string]*Record{}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(path, recordName)); err != nil || !nameForm.MatchString(e.Name()) {
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
		for _, role := range unionKeys(rec.Inputs, nil) {
			from, ok := records[rec.From[role]]
			if !ok {
				return whole, broken("stage %s was made from the stage %q in the role %s, which is not there", rec.Stage, rec.From[role], role)
			}
			if from.Digest != rec.Inputs[role] {
				return whole, broken("stage %s was made from another %s than the one in %s", rec.Stage, role, from.Stage)
			}
		}
		whole = append(whole, v)
	}
	return whole, nil
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
