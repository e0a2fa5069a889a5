package optim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"oncovox/internal/kernel"
	"oncovox/internal/nn"
)

// A thousand steps of a small autoencoder end in the same bits in two processes, one
// with a single thread and one with three.
func TestSameBitsInTwoProcesses(t *testing.T) {
	const key = "ONCOVOX_TEST_THREADS"
	if n := os.Getenv(key); n != "" {
		threads := 0
		fmt.Sscan(n, &threads)
		kernel.SetThreads(threads)
		fmt.Printf("digest %x\n", thousandSteps(t))
		return
	}
	digest := func(threads string) string {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSameBitsInTwoProcesses$")
		cmd.Env = append(os.Environ(), key+"="+threads)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for line := range strings.Lines(string(out)) {
			if d, ok := strings.CutPrefix(line, "digest "); ok {
				return d
			}
		}
		t.Fatalf("no digest in %q", out)
		return ""
	}
	if a, b := digest("1"), digest("3"); a != b {
		t.Errorf("digests %s and %s", a, b)
	}
}

// thousandSteps trains, and returns the digest of the losses and of the weights.
func thousandSteps(t *testing.T) []byte {
	c := nn.BackboneConfig{
		Stem: "linear", Crop: [3]int{8, 8, 8}, Patch: [3]int{4, 4, 4}, Dim: 24, Depth: 1, Heads: 2,
		DecDim: 12, DecDepth: 1, DecHeads: 2, PositionBase: 100,
	}
	ps := nn.NewParams(1)
	mae := nn.NewMAE(c, ps)
	g := nn.NewGraph(true)
	g.UseBF16()
	crop := g.GridInput("crop", 2, c.Crop, 1)
	mask := nn.NewMask(2, 8, 3)
	p, err := g.Compile([]nn.Term{{Loss: mae.Loss(g, crop, mask, true), Weight: 1}})
	if err != nil {
		t.Fatal(err)
	}
	a := NewAdamW(ps, Default())
	h := sha256.New()
	for step := range 1000 {
		r := rand.New(rand.NewPCG(1, uint64(step)))
		load := func(int) {
			nn.Normal(1)(crop.Data(), nil, r)
			for b := range 2 {
				mask.Set(b, 8, r.Perm(8))
			}
		}
		loss, norm, err := a.Train(p, 1, load, 1e-3, 1)
		if err != nil {
			t.Fatal(err)
		}
		binary.Write(h, binary.LittleEndian, [2]uint64{math.Float64bits(loss), math.Float64bits(norm)})
	}
	for _, q := range ps.All() {
		binary.Write(h, binary.LittleEndian, q.W)
	}
	return h.Sum(nil)
}
