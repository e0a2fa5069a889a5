//go:build unix

package kernel

import (
	"syscall"
	"testing"
	"unsafe"
)

// guarded returns n floats between two pages that may not be touched, at the end
// or at the start of the room between them.
func guarded(t *testing.T, n int, atEnd bool) []float32 {
	page := syscall.Getpagesize()
	room := (4*n + page - 1) / page * page
	b, err := syscall.Mmap(-1, 0, room+2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(b) })
	for _, guard := range [][]byte{b[:page], b[page+room:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	from := page
	if atEnd {
		from = page + room - 4*n
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[from])), n)
}

// A read or write outside an operand ends the test program.
func TestGuardPages(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		for _, atEnd := range []bool{true, false} {
			calls, _ := exercise(func(n int) []float32 { return guarded(t, n, atEnd) })
			for _, f := range calls {
				f()
			}
		}
	})
}
