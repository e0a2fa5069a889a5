package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugePage is the size of a large page of memory on amd64 and arm64, in bytes.
const hugePage = 2 << 20

// HugePages asks the system to back x, which nobody has written to yet, by large
// pages. A walk over hundreds of megabytes then misses the address cache far less
// often. It is a wish: nothing depends on it.
func HugePages(x []float32) {
	if 4*len(x) < hugePage/2 {
		return
	}
	// Whole pages around x. What else the heap keeps there is none the worse.
	from := uintptr(unsafe.Pointer(&x[0])) &^ (hugePage - 1)
	to := (uintptr(unsafe.Pointer(&x[0])) + uintptr(4*len(x)) + hugePage - 1) &^ (hugePage - 1)
	unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_HUGEPAGE)
}
