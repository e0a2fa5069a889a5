package pipelines

import "runtime/debug"

// An Environment is environment.json: the program that ran a pipeline, down to the
// modules that it was built from, and the machine.
type Environment struct {
	Program string `json:"program"` // version
	Machine
	Modules []Module          `json:"modules"` // that the program was built from
	Build   map[string]string `json:"build"`   // settings of the build, the revision of the source among them where it is known
}

// A Module is one that the program was built from.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum"` // digest of its content, as in go.sum
}

func thisEnvironment(program string) Environment {
	e := Environment{Program: program, Machine: thisMachine(), Modules: []Module{}, Build: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return e
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		e.Modules = append(e.Modules, Module{m.Path, m.Version, m.Sum})
	}
	for _, s := range info.Settings {
		if s.Value != "" {
			e.Build[s.Key] = s.Value
		}
	}
	return e
}
