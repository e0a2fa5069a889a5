package kernel

import "testing"

// Every number is handed out once, in pieces that do not depend on the threads, and
// kernels can be called from the pieces.
func TestSplit(t *testing.T) {
	defer SetThreads(0)
	for _, threads := range []int{1, 2, 5} {
		SetThreads(threads)
		for _, n := range []int{0, 1, 7, 8, 9, 100} {
			seen := make([]float32, n)
			Split(n, 8, func(from, to int) {
				if from%8 != 0 || to != min(n, from+8) {
					t.Errorf("a piece from %d to %d of %d", from, to, n)
				}
				for i := from; i < to; i++ {
					seen[i]++
				}
				Scale(seen[from:to], 3)
			})
			for i, v := range seen {
				if v != 3 {
					t.Errorf("%d threads: %d of %d was handed out %v times", threads, i, n, v/3)
				}
			}
		}
	}
}
