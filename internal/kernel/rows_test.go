package kernel

import (
	"fmt"
	"slices"
	"testing"
)

// Every row arrives, and nothing beyond them is written.
func TestCopyRows(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, w := range []int{1, 2, 3, 7, 8, 15, 16, 17, 24, 31, 32, 33, 48, 100} {
			for _, n := range []int{1, 2, 3, 5, 16, 17} {
				for _, ld := range []int{w, w + 1, 3*w + 5} {
					src := make([]float32, (n-1)*ld+w)
					for i := range src {
						src[i] = float32(i + 1)
					}
					dst, want := make([]float32, n*w+40), make([]float32, n*w+40)
					for i := range n {
						copy(want[i*w:], src[i*ld:i*ld+w])
					}
					CopyRows(dst, src, n, w, ld, 8*ld)
					if !slices.Equal(dst, want) {
						t.Fatalf("%d rows of %d, %d apart: got %v", n, w, ld, dst)
					}
				}
			}
		}
	})
}

func BenchmarkCopyRows(b *testing.B) {
	const side, batch = 96, 8
	src, dst := aligned(batch*side*side*side), aligned(16*16)
	for _, w := range []int{8, 16} {
		b.Run(fmt.Sprint(w), func(b *testing.B) {
			b.SetBytes(int64(4 * w * w))
			for i := 0; b.Loop(); i = (i + 1) % (len(src)/side - w) {
				CopyRows(dst, src[i*side:], w, w, side, side*side)
			}
		})
	}
}
