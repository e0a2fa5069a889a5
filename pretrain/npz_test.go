package pretrain

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// An array is one .npy member of a numpy archive, as float64.
type array struct {
	shape []int
	data  []float64
	text  []byte // the bytes, if they are uint8
}

var npyHeader = regexp.MustCompile(`'descr': '([<|][fiu]\d)', 'fortran_order': False, 'shape': \(([\d, ]*)\)`)

// readNPZ reads an uncompressed or deflated archive of numpy arrays.
func readNPZ(t *testing.T, path string) map[string]array {
	t.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	out := map[string]array{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		a, err := parseNPY(b)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, f.Name, err)
		}
		out[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	return out
}

func parseNPY(b []byte) (array, error) {
	if !bytes.HasPrefix(b, []byte("\x93NUMPY\x01\x00")) {
		return array{}, fmt.Errorf("not a version 1 .npy")
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	m := npyHeader.FindSubmatch(b[10 : 10+n])
	if m == nil {
		return array{}, fmt.Errorf("header %s", b[10:10+n])
	}
	var a array
	for _, s := range strings.Split(string(m[2]), ",") {
		if s = strings.TrimSpace(s); s != "" {
			v, _ := strconv.Atoi(s)
			a.shape = append(a.shape, v)
		}
	}
	b = b[10+n:]
	switch dtype := string(m[1]); dtype {
	case "|u1":
		a.text = b
	case "<f4":
		for ; len(b) > 0; b = b[4:] {
			a.data = append(a.data, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		}
	case "<f8":
		for ; len(b) > 0; b = b[8:] {
			a.data = append(a.data, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case "<i8":
		for ; len(b) > 0; b = b[8:] {
			a.data = append(a.data, float64(int64(binary.LittleEndian.Uint64(b))))
		}
	default:
		return array{}, fmt.Errorf("dtype %s", dtype)
	}
	return a, nil
}
