package pipelines

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The variables of the environment that set values of a pipeline file.
const (
	seedVariable   = "ONCOVOX_SEED"
	stagesVariable = "ONCOVOX_STAGES_"
)

// environment applies the variables of environ to the document. One that would
// set a value, but of no stage or setting that there is, is a fault: a misspelt
// variable should not be met in the result.
func (d *document) environment(kinds []Kind, environ []string) {
	keys := d.variables(kinds)
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		variable, text, _ := strings.Cut(entry, "=")
		if text == "" || variable != seedVariable && !strings.HasPrefix(variable, stagesVariable) {
			continue
		}
		key, ok := keys[variable]
		if !ok {
			d.fault(Place{Name: variable}, "", "sets no setting of a stage in "+d.name+nearest(variable, slices.Sorted(maps.Keys(keys))))
			continue
		}
		s, err := ParseSetting(key + "=" + text)
		if err != nil {
			d.fault(Place{Name: variable}, key, "not YAML")
			continue
		}
		s.From = variable
		d.put(s)
	}
}

// variables returns the dotted keys that the environment can set, by variable.
func (d *document) variables(kinds []Kind) map[string]string {
	keys := map[string]string{seedVariable: "seed"}
	list := get(d.root, "stages")
	if list == nil {
		return keys
	}
	for _, item := range list.Content {
		name := scalar(item, "name")
		k, ok := kindNamed(kinds, scalar(item, "run"))
		if !ok || named(list, name) != item {
			continue
		}
		for _, key := range configKeys(k.Default) {
			key = fmt.Sprintf("stages.%s.with.%s", name, key)
			keys["ONCOVOX_"+strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))] = key
		}
	}
	return keys
}
