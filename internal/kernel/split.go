package kernel

// A splitting is a call of Split under way.
type splitting struct {
	f        func(from, to int)
	n, piece int
}

var splittings stash[splitting]

// Split cuts 0 to n-1 into pieces and calls f with each, in any order and on all
// workers. Kernels that f calls compute on f's goroutine.
func Split(n, piece int, f func(from, to int)) {
	j := splittings.get()
	*j = splitting{f, n, piece}
	parallel(ceil(n, piece), j)
	*j = splitting{}
	splittings.put(j)
}

func (j *splitting) run(i int, _ *scratch) { j.f(i*j.piece, min(j.n, (i+1)*j.piece)) }
