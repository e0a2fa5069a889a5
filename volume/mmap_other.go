//go:build !unix

package volume

import (
	"io"
	"os"
)

// mapFile reads the file, where it cannot be mapped.
func mapFile(f *os.File, size int) ([]byte, error) {
	raw := make([]byte, size)
	_, err := io.ReadFull(f, raw)
	return raw, err
}

func unmapFile([]byte) error { return nil }
