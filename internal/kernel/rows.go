package kernel

// CopyRows copies n rows of w floats from src, where they begin ld >= w apart, to
// dst, where they follow each other. dst and src may not overlap. Short rows go as
// vectors, each asked for long before it is copied: on rows that lie pages apart the
// time is that of the memory. It runs on the caller's goroutine.
func CopyRows(dst, src []float32, n, w, ld int) {
	if n < 1 || w < 1 {
		return
	}
	if ld < w {
		panic("kernel: CopyRows: rows overlap")
	}
	need("CopyRows", "dst", dst, n*w)
	need("CopyRows", "src", src, (n-1)*ld+w)
	done, lanes := 0, 16
	if w > lanes {
		lanes = 32
	}
	if w <= current.copyLanes && n*w >= lanes {
		done = (n*w-lanes)/w + 1 // a vector reaches into the rows after its own, which follow
		current.copyRows(done, w, src, ld, dst, w)
	}
	for i := done; i < n; i++ {
		copy(dst[i*w:(i+1)*w], src[i*ld:])
	}
}
