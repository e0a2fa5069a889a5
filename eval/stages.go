package eval

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// A stageSettings is what stage.json says of how a stage was run.
type stageSettings struct {
	Kind     string
	Version  int
	Seed     int64
	Settings [][2]string
}

// readStages reads the settings of the stages in the folders dirs; "" stands
// for none.
func (b *background) readStages(dirs ...string) error {
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		if err := b.readStage(filepath.Join(dir, "stage.json")); err != nil {
			return err
		}
	}
	return nil
}

// setting returns a setting of the stage of a kind, "" where it is not known.
func (b *background) setting(kind, key string) string {
	for _, s := range b.stages {
		for _, setting := range s.Settings {
			if s.Kind == kind && setting[0] == key {
				return setting[1]
			}
		}
	}
	return ""
}

// readStage reads the settings of a stage, without the folders among them.
func (b *background) readStage(path string) error {
	var file *struct {
		Kind    string         `json:"kind"`
		Version int            `json:"version"`
		Seed    int64          `json:"seed"`
		Config  map[string]any `json:"config"`
	}
	if err := optional(path, &file); err != nil || file == nil {
		return err
	}
	s := stageSettings{Kind: file.Kind, Version: file.Version, Seed: file.Seed}
	for _, key := range slices.Sorted(maps.Keys(file.Config)) {
		text, err := json.Marshal(file.Config[key])
		if err != nil {
			return err
		}
		shown := strings.NewReplacer(`"`, "", ",", ", ", ":", ": ").Replace(strings.Trim(string(text), "[]{}"))
		if strings.ContainsAny(shown, `/\`) {
			shown = "a path"
		}
		s.Settings = append(s.Settings, [2]string{key, shown})
	}
	b.stages = append(b.stages, s)
	return nil
}
