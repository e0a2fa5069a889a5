package kernel

// CopyRows copies n rows of w floats from src, where they begin ld >= w apart, to
// dst, where they follow each other. dst and src may not overlap. Short rows, which
// lie pages apart in memory where they are cut from a volume, go as vectors, and with
// each the machine is asked for what lies ahead floats further on, which should be
// what is copied next; it need not exist. It runs on the caller's goroutine.
func CopyRows(dst, src []float32, n, w, ld, ahead int) {
	if n < 1 || w < 1 {
		return
	}
	if ld < w {
		panic("kernel: CopyRows: rows overlap")
	}
	need("CopyRows", "dst", dst, n*w)
	need("CopyRows", "src", src, (n-1)*ld+w)
	const lanes = 16
	done := 0
	if w <= lanes && n*w >= lanes {
		done = (n*w-lanes)/w + 1 // a vector reaches into the rows after its own, which follow
		current.copyLines(done, w, src, ld, dst, w, ahead)
	}
	for i := done; i < n; i++ {
		copy(dst[i*w:(i+1)*w], src[i*ld:])
	}
}
