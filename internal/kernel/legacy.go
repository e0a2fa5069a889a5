package kernel

type funcJob func(i int)

func (f funcJob) run(i int, _ *scratch) { f(i) }

func columnSums(name string, sum, x []float32, rows, cols int, accumulate bool) {
	for j := range cols {
		var s float64
		for r := range rows {
			s += float64(x[r*cols+j])
		}
		if accumulate {
			sum[j] += float32(s)
		} else {
			sum[j] = float32(s)
		}
	}
}

func each(n int, f func(i int)) { parallel(n, funcJob(f)) }
