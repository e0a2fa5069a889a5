package pipelines

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed *.yaml
var recipes embed.FS

// Recipes returns the names of the built-in pipeline files, sorted.
func Recipes() []string {
	files, _ := recipes.ReadDir(".")
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// recipe returns the built-in pipeline file of that name, with or without .yaml.
func recipe(name string) ([]byte, bool) {
	text, err := recipes.ReadFile(strings.TrimSuffix(path.Base(name), ".yaml") + ".yaml")
	return text, err == nil && path.Base(name) == name
}
