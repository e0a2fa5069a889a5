package checkpoint

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"oncovox/internal/rng"
)

// Every float16 comes back as it was, and a float32 becomes the nearest: no other
// float16 is nearer. The edges are those of IEEE 754.
func TestHalf(t *testing.T) {
	for h := range 1 << 16 {
		v := fromHalf(uint16(h))
		if got := toHalf(v); got != uint16(h) {
			t.Fatalf("%#04x is %v, and comes back as %#04x", h, v, got)
		}
	}
	for in, want := range map[float32]uint16{1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, 1e9: 0x7c00, 0x1p-24: 1, 0x1p-25: 0,
		0x1.8p-25: 1, 0x1p-14: 0x0400, 0x1.ff8p-15: 0x3ff, 0x1.ffcp-15: 0x0400, 1 + 0x1p-11: 0x3c00, 1 + 0x1.8p-10: 0x3c02, 1e-9: 0} {
		if got := toHalf(in); got != want {
			t.Errorf("%v is %#04x, want %#04x", in, got, want)
		}
	}
	r := rng.At(1, "half")
	for range 100000 {
		v := float32(math.Ldexp(r.NormFloat64(), r.IntN(46)-30))
		h := toHalf(v)
		off := math.Abs(float64(fromHalf(h)) - float64(v))
		for _, other := range []uint16{h - 1, h + 1} {
			if d := math.Abs(float64(fromHalf(other)) - float64(v)); !math.IsInf(off, 0) && d < off {
				t.Fatalf("%v became %v, %v is nearer", v, fromHalf(h), fromHalf(other))
			}
		}
	}
}

// A file of halves is read as float32, takes two bytes a weight, and damage in it is
// found as in any other.
func TestHalfFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "half.safetensors")
	f := File{Half: true, Tensors: []Tensor{{"a", []int{2, 2}, []float32{1, -0.5, 1.0001, 3e-8}}, {"b", []int{1}, []float32{2}}}, Meta: map[string]string{"k": "v"}}
	if err := Write(path, f); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || !got.Half || got.Meta["k"] != "v" || got.Tensors[1].Data[0] != 2 {
		t.Fatalf("%+v, error %v", got, err)
	}
	for i, want := range []float32{1, -0.5, 1} {
		if got.Tensors[0].Data[i] != want {
			t.Errorf("value %d: %v, want %v", i, got.Tensors[0].Data[i], want)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if data := len(b) - 8 - int(binary.LittleEndian.Uint64(b)); data != 10 {
		t.Errorf("%d bytes of data, want 10", data)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("damage was not found")
	}
}
