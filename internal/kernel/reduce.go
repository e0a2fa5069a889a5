package kernel

// A run of rows of a few channels is treated as a run of long rows, each a whole
// number of channel rows and of vectors; partial sums for the long row's columns
// are folded into channels at the end.

// longRow returns the length of such a row: a multiple of channels and of 16, and
// at least 64.
func longRow(channels int) int {
	n := channels
	for n%16 != 0 {
		n *= 2
	}
	return n * ceil(64, n)
}

// sliceRows is how many long rows one task adds up in float32.
func sliceRows(long int) int { return min(max(1<<16/long, 16), 256) }

// A columnSum adds the rows of x (rows, cols).
type columnSum struct {
	p           *path
	x           []float32
	long, slice int // floats of a long row and of a task
	parts       buffer
	sum         folding
}

var columnSumStash stash[columnSum]

// columnSums sets sum[j] to the sum of column j of x (rows, cols), or adds it.
func columnSums(name string, sum, x []float32, rows, cols int, accumulate bool) {
	need(name, "sums of columns", sum, cols)
	need(name, "summed rows", x, rows*cols)
	j := columnSumStash.get()
	j.p, j.x, j.long = current, x[:rows*cols], longRow(cols)
	j.slice = sliceRows(j.long) * j.long
	n := ceil(len(j.x), j.slice)
	j.sum = folding{sum: sum, parts: j.parts.floats(n * j.long), count: n, stride: j.long, long: j.long, cols: cols, accumulate: accumulate}
	parallel(n, j)
	parallel(ceil(cols, foldColumns), &j.sum)
	j.x, j.sum = nil, folding{}
	columnSumStash.put(j)
}

func (j *columnSum) run(i int, _ *scratch) {
	x := j.x[i*j.slice : min(len(j.x), (i+1)*j.slice)]
	sum := j.sum.parts[i*j.long:][:j.long]
	clear(sum)
	rows, rest := len(x)/j.long, len(x)%j.long
	if rows > 0 {
		j.p.channelSum(rows, j.long, sum, x)
	}
	channelSum(1, rest, sum, x[rows*j.long:])
}

const foldColumns = 64

// A folding adds partial sums: count rows, stride apart, of long columns, of which
// every cols-th belongs together.
type folding struct {
	sum, parts          []float32
	count, stride, long int
	cols                int
	accumulate          bool
}

func (f *folding) run(i int, _ *scratch) {
	var sums [foldColumns]float64
	from := i * foldColumns
	to := min(f.cols, from+foldColumns)
	f.columns(sums[:to-from], from)
	for c, s := range sums[:to-from] {
		if f.accumulate {
			s += float64(f.sum[from+c])
		}
		f.sum[from+c] = float32(s)
	}
}

// columns sets sums to the sums of the columns that begin at from.
func (f *folding) columns(sums []float64, from int) {
	clear(sums)
	for r := range f.count {
		for at := from; at < f.long; at += f.cols {
			for c, v := range f.parts[r*f.stride+at:][:len(sums)] {
				sums[c] += float64(v)
			}
		}
	}
}
