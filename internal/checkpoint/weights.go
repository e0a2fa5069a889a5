package checkpoint

import (
	"fmt"
	"slices"
	"strings"

	"oncovox/internal/nn"
)

// Weights returns the weights in ps as tensors that share their memory.
func Weights(ps *nn.Params) []Tensor {
	var ts []Tensor
	for _, p := range ps.All() {
		ts = append(ts, Tensor{p.Name, p.Shape, p.W})
	}
	return ts
}

// Assign copies the tensors of f to the weights of the same names in ps. It
// fails, and changes nothing, unless the accounts are exact: missing must hold
// for the weights that have no tensor and for no others, unused for the tensors
// that have no weight and for no others; nil stands for none. A weight and a
// tensor of one name must have one shape.
func (f File) Assign(ps *nn.Params, missing, unused func(name string) bool) error {
	tensors := map[string]Tensor{}
	for _, t := range f.Tensors {
		tensors[t.Name] = t
	}
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	expect := func(f func(string) bool, name string) bool { return f != nil && f(name) }
	for _, p := range ps.All() {
		t, ok := tensors[p.Name]
		switch {
		case !ok && !expect(missing, p.Name):
			fault("has no weight %s", p.Name)
		case ok && expect(missing, p.Name):
			fault("has a weight %s, which the network makes anew", p.Name)
		case ok && !slices.Equal(t.Shape, p.Shape):
			fault("weight %s is %v, the network's %v", p.Name, t.Shape, p.Shape)
		}
	}
	for _, t := range f.Tensors {
		known := ps.Get(t.Name) != nil
		switch {
		case !known && !expect(unused, t.Name):
			fault("weight %s has no place in the network", t.Name)
		case known && expect(unused, t.Name):
			fault("weight %s has a place in the network, and none was expected", t.Name)
		}
	}
	if n := len(faults); n > 0 {
		if n > 3 {
			faults = append(faults[:3], fmt.Sprintf("and %d faults more", n-3))
		}
		return fmt.Errorf("the checkpoint does not fit: %s", strings.Join(faults, "; "))
	}
	for _, p := range ps.All() {
		copy(p.W, tensors[p.Name].Data) // nothing where it is missing
	}
	return nil
}

// Prefixes returns a function that holds for names that begin with one of ps.
func Prefixes(ps ...string) func(name string) bool {
	return func(name string) bool {
		return slices.ContainsFunc(ps, func(p string) bool { return strings.HasPrefix(name, p) })
	}
}
