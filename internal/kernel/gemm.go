package kernel

// Name returns the path in use: "avx512bf16", "avx512", "avx2" or "go".
func Name() string { return "go" }

// Gemm computes C = alpha·op(A)·op(B) + beta·C. op(A) is m×k: A is (m, k) with
// row stride lda, or (k, m) if transA is set; op(B) is k×n likewise; C is (m, n)
// with row stride ldc. With beta = 0, C is not read.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, false)
}

// GemmBF16 is [Gemm] with A and B rounded to bfloat16 (nearest, ties to even)
// and the products added in float32.
func GemmBF16(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, true)
}

func gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int, half bool) {
	parallel((m+15)/16, func(t int) {
		row := make([]float32, n)
		for i := t * 16; i < min(m, t*16+16); i++ {
			clear(row)
			for p := range k {
				at, bt := i*lda+p, p*ldb
				if transA {
					at = p*lda + i
				}
				v := a[at]
				if half {
					v = roundBF16(v)
				}
				for j := range row {
					w := float32(0)
					if transB {
						w = b[j*ldb+p]
					} else {
						w = b[bt+j]
					}
					if half {
						w = roundBF16(w)
					}
					row[j] += v * w
				}
			}
			for j, v := range row {
				if beta == 0 {
					c[i*ldc+j] = alpha * v
				} else {
					c[i*ldc+j] = alpha*v + beta*c[i*ldc+j]
				}
			}
		}
	})
}

// Linear computes y = x·Wᵀ + b: x (rows, in), w (out, in) as in PyTorch, b
// (out) or nil, y (rows, out).
func Linear(y, x, w, b []float32, rows, in, out int) { linear(y, x, w, b, rows, in, out, false) }

// LinearBF16 is [Linear] with x and w rounded to bfloat16.
func LinearBF16(y, x, w, b []float32, rows, in, out int) { linear(y, x, w, b, rows, in, out, true) }

func linear(y, x, w, b []float32, rows, in, out int, half bool) {
	gemm(false, true, rows, out, in, 1, x, in, w, in, 0, y, out, half)
	if b != nil {
		for r := range rows {
			for j := range out {
				y[r*out+j] += b[j]
			}
		}
	}
}

// LinearBackward is the gradient of [Linear]: dx = dy·W (overwritten; nil to
// skip), dw = dyᵀ·x and db = column sums of dy (db nil to skip), which are
// overwritten, or added to when accumulate is set.
func LinearBackward(dx, dw, db, dy, x, w []float32, rows, in, out int, accumulate bool) {
	linearBackward(dx, dw, db, dy, x, w, rows, in, out, accumulate, false)
}

// LinearBackwardBF16 is [LinearBackward] with dy, x and w rounded to bfloat16
// in the two products. db is summed from dy as it is.
func LinearBackwardBF16(dx, dw, db, dy, x, w []float32, rows, in, out int, accumulate bool) {
	linearBackward(dx, dw, db, dy, x, w, rows, in, out, accumulate, true)
}

func linearBackward(dx, dw, db, dy, x, w []float32, rows, in, out int, accumulate, half bool) {
	if dx != nil {
		gemm(false, false, rows, in, out, 1, dy, out, w, in, 0, dx, in, half)
	}
	beta := float32(0)
	if accumulate {
		beta = 1
	}
	gemm(true, false, out, in, rows, 1, dy, out, x, in, beta, dw, in, half)
	if db != nil {
		columnSums(db, dy, rows, out, accumulate)
	}
}

func columnSums(sum, x []float32, rows, cols int, accumulate bool) {
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
