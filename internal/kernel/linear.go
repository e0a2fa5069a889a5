package kernel

// Linear computes y = x·Wᵀ + b: x (rows, in), w (out, in) as in PyTorch, b (out)
// or nil, y (rows, out).
func Linear(y, x, w, b []float32, rows, in, out int) {
	linear("Linear", y, x, w, b, rows, in, out, false)
}

// LinearBF16 is [Linear] with x and w rounded to bfloat16.
func LinearBF16(y, x, w, b []float32, rows, in, out int) {
	linear("LinearBF16", y, x, w, b, rows, in, out, true)
}

func linear(name string, y, x, w, b []float32, rows, in, out int, half bool) {
	if b != nil {
		need(name, "b", b, out)
	}
	product{transB: true, m: rows, n: out, k: in, a: x, lda: in, b: w, ldb: in, c: y, ldc: out, alpha: 1, bias: b, half: half}.do(name)
}

// LinearBackward is the gradient of [Linear]: dx = dy·W (overwritten; nil to
// skip), dw = dyᵀ·x and db = column sums of dy (db nil to skip), which are
// overwritten, or added to when accumulate is set.
func LinearBackward(dx, dw, db, dy, x, w []float32, rows, in, out int, accumulate bool) {
	linearBackward("LinearBackward", dx, dw, db, dy, x, w, rows, in, out, accumulate, false)
}

// LinearBackwardBF16 is [LinearBackward] with dy, x and w rounded to bfloat16
// in the two products. db is summed from dy as it is.
func LinearBackwardBF16(dx, dw, db, dy, x, w []float32, rows, in, out int, accumulate bool) {
	linearBackward("LinearBackwardBF16", dx, dw, db, dy, x, w, rows, in, out, accumulate, true)
}

func linearBackward(name string, dx, dw, db, dy, x, w []float32, rows, in, out int, accumulate, half bool) {
	if dx != nil {
		product{m: rows, n: in, k: out, a: dy, lda: out, b: w, ldb: in, c: dx, ldc: in, alpha: 1, half: half}.do(name)
	}
	beta := float32(0)
	if accumulate {
		beta = 1
	}
	product{transA: true, m: out, n: in, k: rows, a: dy, lda: out, b: x, ldb: in, c: dw, ldc: in, alpha: 1, beta: beta, half: half}.do(name)
	if db != nil {
		columnSums(name, db, dy, rows, out, accumulate)
	}
}
