package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"oncovox/internal/nn"
	"oncovox/internal/optim"

	"github.com/google/go-cmp/cmp"
)

func sample() File {
	return File{
		Tensors: []Tensor{
			{"z", []int{2, 3}, []float32{1, -2, 3.5, 0, float32(math.Inf(1)), 1e-40}},
			{"empty", []int{0, 4}, []float32{}},
			{"a.weight", []int{1}, []float32{7}},
		},
		Meta: map[string]string{"config": `{"dim":96}`},
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	if err := Write(path, sample()); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample(), got); d != "" {
		t.Error(d)
	}
	a, _ := encode(sample())
	b, _ := encode(got)
	if !bytes.Equal(a, b) {
		t.Error("writing what was read gives other bytes")
	}
}

func TestWriteRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "w.safetensors")
	for name, f := range map[string]File{
		"shape":     {Tensors: []Tensor{{"a", []int{2}, []float32{1}}}},
		"twice":     {Tensors: []Tensor{{"a", []int{1}, []float32{1}}, {"a", []int{1}, []float32{1}}}},
		"reserved":  {Tensors: []Tensor{{"__metadata__", []int{1}, []float32{1}}}},
		"meta name": {Meta: map[string]string{digestKey: "x"}},
	} {
		if err := Write(path, f); err == nil {
			t.Errorf("%s: written", name)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a refused write left a file")
	}
}

// encode returns the bytes of f.
func encode(f File) ([]byte, error) {
	var b bytes.Buffer
	err := f.encode(&b)
	return b.Bytes(), err
}

func raw(length uint64, header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, length)
	return append(append(b, header...), make([]byte, data)...)
}

func headed(header string, data int) []byte { return raw(uint64(len(header)), header, data) }

func TestReadRefuses(t *testing.T) {
	whole, _ := encode(sample())
	flipped := bytes.Clone(whole)
	flipped[len(flipped)-1] ^= 1
	for name, b := range map[string][]byte{
		"empty":             nil,
		"short":             {1, 2, 3},
		"header length lie": raw(1<<62, "{}", 0),
		"header too long":   raw(100, "{}", 0),
		"not JSON":          headed("{", 0),
		"JSON list":         headed("[]", 0),
		"null metadata":     headed(`{"__metadata__":null}`, 0),
		"metadata number":   headed(`{"__metadata__":{"a":1}}`, 0),
		"past the end":      headed(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, 8),
		"huge shape":        headed(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}}`, 0),
		"negative side":     headed(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 4),
		"shape and bytes":   headed(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
		"backward offsets":  headed(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}`, 8),
		"gap":               headed(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"overlap":           headed(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
		"bytes left":        headed(`{}`, 4),
		"other dtype":       headed(`{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}`, 4),
		"two dtypes":        headed(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"cut":               whole[:len(whole)-1],
		"flipped bit":       flipped,
	} {
		if _, err := Decode(bytes.NewReader(b), int64(len(b))); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error %v, want ErrFormat", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	whole, _ := encode(sample())
	f.Add(whole)
	f.Add(headed(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Decode(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("error %v, want ErrFormat", err)
			}
			return
		}
		again, err := encode(file)
		if err != nil {
			return // a name that only a foreign writer gives
		}
		back, err := Decode(bytes.NewReader(again), int64(len(again)))
		if err != nil || len(back.Tensors) != len(file.Tensors) {
			t.Errorf("what was read and written does not read: %v", err)
		}
	})
}

func params(names ...string) *nn.Params {
	ps := nn.NewParams(1)
	for _, n := range names {
		ps.Add(n, nn.Normal(1), 2, 3)
	}
	return ps
}

func TestAssign(t *testing.T) {
	file := File{Tensors: Weights(params("enc.a", "dec.b"))}
	cases := []struct {
		name            string
		ps              *nn.Params
		missing, unused func(string) bool
		want            string // part of the error; empty for none
	}{
		{"same", params("enc.a", "dec.b"), nil, nil, ""},
		{"encoder only", params("enc.a", "head.c"), Prefixes("head."), Prefixes("dec."), ""},
		{"missing not expected", params("enc.a", "head.c"), nil, Prefixes("dec."), "no weight head.c"},
		{"unused not expected", params("enc.a"), nil, nil, "dec.b has no place"},
		{"expected missing, but there", params("enc.a", "dec.b"), Prefixes("dec."), nil, "has a weight dec.b"},
		{"expected unused, but used", params("enc.a", "dec.b"), nil, Prefixes("dec."), "none was expected"},
	}
	other := nn.NewParams(1)
	other.Add("enc.a", nn.Zeros, 3, 2)
	cases = append(cases, struct {
		name            string
		ps              *nn.Params
		missing, unused func(string) bool
		want            string
	}{"other shape", other, nil, Prefixes("dec."), "is [2 3], the network's [3 2]"})
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			clear(c.ps.Get("enc.a").W)
			err := file.Assign(c.ps, c.missing, c.unused)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want == "" && c.ps.Get("enc.a").W[1] != file.Tensors[0].Data[1]:
				t.Error("the weight was not copied")
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q", err, c.want)
			case c.want != "" && c.ps.Get("enc.a").W[1] != 0:
				t.Error("a refused checkpoint changed a weight")
			}
		})
	}
}

func TestState(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	ps := params("a", "b")
	opt := optim.NewAdamW(ps, optim.Default())
	if found, damaged, err := LoadState(dir, ps, opt, nil); found || damaged != 0 || err != nil {
		t.Fatalf("no folder: %v, %d, %v", found, damaged, err)
	}
	var saved [][]float32
	more := Tensor{"average", []int{2}, []float32{0, 7}}
	for range 3 {
		more.Data[0]++
		for _, p := range ps.All() {
			for i := range p.G {
				p.G[i] = float32(i) - 1
			}
		}
		if _, err := opt.Step(0.1, 0); err != nil {
			t.Fatal(err)
		}
		if err := SaveState(dir, ps, opt, map[string]string{"history": "x"}, 2, more); err != nil {
			t.Fatal(err)
		}
		saved = append(saved, append([]float32(nil), ps.Get("a").W...))
	}
	names, _ := states(dir)
	if len(names) != 2 {
		t.Fatalf("%d states are kept, want 2", len(names))
	}
	check := func(name string, want int) {
		t.Helper()
		ps := params("a", "b")
		opt := optim.NewAdamW(ps, optim.Default())
		var memory map[string]string
		got := Tensor{"average", []int{2}, make([]float32, 2)}
		found, damaged, err := LoadState(dir, ps, opt, &memory, got)
		if err != nil || !found || damaged != 3-want || memory["history"] != "x" || opt.Steps() != want {
			t.Fatalf("%s: memory %v, %d damaged, error %v, step %d", name, memory, damaged, err, opt.Steps())
		}
		if d := cmp.Diff(saved[want-1], ps.Get("a").W); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if got.Data[0] != float32(want) || got.Data[1] != 7 {
			t.Errorf("%s: beside the weights %v, want %d and 7", name, got.Data, want)
		}
		if opt.Moments()[0].V[0] == 0 {
			t.Errorf("%s: the moments were not restored", name)
		}
	}
	check("newest", 3)
	path := filepath.Join(dir, names[1])
	b, _ := os.ReadFile(path)
	b[len(b)-9] ^= 4
	os.WriteFile(path, b, 0o644)
	check("newest damaged", 2)

	if _, _, err := LoadState(dir, ps, opt, nil, Tensor{"other", []int{1}, []float32{0}}); err == nil {
		t.Error("a state without a tensor that is asked for was loaded")
	}
	ps = params("a", "c")
	var memory map[string]string
	if _, _, err := LoadState(dir, ps, optim.NewAdamW(ps, optim.Default()), &memory); err == nil {
		t.Error("the state of another network was loaded")
	}
}

// One bit that is flipped anywhere in a file is found, or is where it changes nothing
// that is read.
func TestEveryBitIsGuarded(t *testing.T) {
	f := File{
		Tensors: []Tensor{{"a", []int{2, 2}, []float32{1, 2, 3, 4}}, {"b", []int{3}, []float32{5, 6, 7}}},
		Meta:    map[string]string{"memory": `{"history":[0.25,0.5]}`, "steps": "12"},
	}
	b, err := encode(f)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		got, err := Decode(bytes.NewReader(b), int64(len(b)))
		b[i/8] ^= 1 << (i % 8)
		switch {
		case errors.Is(err, ErrFormat):
			found++
		case err != nil:
			t.Errorf("bit %d: error %v is no ErrFormat", i, err)
		default:
			for k := range got.Meta {
				if _, ok := f.Meta[k]; !ok {
					delete(got.Meta, k) // the name of a digest
				}
			}
			if d := cmp.Diff(f, got); d != "" {
				t.Errorf("bit %d: %s", i, d)
			}
		}
	}
	t.Logf("%d of %d bits were found", found, 8*len(b))
}

// A state is due every so many steps, and after a time.
func TestDue(t *testing.T) {
	clock := time.Unix(0, 0)
	d := Due{Saving: Saving{Steps: 5, Minutes: 1}, Now: func() time.Time { return clock }}
	var due []int
	for step := 1; step <= 20; step++ {
		if step > 10 {
			clock = clock.Add(25 * time.Second)
		}
		if d.After(step) {
			due = append(due, step)
		}
	}
	if want := []int{5, 10, 13, 15, 18, 20}; !slices.Equal(due, want) {
		t.Errorf("due after %v, want %v", due, want)
	}
	d = Due{Saving: Saving{Steps: 5, Minutes: 1}}
	if d.After(4) || !d.After(5) {
		t.Error("without a clock: want every fifth step")
	}
}

func TestSavingCheck(t *testing.T) {
	if faults := (Saving{Steps: 1, Keep: 1}).Check(); faults != nil {
		t.Errorf("%v, want none", faults)
	}
	faults := Saving{Minutes: math.NaN(), Keep: 101}.Check()
	if want := []string{"save_every 0: want at least 1", "save_minutes NaN: want 0 to a million", "keep_states 101: want 1 to 100"}; !slices.Equal(texts(faults), want) {
		t.Errorf("%v, want %v", faults, want)
	}
}

func texts(errs []error) (out []string) {
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}

// BenchmarkSaveState saves the states of networks of so many millions of weights:
// each has 12 bytes a weight.
func BenchmarkSaveState(b *testing.B) {
	for _, millions := range []int{1, 14, 28} {
		b.Run(fmt.Sprintf("weights=%dM", millions), func(b *testing.B) {
			ps := nn.NewParams(1)
			for i := range millions {
				ps.Add(fmt.Sprint("w", i), nn.Zeros, 1000, 1000)
			}
			opt, dir := optim.NewAdamW(ps, optim.Default()), b.TempDir()
			b.SetBytes(12 * int64(ps.Count()))
			b.ReportAllocs()
			for b.Loop() {
				if err := SaveState(dir, ps, opt, nil, 2); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
