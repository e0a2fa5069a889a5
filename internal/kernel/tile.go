package kernel

// A tile says what one call of a tile kernel computes: rows × columns of
//
//	C = init + A·B   or   C += init + A·B
//
// with the sum over the k products of each segment in turn. Row i, product j of
// a segment reads a[segment + i·rs + j·ks] and the next row of b, a panel of
// packed columns. All offsets count elements. The assembly knows the layout of
// the fields.
type tile struct {
	a, b, c []float32
	init    []float32 // a value for each column
	segs    []int     // where each segment begins in a
	k       int       // products of one segment, at least 1
	rs, ks  int       // steps in a from row to row and from product to product
	ldc     int       // step in c from row to row
	add     int       // 1: add to C
}

// zeros is the init of a tile that starts from nothing.
var zeros [32]float32

// write runs f, a kernel for h rows and width columns, and leaves the first w
// columns in c, which has row stride ldc. x.add says whether they are added.
func (x *tile) write(s *scratch, f func(*tile), c []float32, ldc, h, w, width int) {
	if w == width {
		x.c, x.ldc = c, ldc
		f(x)
		return
	}
	add := x.add
	x.c, x.ldc, x.add = s.edge[:], width, 0
	f(x)
	x.add = add
	for i := range h {
		row, e := c[i*ldc:i*ldc+w], s.edge[i*width:i*width+w]
		if add == 0 {
			copy(row, e)
			continue
		}
		for j, v := range e {
			row[j] += v
		}
	}
}

// tileKernel is the portable tile kernel, for 2 or 1 rows and 4 columns.
func tileKernel(_, rows int) func(*tile) {
	if rows == 2 {
		return tile2x4
	}
	return tile1x4
}

func tile2x4(t *tile) {
	var p, q [4]float32
	copy(p[:], t.init)
	q = p
	b := t.b
	p0, p1, p2, p3 := p[0], p[1], p[2], p[3]
	q0, q1, q2, q3 := q[0], q[1], q[2], q[3]
	for _, seg := range t.segs {
		at := seg
		for range t.k {
			r := b[:4:4]
			x, y := t.a[at], t.a[at+t.rs]
			p0 += x * r[0]
			p1 += x * r[1]
			p2 += x * r[2]
			p3 += x * r[3]
			q0 += y * r[0]
			q1 += y * r[1]
			q2 += y * r[2]
			q3 += y * r[3]
			at += t.ks
			b = b[4:]
		}
	}
	storeRow(t.c, t.add, p0, p1, p2, p3)
	storeRow(t.c[t.ldc:], t.add, q0, q1, q2, q3)
}

func tile1x4(t *tile) {
	var p [4]float32
	copy(p[:], t.init)
	b := t.b
	for _, seg := range t.segs {
		for j := range t.k {
			x := t.a[seg+j*t.ks]
			for i, v := range b[:4] {
				p[i] += x * v
			}
			b = b[4:]
		}
	}
	storeRow(t.c, t.add, p[0], p[1], p[2], p[3])
}

func storeRow(c []float32, add int, v0, v1, v2, v3 float32) {
	c = c[:4]
	if add != 0 {
		v0, v1, v2, v3 = c[0]+v0, c[1]+v1, c[2]+v2, c[3]+v3
	}
	c[0], c[1], c[2], c[3] = v0, v1, v2, v3
}
