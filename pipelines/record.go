package pipelines

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"oncovox/internal/jsonl"
	"oncovox/internal/whole"
)

// Work is all that decides what a stage leaves behind.
type Work struct {
	Kind    string            `json:"kind"`
	Version int               `json:"version"`
	Seed    int64             `json:"seed"`
	Config  map[string]any    `json:"config"`            // every setting that matters, by key
	Inputs  map[string]string `json:"inputs"`            // role to the digest of the folder that fills it
	Sources string            `json:"sources,omitempty"` // digest of the files outside the run that the config names
}

// newWork returns the work of a stage of the given kind, but for its inputs.
func newWork(kind Kind, cfg Config, seed int64) Work {
	w := Work{Kind: kind.Name, Version: kind.Version, Seed: seed, Inputs: map[string]string{}}
	// As JSON and back, so that it compares with what a record holds.
	b, err := json.Marshal(asMap(cfg))
	if err == nil {
		err = json.Unmarshal(b, &w.Config)
	}
	if err != nil {
		panic("pipelines: newWork: " + err.Error()) // a Config is plain data
	}
	listsFromNil(w.Config)
	for _, key := range kind.Free {
		delete(w.Config, key)
	}
	return w
}

// listsFromNil makes lists that are nil empty: the two are the same to a stage.
func listsFromNil(config map[string]any) {
	for key, v := range config {
		if inner, ok := v.(map[string]any); ok {
			listsFromNil(inner)
		} else if v == nil {
			config[key] = []any{}
		}
	}
}

// Key returns the digest of w.
func (w Work) Key() string {
	b, err := jsonl.Marshal(w)
	if err != nil {
		panic("pipelines: Key: " + err.Error()) // Work is plain data
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// changes says in which points w differs from old.
func (w Work) changes(old Work) []string {
	var out []string
	if w.Kind != old.Kind {
		return []string{fmt.Sprintf("kind %s → %s", old.Kind, w.Kind)}
	}
	if w.Version != old.Version {
		out = append(out, fmt.Sprintf("version of %s %d → %d", w.Kind, old.Version, w.Version))
	}
	if w.Seed != old.Seed {
		out = append(out, fmt.Sprintf("seed %d → %d", old.Seed, w.Seed))
	}
	out = append(out, configChanges("with", w.Config, old.Config)...)
	for _, role := range unionKeys(w.Inputs, old.Inputs) {
		switch now, was := w.Inputs[role], old.Inputs[role]; {
		case now == was:
		case was == "":
			out = append(out, "needs "+role+" now")
		case now == "":
			out = append(out, "needs "+role+" no more")
		default:
			out = append(out, fmt.Sprintf("input digest of %s %.8s → %.8s", role, was, now))
		}
	}
	if w.Sources != old.Sources {
		out = append(out, "content of the sources changed")
	}
	return out
}

func configChanges(path string, now, was map[string]any) []string {
	var out []string
	for _, key := range unionKeys(now, was) {
		a, aSection := now[key].(map[string]any)
		b, bSection := was[key].(map[string]any)
		if aSection && bSection {
			out = append(out, configChanges(path+"."+key, a, b)...)
			continue
		}
		if x, y := asJSON(now[key]), asJSON(was[key]); x != y {
			out = append(out, fmt.Sprintf("%s.%s %s → %s", path, key, y, x))
		}
	}
	return out
}

// asJSON returns v as a message shows it; nothing for nil.
func asJSON(v any) string {
	if v == nil {
		return "(none)"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func unionKeys[V any](a, b map[string]V) []string {
	keys := slices.Collect(maps.Keys(a))
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// A Record is a finished stage's stage.json: what was done, from what, by what,
// and what it left.
type Record struct {
	Stage string `json:"stage"`
	Key   string `json:"key"` // of Work
	Work
	From    map[string]string `json:"from"`    // role to the name of the stage that filled it
	Outputs map[string]File   `json:"outputs"` // by path in the stage's folder
	Digest  string            `json:"digest"`  // over Outputs
	Program string            `json:"program"` // version of this program
	Machine Machine           `json:"machine"`
	Start   time.Time         `json:"start"`
	End     time.Time         `json:"end"`
}

func readRecord(dir string) (*Record, error) {
	var r Record
	// What passes must not look like damage, after which the stage would run again.
	_, err := whole.Retry(context.Background(), whole.Pause, func() error {
		return jsonl.ReadValue(filepath.Join(dir, recordName), &r)
	})
	if err != nil {
		return nil, err
	}
	return &r, nil
}
