package pipelines

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A document is a YAML file as it was read: the keys that can be used, where
// each was set, and what was wrong with the others.
type document struct {
	name   string
	root   *yaml.Node       // a mapping; nil when the file is anything else
	places map[string]Place // by dotted key
	faults Faults
}

var (
	keyForm     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	leadingZero = regexp.MustCompile(`^[-+]?0[0-9]+$`)
	yamlError   = regexp.MustCompile(`^(?:yaml: )?line ([0-9]+): (.*)$`)
)

// readDocument reads text, which came from the file name. It refuses what viper
// would drop or fold in silence: a second document, a key given twice, keys
// that are not lower_snake, values left empty.
func readDocument(name string, text []byte) *document {
	d := &document{name: name, root: &yaml.Node{Kind: yaml.MappingNode}, places: map[string]Place{}}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) { // an empty file sets nothing
			d.root = nil
			d.syntax(err)
		}
		return d
	}
	if err := dec.Decode(&more); err == nil {
		d.fault(Place{name, more.Line}, "", "a second document: want one pipeline a file")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	switch top := doc.Content[0]; {
	case top.Kind == yaml.MappingNode:
		d.root = top
		d.walk(top, "")
	case top.Tag != "!!null":
		d.root = nil
		d.fault(Place{name, top.Line}, "", "want keys with values, such as name: quickstart")
	}
	return d
}

func (d *document) syntax(err error) {
	at, problem := Place{Name: d.name}, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := yamlError.FindStringSubmatch(err.Error()); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		problem = m[2]
	}
	d.fault(at, "", "not YAML: "+inPlainWords(problem))
}

func (d *document) fault(at Place, key, problem string) {
	d.faults = append(d.faults, Fault{at, key, problem})
}

// walk notes the place of every key under n, whose own key is path, and takes
// the keys that cannot be used out of the tree.
func (d *document) walk(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.MappingNode:
		d.walkKeys(n, path)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			key := itemKey(path, n, i)
			d.places[key] = Place{d.name, item.Line}
			d.walk(item, key)
		}
	case yaml.AliasNode:
		d.fault(Place{d.name, n.Line}, path, "aliases are not used in pipeline files: write the value out")
		*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	case yaml.ScalarNode:
		if n.Tag == "!!int" && leadingZero.MatchString(n.Value) {
			d.fault(Place{d.name, n.Line}, path, "want a number without leading zeros, got "+n.Value)
		}
	}
}

func (d *document) walkKeys(n *yaml.Node, path string) {
	first := map[string]int{}
	var kept []*yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key, at := join(path, k.Value), Place{d.name, k.Line}
		if line, twice := first[k.Value]; twice {
			d.fault(at, key, fmt.Sprintf("given twice, first on line %d", line))
			continue
		}
		first[k.Value] = k.Line
		if k.Kind != yaml.ScalarNode || !keyForm.MatchString(k.Value) {
			d.fault(at, key, "want a key of lower-case letters, digits and underscores"+lowered(k.Value, "_"))
			continue
		}
		d.places[key] = at
		empty := v.Kind == yaml.ScalarNode && v.Tag == "!!null"
		if empty && k.Value != "with" && k.Value != "needs" {
			d.fault(at, key, "has no value: give one, or remove the key to use the default")
		}
		d.walk(v, key)
		if !empty {
			kept = append(kept, k, v)
		}
	}
	n.Content = kept
}

// itemKey returns the dotted key of item i of the list n. An item of stages goes
// by its name where no earlier one has it.
func itemKey(path string, n *yaml.Node, i int) string {
	if path == "stages" {
		if name := scalar(n.Content[i], "name"); nameForm.MatchString(name) {
			for _, other := range n.Content[:i] {
				if scalar(other, "name") == name {
					return fmt.Sprintf("%s[%d]", path, i)
				}
			}
			return join(path, name)
		}
	}
	return fmt.Sprintf("%s[%d]", path, i)
}

// set puts value, which stands at the place at, at the dotted key, over what the
// file says.
func (d *document) set(key string, value *yaml.Node, at Place) {
	if value.Tag == "!!null" {
		d.fault(at, key, "has no value")
		return
	}
	n, path := d.root, ""
	parts := strings.Split(key, ".")
	for i, part := range parts {
		if path == "stages" && n.Kind == yaml.SequenceNode {
			item := named(n, part)
			if item == nil {
				d.fault(at, key, fmt.Sprintf("no stage is named %q%s", part, near(part, names(n))))
				return
			}
			n, path = item, join(path, part)
			continue
		}
		if n.Kind != yaml.MappingNode || !keyForm.MatchString(part) {
			d.fault(at, key, "no such key: want one such as stages.mae.with.steps")
			return
		}
		path = join(path, part)
		child := get(n, part)
		if child == nil {
			child = &yaml.Node{Kind: yaml.MappingNode}
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: part}, child)
			d.places[path] = at
		}
		if i == len(parts)-1 {
			*child = *value
		}
		n = child
	}
	inner := &document{name: at.Name, places: map[string]Place{}}
	inner.walk(n, path)
	for _, f := range inner.faults {
		d.fault(at, f.Key, f.Problem)
	}
	for k := range inner.places {
		d.places[k] = at
	}
	d.places[path] = at
}

// place returns where key was set: its own place, or that of the nearest key
// around it.
func (d *document) place(key string) Place {
	for k := key; k != ""; k = k[:max(0, strings.LastIndexAny(k, ".["))] {
		if p, ok := d.places[k]; ok {
			return p
		}
	}
	return Place{Name: d.name}
}

// drop takes the key out of the top of the document.
func (d *document) drop(key string) {
	for i := 0; i < len(d.root.Content); i += 2 {
		if d.root.Content[i].Value == key {
			d.root.Content = slices.Delete(d.root.Content, i, i+2)
			break
		}
	}
	maps.DeleteFunc(d.places, func(k string, _ Place) bool { return within(k, key) })
}

// has reports whether the document sets the dotted key itself.
func (d *document) has(key string) bool {
	_, ok := d.places[key]
	return ok
}

// tree returns what the document sets.
func (d *document) tree() map[string]any {
	m := map[string]any{}
	if err := d.root.Decode(&m); err != nil {
		d.syntax(err)
	}
	return m
}

// get returns the value of key in the mapping n, or nil.
func get(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// scalar returns the text of key in the mapping n, or "".
func scalar(n *yaml.Node, key string) string {
	if v := get(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// named returns the first item of the list n with that name, or nil.
func named(n *yaml.Node, name string) *yaml.Node {
	for _, item := range n.Content {
		if scalar(item, "name") == name {
			return item
		}
	}
	return nil
}

// names returns the names of the items of the list n.
func names(n *yaml.Node) []string {
	var out []string
	for _, item := range n.Content {
		if name := scalar(item, "name"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// join returns key under path.
func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }
