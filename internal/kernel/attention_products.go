package kernel

// tiles computes rows × w values of c from the tile's a, b, k, rs and ks; w is full.
func (h *head) tiles(a, c []float32, ldc, rows, w int) {
	x := &h.s.tile
	x.init = zeros[:]
	b := x.b
	for at, width := 0, 0; at < w; at += width {
		i := h.kernelWidth(w - at)
		width = h.p.widths[i]
		kernels := h.p.tile
		if h.pairs {
			kernels = h.p.tilePairs
		}
		x.b = b[at:]
		for r, n := 0, 0; r < rows; r += n {
			n = h.p.height(rows - r)
			x.a = a[r*x.rs:]
			x.write(h.s, kernels(i, n), c[r*ldc+at:], ldc, n, min(width, w-at), width)
		}
	}
	x.b = b
}

// kernelWidth returns the index of the tile kernels for the next of w columns: the
// narrowest that takes them all, or the next one where that and the one after it
// take them too.
func (h *head) kernelWidth(w int) int {
	widths := h.p.widths
	if h.pairs {
		widths = widths[:2]
	}
	i := len(widths) - 1
	for widths[i] < w {
		i--
	}
	if i+2 < len(widths) && w <= widths[i+1]+widths[i+2] {
		i++
	}
	return i
}

// scores writes n rows from row key of a, kRows or vRows, times a panel of dim rows.
func (h *head) scores(dst, a, panel []float32, key, n, w int) {
	x := &h.s.tile
	x.b, x.k, x.rs, x.ks, x.add = panel, h.units(h.dim), h.rowLd, 1, 0
	h.tiles(a[key*h.rowLd:], dst, h.p.columns, n, h.full(w))
}

// weigh adds, to dst (dim rows), a panel of n scores times rows from key of a, kCols
// or vCols; the first block overwrites.
func (h *head) weigh(dst, a, scores []float32, key, n, w int) {
	x := &h.s.tile
	x.b, x.k, x.rs, x.ks, x.add = scores, h.units(n), 1, h.colLd, min(key, 1)
	h.tiles(a[h.units(key)*h.colLd:], dst, h.p.columns, h.dim, h.full(w))
}

// full returns w rounded up to the columns that kernels compute.
func (h *head) full(w int) int {
	n := 0
	for n < w {
		n += h.p.widths[h.kernelWidth(w-n)]
	}
	return n
}
