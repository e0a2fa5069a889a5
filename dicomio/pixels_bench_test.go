package dicomio

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
)

// BenchmarkSeries reads the single-frame files of the folder that ONCOVOX_SERIES names, as
// one series, into a volume of float32 in real units, in the order of the files' places, on
// GOMAXPROCS processors. scripts/bench-readers runs it beside other readers.
func BenchmarkSeries(b *testing.B) {
	dir := os.Getenv("ONCOVOX_SERIES")
	if dir == "" {
		b.Skip("ONCOVOX_SERIES names no folder")
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(paths) == 0 {
		b.Fatalf("no files in %s", dir)
	}
	first := open(b, paths[0], new([]byte))
	size := first.Rows * first.Columns
	b.SetBytes(int64(len(paths) * size * first.BitsAllocated / 8))
	for b.Loop() {
		readSeries(b, paths, size)
	}
}

// readSeries returns the slices of a series from low to high.
func readSeries(b *testing.B, paths []string, size int) []float32 {
	volume := make([]float32, len(paths)*size)
	var workers sync.WaitGroup
	next := make(chan string, len(paths))
	for _, p := range paths {
		next <- p
	}
	close(next)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			var buf []byte
			for p := range next {
				in := open(b, p, &buf)
				k := in.InstanceNumber - 1 // make_series.py numbers slices by place
				if err := in.Pixels(0, volume[k*size:][:size]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	workers.Wait()
	return volume
}

// open reads a file into buf, which holds its pixels until the next one is read.
func open(b *testing.B, path string, buf *[]byte) *Instance {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	*buf = slices.Grow((*buf)[:0], int(info.Size()))[:info.Size()]
	if _, err := io.ReadFull(f, *buf); err != nil {
		b.Fatal(err)
	}
	in, err := ReadInstance(path, *buf)
	if err != nil {
		b.Fatal(err)
	}
	return in
}
