package pipelines

import (
	"bytes"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Resolved returns the pipeline, without its matrix, as a file that spells out
// every setting. With origins, a comment after each says where it came from: a
// line of a file, --set, a variable of the environment, or the default.
func (p *Pipeline) Resolved(origins bool) []byte {
	comment := func(_ string, _ *yaml.Node) {}
	if origins {
		comment = func(key string, n *yaml.Node) { n.LineComment = p.origin(key) }
	}
	named := func(key, path string, value any) []*yaml.Node {
		n := node(value)
		comment(path, n)
		return []*yaml.Node{node(key), n}
	}
	stages := &yaml.Node{Kind: yaml.SequenceNode}
	for _, s := range p.Stages {
		item := &yaml.Node{Kind: yaml.MappingNode}
		item.Content = append(named("name", s.key+".name", s.Name), named("run", s.key+".run", s.Kind.Name)...)
		if s.Seed != p.Seed {
			item.Content = append(item.Content, named("seed", s.key+".seed", s.Seed)...)
		}
		if len(s.Needs) > 0 {
			needs := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
			for _, role := range slices.Sorted(maps.Keys(s.Needs)) {
				needs.Content = append(needs.Content, mapping(role, s.Needs[role]).Content...)
			}
			comment(s.key+".needs", needs)
			item.Content = append(item.Content, node("needs"), needs)
		}
		item.Content = append(item.Content, node("with"), settings(reflect.ValueOf(s.Config), s.key+".with", comment))
		stages.Content = append(stages.Content, item)
	}
	top := &yaml.Node{Kind: yaml.MappingNode}
	top.Content = append(named("name", "name", p.Name), named("seed", "seed", p.Seed)...)
	top.Content = append(top.Content, node("stages"), stages)
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(top); err != nil {
		panic("pipelines: Resolved: " + err.Error()) // a tree of plain values
	}
	return buf.Bytes()
}

// origin says where the value of the dotted key came from.
func (p *Pipeline) origin(key string) string {
	if at, ok := p.from.places[key]; ok {
		return at.String()
	}
	return "default"
}

// settings returns the config struct c, which is at the dotted key path, as a
// mapping, in the order of its fields.
func settings(c reflect.Value, path string, comment func(key string, n *yaml.Node)) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for i := range c.NumField() {
		f := c.Field(i)
		name := c.Type().Field(i).Tag.Get("mapstructure")
		key, value := join(path, name), node(f.Interface())
		switch {
		case f.Kind() == reflect.Struct:
			value = settings(f, key, comment)
		case f.Kind() == reflect.Slice && f.Len() == 0:
			value = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		case f.Kind() == reflect.Slice || f.Kind() == reflect.Array:
			value.Style = yaml.FlowStyle
		}
		if f.Kind() != reflect.Struct {
			comment(key, value)
		}
		m.Content = append(m.Content, node(name), value)
	}
	return m
}

// mapping returns the keys and values of pairs as a mapping.
func mapping(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for _, v := range pairs {
		m.Content = append(m.Content, node(v))
	}
	return m
}

// node returns v, plain data, as YAML.
func node(v any) *yaml.Node {
	n := &yaml.Node{}
	if err := n.Encode(v); err != nil {
		panic("pipelines: node: " + err.Error())
	}
	return n
}

// scalarOf returns the text of key at the top of the YAML file text, or "".
func scalarOf(text []byte, key string) string {
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return ""
	}
	return scalar(doc.Content[0], key)
}
