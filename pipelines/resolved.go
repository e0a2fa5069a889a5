package pipelines

import (
	"bytes"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// resolved returns the pipeline as a file that spells out every setting.
func (p *Pipeline) resolved() []byte {
	stages := &yaml.Node{Kind: yaml.SequenceNode}
	for _, s := range p.Stages {
		item := mapping("name", s.Name, "run", s.Kind.Name)
		if len(s.Needs) > 0 {
			needs := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
			for _, role := range slices.Sorted(maps.Keys(s.Needs)) {
				needs.Content = append(needs.Content, mapping(role, s.Needs[role]).Content...)
			}
			item.Content = append(item.Content, node("needs"), needs)
		}
		item.Content = append(item.Content, node("with"), settings(reflect.ValueOf(s.Config)))
		stages.Content = append(stages.Content, item)
	}
	top := mapping("name", p.Name, "seed", p.Seed)
	top.Content = append(top.Content, node("stages"), stages)
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(top); err != nil {
		panic("pipelines: resolved: " + err.Error()) // a tree of plain values
	}
	return buf.Bytes()
}

// settings returns the config struct c as a mapping, in the order of its fields.
func settings(c reflect.Value) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode}
	for i := range c.NumField() {
		f := c.Field(i)
		value := node(f.Interface())
		switch {
		case f.Kind() == reflect.Struct:
			value = settings(f)
		case f.Kind() == reflect.Slice && f.Len() == 0:
			value = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		case f.Kind() == reflect.Slice || f.Kind() == reflect.Array:
			value.Style = yaml.FlowStyle
		}
		m.Content = append(m.Content, node(c.Type().Field(i).Tag.Get("mapstructure")), value)
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
