package dicomio

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

type member struct {
	name string
	b    []byte
}

func tarOf(ms ...member) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, m := range ms {
		w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.b)), Mode: 0o644})
		w.Write(m.b)
	}
	w.Close()
	return buf.Bytes()
}

func zipOf(ms ...member) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, m := range ms {
		f, _ := w.Create(m.name)
		f.Write(m.b)
	}
	w.Close()
	return buf.Bytes()
}

func gzipOf(b []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

func zstdOf(b []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return w.EncodeAll(b, nil)
}

func xzOf(b []byte) []byte {
	var buf bytes.Buffer
	w, _ := xz.NewWriter(&buf)
	w.Write(b)
	w.Close()
	return buf.Bytes()
}

// scanned returns one line for each entry of the files: its name and size, or
// its reason.
func scanned(t *testing.T, limits Limits, files ...member) []string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	for _, f := range files {
		p := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := Scan(t.Context(), []string{dir}, limits, func(e *Entry) error {
		b, err := e.Read()
		switch {
		case err != nil:
			got = append(got, fmt.Sprintf("%s: %s", e.Name, ReasonOf(err)))
		case e.MaybeDICOM():
			got = append(got, fmt.Sprintf("%s: DICOM, %d", e.Name, len(b)))
		default:
			got = append(got, fmt.Sprintf("%s: %d", e.Name, len(b)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestScan(t *testing.T) {
	ct := someCT(explicitLittle)
	n := len(ct)
	text := member{"notes.txt", []byte("hello")}
	slice := member{"a/IM1", ct}
	bare := member{"IM2", ct[132:]}
	damaged := gzipOf(tarOf(slice, bare))
	tests := []struct {
		name  string
		files []member
		want  []string
	}{
		{"folder in order", []member{{"b/2", ct}, {"b/1", ct}, text}, []string{fmt.Sprintf("in/b/1: DICOM, %d", n), fmt.Sprintf("in/b/2: DICOM, %d", n), "in/notes.txt: 5"}},
		{"zip", []member{{"s.zip", zipOf(slice, text)}}, []string{fmt.Sprintf("in/s.zip/a/IM1: DICOM, %d", n), "in/s.zip/notes.txt: 5"}},
		{"tar without preamble", []member{{"s", tarOf(bare)}}, []string{fmt.Sprintf("in/s/IM2: DICOM, %d", n-132)}},
		{"tar.gz", []member{{"s.tgz", gzipOf(tarOf(slice))}}, []string{fmt.Sprintf("in/s.tgz/a/IM1: DICOM, %d", n)}},
		{"tar.zst", []member{{"s.tar.zst", zstdOf(tarOf(slice))}}, []string{fmt.Sprintf("in/s.tar.zst/a/IM1: DICOM, %d", n)}},
		{"tar.xz", []member{{"s.tar.xz", xzOf(tarOf(slice))}}, []string{fmt.Sprintf("in/s.tar.xz/a/IM1: DICOM, %d", n)}},
		{"one compressed file", []member{{"IM1.gz", gzipOf(ct)}}, []string{fmt.Sprintf("in/IM1.gz: DICOM, %d", n)}},
		{"nested", []member{{"s.zip", zipOf(member{"t.tar.gz", gzipOf(tarOf(member{"u.zip", zipOf(slice)}))})}}, []string{fmt.Sprintf("in/s.zip/t.tar.gz/u.zip/a/IM1: DICOM, %d", n)}},
		{"paths that lead out", []member{{"s.tar", tarOf(member{"../../etc/x", ct}, member{"/etc/y", ct}, slice)}, {"t.zip", zipOf(member{`..\x`, ct})}},
			[]string{"in/s.tar/etc/x: unsafe-path", "in/s.tar/etc/y: unsafe-path", fmt.Sprintf("in/s.tar/a/IM1: DICOM, %d", n), "in/t.zip/x: unsafe-path"}},
		{"truncated", []member{{"s.tar", tarOf(slice, bare)[:900]}, {"t.zip", zipOf(slice)[:200]}, {"u.tgz", damaged[:len(damaged)-20]}, {"v", ct}},
			[]string{"in/s.tar/a/IM1: bad-archive", "in/s.tar: bad-archive", "in/t.zip: bad-archive", fmt.Sprintf("in/u.tgz/a/IM1: DICOM, %d", n), "in/u.tgz/IM2: bad-archive", "in/u.tgz: bad-archive", fmt.Sprintf("in/v: DICOM, %d", n)}},
		{"empty archives", []member{{"s.zip", zipOf()}, {"t.tar", tarOf()}}, []string{"in/t.tar: 1024"}},
		{"not unpacked here", []member{{"s.7z", []byte("7z\xbc\xaf\x27\x1c and so on")}}, []string{"in/s.7z: bad-archive"}},
		{"empty file", []member{{"x", nil}}, []string{"in/x: 0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, scanned(t, DefaultLimits(), tt.files...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScanLimits(t *testing.T) {
	ct := member{"IM", someCT(explicitLittle)}
	small := Limits{EntryBytes: 1 << 20, Entries: 100, Depth: 3, Ratio: 100, GraceBytes: 1 << 20}
	zeros := make([]byte, 64<<20)
	tests := []struct {
		name   string
		limits Limits
		files  []member
		want   []string
	}{
		{"too large, as claimed", small, []member{{"s.tar", tarOf(member{"big", make([]byte, 2<<20)}, ct)}}, []string{"in/s.tar/big: too-large", fmt.Sprintf("in/s.tar/IM: DICOM, %d", len(ct.b))}},
		{"too deep", small, []member{{"s", gzipOf(gzipOf(gzipOf(gzipOf(ct.b))))}}, []string{"in/s: too-deep"}},
		{"gzip bomb", Limits{EntryBytes: 1 << 30, Entries: 9, Depth: 3, Ratio: 100, GraceBytes: 1 << 20}, []member{{"s.gz", gzipOf(zeros)}, {"t", ct.b}}, []string{"in/s.gz: archive-bomb", fmt.Sprintf("in/t: DICOM, %d", len(ct.b))}},
		{"zip bomb", Limits{EntryBytes: 1 << 30, Entries: 9, Depth: 3, Ratio: 100, GraceBytes: 1 << 20}, []member{{"s.zip", zipOf(member{"a", zeros}, ct)}}, []string{"in/s.zip/a: archive-bomb", fmt.Sprintf("in/s.zip/IM: DICOM, %d", len(ct.b))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, scanned(t, tt.limits, tt.files...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScanEnds(t *testing.T) {
	dir := t.TempDir()
	for k := range 5 {
		os.WriteFile(filepath.Join(dir, fmt.Sprint(k)), someCT(explicitLittle), 0o644)
	}
	os.WriteFile(filepath.Join(dir, "x.zip"), zipOf(member{"a", []byte("b")}), 0o644)
	stop := errors.New("stop")
	if err := Scan(t.Context(), []string{filepath.Join(dir, "x.zip")}, DefaultLimits(), func(*Entry) error { return stop }); err != stop {
		t.Errorf("the visitor's error: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err := Scan(ctx, []string{dir}, DefaultLimits(), func(*Entry) error { seen++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || seen != 1 {
		t.Errorf("cancelled: %v after %d", err, seen)
	}
	few := DefaultLimits()
	few.Entries = 2
	if err := Scan(t.Context(), []string{dir}, few, func(*Entry) error { return nil }); ReasonOf(err) != TooLarge {
		t.Errorf("too many files: %v", err)
	}
	if err := Scan(t.Context(), []string{dir, filepath.Join(dir, "none")}, few, func(*Entry) error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a source that is not there: %v", err)
	}
}

// xzBlocks is xzPlain written by xz 5.4 -T2 --block-size=1024: three blocks
// that state their sizes, which the writer used above cannot make.
func xzPlain() []byte {
	b := make([]byte, 3000)
	for i := range b {
		b[i] = byte((i*i/7 + i/300) % 251)
	}
	return b
}

func TestXZ(t *testing.T) {
	plain := xzPlain()
	files := map[string][]byte{}
	for _, name := range []string{"blocks", "crc32", "sha256"} {
		b, err := os.ReadFile(filepath.Join("testdata", "xz", name+".xz"))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = b
	}
	files["two streams"] = append(bytes.Clone(files["crc32"]), append(make([]byte, 8), files["blocks"]...)...)
	for name, b := range files {
		want := plain
		if name == "two streams" {
			want = append(bytes.Clone(plain), plain...)
		}
		got, err := io.ReadAll(newXZ(bytes.NewReader(b)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		for cut := 1; cut < len(b); cut += 97 {
			if _, err := io.ReadAll(newXZ(bytes.NewReader(b[:len(b)-cut]))); err == nil && name != "two streams" {
				t.Errorf("%s without its last %d bytes: no error", name, cut)
			}
		}
		b := bytes.Clone(b)
		b[len(b)/2] ^= 1
		if _, err := io.ReadAll(newXZ(bytes.NewReader(b))); err == nil {
			t.Errorf("%s with a bit turned: no error", name)
		}
	}
}

// A dictionary of 4 GiB is refused before it is made.
func TestXZDictionary(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "xz", "hugedict.xz"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(newXZ(bytes.NewReader(b))); ReasonOf(err) != TooLarge {
		t.Errorf("%v, want %s", err, TooLarge)
	}
}

func FuzzScan(f *testing.F) {
	ct := member{"IM", someCT(explicitLittle)}
	f.Add(zipOf(ct))
	f.Add(gzipOf(tarOf(ct)))
	f.Add(zstdOf(tarOf(ct)))
	f.Add(xzOf(tarOf(ct)))
	limits := Limits{EntryBytes: 1 << 22, Entries: 1000, Depth: 4, Ratio: 100, GraceBytes: 1 << 22}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &scanner{ctx: t.Context(), limits: limits, visit: func(e *Entry) error {
			if _, err := e.Read(); err != nil && ReasonOf(err) == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			if strings.Contains(e.Name, "..") && !strings.Contains(strings.ReplaceAll(e.Name, "..", ""), ".") && filepath.Clean(e.Name) != e.Name {
				t.Fatalf("a name that leads out: %q", e.Name)
			}
			return nil
		}}
		acc := &account{ctx: t.Context(), limits: limits}
		s.stream(acc.source(bytes.NewReader(b)), int64(len(b)), "x", acc, 0)
	})
}

// A large archive costs no more memory than its largest file.
func BenchmarkScanTar(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	px := make([]byte, 512*512*2)
	for i := range px {
		px[i] = byte(rng.Uint32())
	}
	f := newFile(explicitLittle).header()
	file := f.el(0x7fe00010, "OW", px).b
	var ms []member
	for k := range 40 {
		ms = append(ms, member{fmt.Sprint(k), file})
	}
	path := filepath.Join(b.TempDir(), "s.tar")
	if err := os.WriteFile(path, tarOf(ms...), 0o644); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(40 * len(file)))
	b.ReportAllocs()
	for b.Loop() {
		Scan(b.Context(), []string{path}, DefaultLimits(), func(e *Entry) error {
			raw, err := e.Read()
			if err == nil {
				_, err = ReadInstance(e.Name, raw)
			}
			return err
		})
	}
}
