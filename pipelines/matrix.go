package pipelines

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxInstances bounds what a matrix may call for: more is a slip of the pen.
const maxInstances = 1000

// An axis is one line of a matrix: a value, and what it is to be in turn.
type axis struct {
	Key    string `mapstructure:"key"`
	Values []any  `mapstructure:"values"`
}

// An Instance is the pipeline at one point of its matrix.
type Instance struct {
	*Pipeline
	Instance string        // its name and its folder in the run, such as seed=1,steps=100
	Values   []MatrixValue // one an axis, in the order of the file
}

// A MatrixValue is what a matrix sets in an instance.
type MatrixValue struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// matrix returns the pipeline of d with an instance for every way to choose one
// value of each axis, the last axis changing first.
func (d *document) matrix(kinds []Kind, axes []axis) *Pipeline {
	list := get(d.root, "matrix")
	n := 1
	for i, a := range axes {
		n = min(n*len(a.Values), maxInstances+1)
		d.checkAxis(fmt.Sprintf("matrix[%d]", i), a, axes[:i])
	}
	if n > maxInstances {
		d.fault(d.place("matrix"), "matrix", fmt.Sprintf("calls for more than %d instances", maxInstances))
	}
	if len(d.faults) > 0 {
		return nil
	}
	words := axisWords(axes, list)
	p := &Pipeline{from: d}
	for i := range n {
		c := d.clone()
		in := Instance{}
		var name []string
		at := make([]int, len(axes))
		for k := len(axes) - 1; k >= 0; k-- {
			at[k], i = i%len(axes[k].Values), i/len(axes[k].Values)
		}
		for k, a := range axes {
			value := copyNode(get(list.Content[k], "values").Content[at[k]])
			c.set(a.Key, value, d.place(fmt.Sprintf("matrix[%d].values[%d]", k, at[k])))
			in.Values = append(in.Values, MatrixValue{a.Key, a.Values[at[k]]})
			name = append(name, words[k][at[k]])
		}
		in.Pipeline, _ = c.pipeline(kinds)
		in.Instance = strings.Join(name, ",")
		d.faults = append(d.faults, c.faults...)
		p.Name, p.Instances = in.Name, append(p.Instances, in)
	}
	return p
}

// checkAxis reports what is wrong with the axis a, at the dotted key, after those
// before it.
func (d *document) checkAxis(key string, a axis, before []axis) {
	switch {
	case a.Key == "":
		d.fault(d.place(key), key, "key is missing: name a value, such as stages.mae.with.steps")
	case a.Key != "seed" && !strings.HasPrefix(a.Key, "stages."):
		d.fault(d.place(key+".key"), key+".key", "want seed, or a value of a stage, such as stages.mae.with.steps")
	case slices.ContainsFunc(before, func(b axis) bool { return b.Key == a.Key }):
		d.fault(d.place(key+".key"), key+".key", a.Key+" has its values already")
	case len(a.Values) == 0:
		d.fault(d.place(key), key, "values is missing: list what it is to be")
	}
	if at, ok := d.places[a.Key]; ok && at.Line == 0 {
		d.fault(at, a.Key, "is set by the matrix at "+d.place(key).String())
	}
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9_.+-]+`)

// axisWords returns how the name of an instance says each value of each axis:
// steps=100. The word before the sign is the last of the key, with that of its
// stage before it if another axis ends so too.
func axisWords(axes []axis, list *yaml.Node) [][]string {
	words := make([][]string, len(axes))
	last := func(a axis) string { return a.Key[strings.LastIndex(a.Key, ".")+1:] }
	for i, a := range axes {
		word := last(a)
		if slices.ContainsFunc(axes, func(b axis) bool { return b.Key != a.Key && last(b) == word }) {
			word = shortKey(a.Key)
		}
		seen := map[string]bool{}
		for k, n := range get(list.Content[i], "values").Content {
			value := strings.Trim(unsafe.ReplaceAllString(flow(n), "-"), "-")
			if value == "" || len(value) > 40 || seen[value] {
				value = fmt.Sprintf("value%d", k+1)
			}
			seen[value] = true
			words[i] = append(words[i], word+"="+value)
		}
	}
	return words
}

// shortKey returns a dotted key without what every value of a stage has in its own.
func shortKey(key string) string {
	return strings.Replace(strings.TrimPrefix(key, "stages."), ".with.", ".", 1)
}

// flow returns the values in n, one after the other.
func flow(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode {
		return n.Value
	}
	parts := make([]string, len(n.Content))
	for i, inner := range n.Content {
		parts[i] = flow(inner)
	}
	return strings.Join(parts, "-")
}
