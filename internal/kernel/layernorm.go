package kernel

// normRows is how many rows one task normalises.
const normRows = 32

// A layerNorms is a layer normalisation, forward or backward, under way.
type layerNorms struct {
	backward           bool
	forward            func(n int, y, x, gain, bias []float32, eps float32, mean, rstd []float32)
	grad               func(n int, dx, dy, x, gain []float32, mean, rstd float32, dgain, dbias []float32)
	y, mean, rstd, x   []float32
	gain, bias, dx, dy []float32
	rows, dim          int
	eps                float32
	parts              buffer // dgain and dbias of each task
	sumGain, sumBias   folding
}

var layerNormStash stash[layerNorms]

// LayerNorm writes y = (x - mean)·rstd·gain + bias for each row of x (rows,
// dim), with the row's mean and 1/sqrt(variance + eps), which it also leaves in
// mean and rstd (rows). The variance is the biased one. y may be x. Ba et al.
// 2016, equation 4.
func LayerNorm(y, mean, rstd, x, gain, bias []float32, rows, dim int, eps float32) {
	checkLayerNorm("LayerNorm", y, mean, rstd, x, gain, bias, rows, dim)
	j := layerNormStash.get()
	*j = layerNorms{y: y, mean: mean, rstd: rstd, x: x, gain: gain, bias: bias, rows: rows, dim: dim, eps: eps, parts: j.parts}
	j.forward = layerNorm
	if dim%16 == 0 {
		j.forward = current.layerNorm
	}
	parallel(ceil(rows, normRows), j)
	*j = layerNorms{parts: j.parts}
	layerNormStash.put(j)
}

// LayerNormBackward is the gradient of [LayerNorm], from the mean and rstd that
// it left. dx (rows, dim) is overwritten and may be dy; dgain and dbias (dim)
// are overwritten, or added to when accumulate is set.
func LayerNormBackward(dx, dgain, dbias, dy, x, mean, rstd, gain []float32, rows, dim int, accumulate bool) {
	checkLayerNorm("LayerNormBackward", dx, mean, rstd, x, gain, dgain, rows, dim)
	need("LayerNormBackward", "dy", dy, rows*dim)
	need("LayerNormBackward", "dbias", dbias, dim)
	j := layerNormStash.get()
	*j = layerNorms{backward: true, mean: mean, rstd: rstd, x: x, gain: gain, dx: dx, dy: dy, rows: rows, dim: dim, parts: j.parts}
	j.grad = layerNormGrad
	if dim%16 == 0 {
		j.grad = current.layerNormGrad
	}
	n := ceil(rows, normRows)
	j.sumGain = folding{sum: dgain, parts: j.parts.floats(n * 2 * dim), count: n, stride: 2 * dim, long: dim, cols: dim, accumulate: accumulate}
	j.sumBias = j.sumGain
	j.sumBias.sum, j.sumBias.parts = dbias, j.sumGain.parts[min(dim, len(j.sumGain.parts)):]
	parallel(n, j)
	parallel(ceil(dim, foldColumns), &j.sumGain)
	parallel(ceil(dim, foldColumns), &j.sumBias)
	*j = layerNorms{parts: j.parts}
	layerNormStash.put(j)
}

func checkLayerNorm(name string, y, mean, rstd, x, gain, bias []float32, rows, dim int) {
	if dim < 1 || rows < 0 {
		panic("kernel: " + name + ": no columns")
	}
	need(name, "y or dx", y, rows*dim)
	need(name, "x", x, rows*dim)
	need(name, "mean", mean, rows)
	need(name, "rstd", rstd, rows)
	need(name, "gain", gain, dim)
	need(name, "bias or dgain", bias, dim)
}

func (j *layerNorms) run(i int, _ *scratch) {
	d := j.dim
	var dgain, dbias []float32
	if j.backward {
		sums := j.sumGain.parts[i*2*d:][:2*d]
		clear(sums)
		dgain, dbias = sums[:d], sums[d:]
	}
	for r := i * normRows; r < min(j.rows, (i+1)*normRows); r++ {
		if j.backward {
			j.grad(d, j.dx[r*d:], j.dy[r*d:], j.x[r*d:], j.gain, j.mean[r], j.rstd[r], dgain, dbias)
		} else {
			j.forward(d, j.y[r*d:], j.x[r*d:], j.gain, j.bias, j.eps, j.mean[r:], j.rstd[r:])
		}
	}
}
