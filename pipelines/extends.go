package pipelines

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// extend lays the document over the file that it names under extends, that over
// the one which it names, and so on. A path is taken from the folder of the file
// that has it; where there is no such file it is the name of a recipe. It reports
// whether there is a whole to be read further.
func (d *document) extend() bool {
	seen := []string{filepath.Clean(d.name)}
	for {
		at, name := d.place("extends"), d.take("extends")
		if name == "" {
			return d.root != nil
		}
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(at.Name), path)
		}
		if _, ok := recipe(name); ok && !exists(path) {
			path = name
		}
		if i := slices.Index(seen, path); i >= 0 {
			d.fault(at, "extends", "goes round: "+strings.Join(append(seen[i:], path), " → "))
			return false
		}
		text, err := readFile(path)
		if err != nil {
			d.fault(at, "extends", err.Error())
			return false
		}
		seen = append(seen, path)
		base := readDocument(path, text)
		d.faults = append(d.faults, base.faults...)
		if base.root == nil {
			return false
		}
		base.lay(base.root, d.root, "", d)
		d.root, d.places = base.root, base.places
	}
}

// take takes the text of key out of the top of the document. What is not text is
// left to be refused as an unknown key.
func (d *document) take(key string) string {
	if d.root == nil {
		return ""
	}
	for i := 0; i < len(d.root.Content); i += 2 {
		if k, v := d.root.Content[i], d.root.Content[i+1]; k.Value == key && v.Tag == "!!str" {
			d.root.Content = slices.Delete(d.root.Content, i, i+2)
			delete(d.places, key)
			return v.Value
		}
	}
	return ""
}

// lay puts what over has, which is at the key path of from, over n, which is there
// in d: sections key by key, stages by name, anything else as a whole.
func (d *document) lay(n, over *yaml.Node, path string, from *document) {
	for i := 0; i < len(over.Content); i += 2 {
		k, v := over.Content[i], over.Content[i+1]
		key, old := join(path, k.Value), get(n, k.Value)
		switch {
		case old == nil:
			n.Content = append(n.Content, k, v)
			d.copyPlaces(from, key, key)
		case key == "stages" && old.Kind == yaml.SequenceNode && v.Kind == yaml.SequenceNode:
			d.layStages(old, v, from)
		case old.Kind == yaml.MappingNode && v.Kind == yaml.MappingNode:
			d.places[key] = from.places[key]
			d.lay(old, v, key, from)
		default:
			maps.DeleteFunc(d.places, func(k string, _ Place) bool { return within(k, key) })
			*old = *v
			d.copyPlaces(from, key, key)
		}
	}
}

// layStages lays the stages over, of from, over those of the same name in list,
// and puts the others after them.
func (d *document) layStages(list, over *yaml.Node, from *document) {
	for i, item := range over.Content {
		key, old := itemKey("stages", over, i), named(list, scalar(item, "name"))
		if old != nil && key == "stages."+scalar(item, "name") {
			d.places[key] = from.places[key]
			d.lay(old, item, key, from)
			continue
		}
		list.Content = append(list.Content, item)
		d.copyPlaces(from, key, itemKey("stages", list, len(list.Content)-1))
	}
}

// copyPlaces takes over the places of what is at the key old of from, which is at
// the key path here.
func (d *document) copyPlaces(from *document, old, path string) {
	for k, at := range from.places {
		if within(k, old) {
			d.places[path+k[len(old):]] = at
		}
	}
}

// within reports whether the dotted key is path or lies in it.
func within(key, path string) bool {
	rest, ok := strings.CutPrefix(key, path)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// copyNode returns a tree of its own that is like n.
func copyNode(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = make([]*yaml.Node, len(n.Content))
	for i, inner := range n.Content {
		c.Content[i] = copyNode(inner)
	}
	return &c
}

// clone returns a document that can be changed by itself, without the faults.
func (d *document) clone() *document {
	return &document{name: d.name, root: copyNode(d.root), places: maps.Clone(d.places)}
}
