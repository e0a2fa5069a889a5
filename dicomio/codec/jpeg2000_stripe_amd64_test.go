package codec

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The assembly of the coding passes gives what the portable passes give, for whole codestreams
// and for broken ones, which lead to code and flags that no encoder makes.
func TestStripes(t *testing.T) {
	if !stripes {
		t.Skip("the processor lacks what the assembly needs")
	}
	defer func() { stripes = true }()
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range streams(t) {
		if !strings.HasPrefix(s.name, "j2k-") {
			continue
		}
		fast, slow := make([]byte, s.shape.Len()), make([]byte, s.shape.Len())
		for broken := range 60 {
			src, first := bytes.Clone(s.src), packets(s.src)
			for range broken {
				src[first+r.IntN(len(src)-first)] = byte(r.Uint32())
			}
			stripes = true
			errFast := JPEG2000(fast, src, s.shape)
			stripes = false
			errSlow := JPEG2000(slow, src, s.shape)
			if (errFast == nil) != (errSlow == nil) || !bytes.Equal(fast, slow) {
				t.Fatalf("%s, %d bytes broken: %v, portable %v, equal %v", s.name, broken, errFast, errSlow, bytes.Equal(fast, slow))
			}
		}
	}
}

// A carry goes through words that are all ones, and code without bytes is ones.
func TestUnstuff(t *testing.T) {
	for _, c := range []struct {
		src  []byte
		want []uint32
	}{
		{nil, []uint32{1<<31 - 1, ^uint32(0)}},
		{[]byte{0x12, 0x34, 0x56, 0x78}, []uint32{0x12345678 >> 1, 1<<31 - 1, ^uint32(0)}},
		{[]byte{0x12, 0x34, 0x56, 0xff, 0x00}, []uint32{0x123456ff >> 1, 1<<31 | 1<<24 - 1, ^uint32(0)}},
		{[]byte{0x12, 0x34, 0x56, 0xff, 0x80}, []uint32{0x12345700 >> 1, 1<<24 - 1, ^uint32(0)}},
		{[]byte{0x12, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x80}, []uint32{0x13000000 >> 1, 1<<10 - 1, ^uint32(0)}},
		{[]byte{0x12, 0xff, 0x90, 0x00}, []uint32{0x12ffffff >> 1, ^uint32(0)}},
	} {
		var m mqDecoder
		if m.unstuff(c.src); !slices.Equal(m.words, c.want) {
			t.Errorf("%x gives %x, want %x", c.src, m.words, c.want)
		}
	}
}
