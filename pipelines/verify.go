package pipelines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"oncovox/internal/stage"
)

// Verify hashes every artifact in the run folder dir again, or in the folder of
// a single stage, and compares it with the chain of the stages' records. It
// returns the records that hold. The error names the first link that is broken
// and is a stage.ErrGate.
func Verify(ctx context.Context, dir string) ([]*Record, error) {
	if rec, err := readRecord(dir); err == nil {
		return []*Record{rec}, rec.verify(ctx, dir)
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
func verifyChain(ctx context.Context, dir string, records map[string]*Record) ([]*Record, error) {
	var whole []*Record
	order := make([]*Record, 0, len(records))
	for _, name := range unionKeys(records, nil) {
		order = append(order, records[name])
	}
	slices.SortStableFunc(order, func(a, b *Record) int { return a.End.Compare(b.End) })
	for _, rec := range order {
		if err := rec.verify(ctx, filepath.Join(dir, rec.Stage)); err != nil {
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
		whole = append(whole, rec)
	}
	return whole, nil
}

// verify compares the record with itself and with the artifacts in dir, all of
// which it reads.
func (r *Record) verify(ctx context.Context, dir string) error {
	if r.Work.Key() != r.Key || treeDigest(r.Outputs) != r.Digest {
		return broken("%s does not agree with itself", filepath.Join(dir, recordName))
	}
	damage, err := r.damage(ctx, dir, newDigester(""))
	if err != nil {
		return err
	}
	if damage != "" {
		return broken("stage %s: %s", r.Stage, damage)
	}
	return nil
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", stage.ErrGate, fmt.Sprintf(format, args...))
}
