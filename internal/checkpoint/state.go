package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"oncovox/internal/nn"
	"oncovox/internal/optim"
)

// Prefixes of the optimiser's tensors in a training state.
const (
	firstMoment  = "optim.m/"
	secondMoment = "optim.v/"
	weight       = "weight/"
	beside       = "beside/" // what the trainer keeps of its own
)

// memoryKey names the entry of the metadata that holds the trainer's memory.
const memoryKey = "memory"

// SaveState writes the state of a training into dir, which it makes: weights,
// the optimiser's moments and steps, and memory, what the trainer remembers
// beside them, such as the history so far, as JSON; and more, tensors that the trainer
// keeps too. The newest keep states stay: more than one in case the newest is damaged.
func SaveState(dir string, ps *nn.Params, opt *optim.AdamW, memory any, keep int, more ...Tensor) error {
	m, err := json.Marshal(memory)
	if err != nil {
		return fmt.Errorf("save training state: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f := File{Meta: map[string]string{"steps": strconv.Itoa(opt.Steps()), memoryKey: string(m)}}
	for _, t := range Weights(ps) {
		f.Tensors = append(f.Tensors, Tensor{weight + t.Name, t.Shape, t.Data})
	}
	for _, m := range opt.Moments() {
		f.Tensors = append(f.Tensors,
			Tensor{firstMoment + m.Param.Name, m.Param.Shape, m.M},
			Tensor{secondMoment + m.Param.Name, m.Param.Shape, m.V})
	}
	for _, t := range more {
		f.Tensors = append(f.Tensors, Tensor{beside + t.Name, t.Shape, t.Data})
	}
	if err := Write(filepath.Join(dir, stateName(opt.Steps())), f); err != nil {
		return fmt.Errorf("save training state: %w", err)
	}
	return prune(dir, keep)
}

// KeepNewest removes all states in dir but the newest. At the end of a training
// it leaves what an uninterrupted one leaves, whenever others were saved.
func KeepNewest(dir string) error { return prune(dir, 1) }

// prune removes all states in dir but the newest keep.
func prune(dir string, keep int) error {
	names, err := states(dir)
	if err != nil {
		return err
	}
	for _, old := range names[:max(0, len(names)-keep)] {
		if err := os.Remove(filepath.Join(dir, old)); err != nil {
			return err
		}
	}
	return nil
}

// LoadState restores the newest whole state in dir, and memory, a pointer, and the
// values of more from what SaveState was given. It returns whether there was one, and how many newer
// states were damaged and passed over. A state that is whole but of another
// network is an error.
func LoadState(dir string, ps *nn.Params, opt *optim.AdamW, memory any, more ...Tensor) (found bool, damaged int, err error) {
	names, err := states(dir)
	if err != nil {
		return false, 0, err
	}
	for _, name := range slices.Backward(names) {
		f, err := Read(filepath.Join(dir, name))
		if errors.Is(err, ErrFormat) {
			damaged++
			continue
		}
		if err == nil {
			err = f.restore(ps, opt, more)
		}
		if err == nil {
			err = json.Unmarshal([]byte(f.Meta[memoryKey]), memory)
		}
		if err != nil {
			return false, damaged, fmt.Errorf("training state %s: %w", filepath.Join(dir, name), err)
		}
		return true, damaged, nil
	}
	return false, damaged, nil
}

func (f File) restore(ps *nn.Params, opt *optim.AdamW, more []Tensor) error {
	steps, err := strconv.Atoi(f.Meta["steps"])
	if err != nil || steps < 0 {
		return fmt.Errorf("steps %.20q: want a number", f.Meta["steps"])
	}
	tensors := map[string]Tensor{}
	var ws []Tensor
	for _, t := range f.Tensors {
		tensors[t.Name] = t
		if name, ok := strings.CutPrefix(t.Name, weight); ok {
			ws = append(ws, Tensor{name, t.Shape, t.Data})
		}
	}
	for _, m := range opt.Moments() {
		a, b := tensors[firstMoment+m.Param.Name], tensors[secondMoment+m.Param.Name]
		if len(a.Data) != len(m.M) || len(b.Data) != len(m.V) {
			return fmt.Errorf("the moments of %s do not fit", m.Param.Name)
		}
	}
	for _, t := range more {
		if a, ok := tensors[beside+t.Name]; !ok || !slices.Equal(a.Shape, t.Shape) {
			return fmt.Errorf("%s is not there, or of another shape", t.Name)
		}
	}
	if err := (File{Tensors: ws}).Assign(ps, nil, nil); err != nil {
		return err
	}
	for _, t := range more {
		copy(t.Data, tensors[beside+t.Name].Data)
	}
	for _, m := range opt.Moments() {
		copy(m.M, tensors[firstMoment+m.Param.Name].Data)
		copy(m.V, tensors[secondMoment+m.Param.Name].Data)
	}
	opt.SetSteps(steps)
	return nil
}

func stateName(step int) string { return fmt.Sprintf("step-%09d.safetensors", step) }

// states returns the names of the states in dir, oldest first.
func states(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries { // sorted by name
		if strings.HasPrefix(e.Name(), "step-") && strings.HasSuffix(e.Name(), ".safetensors") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
