package dicomio

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"io"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A kind is what a file is, told from its first bytes.
type kind int

const (
	kindFile kind = iota // anything to be read as it is
	kindZip
	kindTar
	kindGzip
	kindZstd
	kindXZ
	kindBzip2
	kindForeign // an archive that is not read
)

// sniff tells what a file is. A DICOM mark wins, since the preamble before it
// may hold anything.
func sniff(head []byte) kind {
	if hasPreamble(head) {
		return kindFile
	}
	for _, m := range []struct {
		magic string
		kind  kind
	}{
		{"PK\x03\x04", kindZip}, {"PK\x05\x06", kindZip}, {"\x1f\x8b\x08", kindGzip}, {"\x28\xb5\x2f\xfd", kindZstd},
		{"\xfd7zXZ\x00", kindXZ}, {"BZh", kindBzip2}, {"7z\xbc\xaf\x27\x1c", kindForeign}, {"Rar!\x1a\x07", kindForeign},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind
		}
	}
	if isTar(head) {
		return kindTar
	}
	return kindFile
}

// IsArchive reports whether a file that begins with head, HeadBytes of it, is an
// archive or compressed, rather than to be read as it is.
func IsArchive(head []byte) bool { return sniff(head) != kindFile }

// isTar checks the header's checksum, since the oldest tar has no mark.
func isTar(head []byte) bool {
	if len(head) < 512 || head[0] == 0 {
		return false
	}
	want, err := strconv.ParseInt(strings.Trim(string(head[148:156]), " \x00"), 8, 64)
	if err != nil {
		return false
	}
	sum := int64(8 * ' ') // the field itself counts as blanks
	for i, c := range head[:512] {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return sum == want
}

// An account compares what a source has given with what came out of its
// decompressors, over all layers.
type account struct {
	ctx     context.Context
	limits  Limits
	in, out int64
}

// allowed returns how many more bytes may come out.
func (a *account) allowed() int64 { return a.limits.GraceBytes + a.limits.Ratio*a.in - a.out }

var errBomb = &Error{Reason: ArchiveBomb, Detail: "unpacks to more than the limits allow"}

// source counts what is read from r as the source's.
func (a *account) source(r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := a.ctx.Err(); err != nil {
			return 0, &endScan{err}
		}
		n, err := r.Read(p)
		a.in += int64(n)
		return n, err
	})
}

// unpacked counts what is read from r as the output of a decompressor.
func (a *account) unpacked(r io.Reader) io.Reader {
	return readFunc(func(p []byte) (int, error) {
		if err := a.ctx.Err(); err != nil {
			return 0, &endScan{err}
		}
		n, err := r.Read(p)
		a.out += int64(n)
		if a.allowed() < 0 {
			return 0, errBomb
		}
		return n, err
	})
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// stream scans what r holds: an archive, or a file of size bytes (-1 if unknown).
func (s *scanner) stream(r io.Reader, size int64, name string, acc *account, depth int) error {
	head := make([]byte, HeadBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return s.broken(name, err)
	}
	head = head[:n]
	whole := io.MultiReader(bytes.NewReader(head), r)
	k := sniff(head)
	if k != kindFile && depth >= s.limits.Depth {
		return s.broken(name, refuse(TooDeep, "archives more than %d deep", s.limits.Depth))
	}
	switch k {
	case kindFile:
		return s.emit(&Entry{Name: name, Head: head, whole: whole, size: size, limit: s.limits.EntryBytes, start: &s.start})
	case kindTar:
		return s.tar(whole, name, acc, depth+1)
	case kindZip: // its directory is at the end
		b, err := readAll(whole, size, s.limits.EntryBytes)
		if err != nil {
			return s.broken(name, err)
		}
		return s.zip(bytes.NewReader(b), int64(len(b)), name, acc, depth+1)
	case kindForeign:
		return s.broken(name, refuse(BadArchive, "7z and rar archives are not read; unpack it"))
	}
	inner, done, err := decompressor(k, bufio.NewReaderSize(whole, 1<<16))
	if err != nil {
		return s.broken(name, err)
	}
	defer done()
	return s.stream(acc.unpacked(inner), -1, name, acc, depth+1)
}

// decompressor opens one layer of compression.
func decompressor(k kind, r *bufio.Reader) (io.Reader, func(), error) {
	none := func() {}
	switch k {
	case kindGzip:
		z, err := gzip.NewReader(r)
		return z, none, err
	case kindZstd:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(256<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, none, err
		}
		return z, z.Close, nil
	case kindXZ:
		return newXZ(r), none, nil
	}
	return bzip2.NewReader(r), none, nil
}

// readAll reads a file of size bytes, or of unknown size (-1), of limit at most.
// Memory grows with what arrives, not with what is claimed.
func readAll(r io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, refuse(TooLarge, "%d bytes, the limit is %d", size, limit)
	}
	var buf bytes.Buffer
	if size > 0 {
		buf.Grow(int(min(size, 16<<20)) + bytes.MinRead) // MinRead, or ReadFrom would grow once more at the end
	}
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, asBadArchive(err)
	}
	if n > limit {
		return nil, refuse(TooLarge, "more than %d bytes", limit)
	}
	return buf.Bytes(), nil
}

// asBadArchive returns err, which ended the reading of an entry, as an *Error,
// unless it ends the whole scan.
func asBadArchive(err error) error {
	var e *Error
	if errors.As(err, &e) || ends(err) {
		return err
	}
	return &Error{Reason: BadArchive, Err: pathless(err)}
}

// tar scans a tar archive.
func (s *scanner) tar(r io.Reader, name string, acc *account, depth int) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return s.broken(name, err)
		}
		if h.Typeflag != tar.TypeReg { // folders, links, devices
			continue
		}
		inner, safe := join(name, h.Name)
		if !safe {
			err = s.broken(inner, refuse(UnsafePath, "the name leads out of the archive"))
		} else {
			err = s.stream(t, h.Size, inner, acc, depth)
		}
		if err != nil {
			return err
		}
	}
}

// join returns the name of an entry within the archive outer, and whether the
// entry's own name stays inside.
func join(outer, inner string) (string, bool) {
	inner = strings.ReplaceAll(inner, `\`, "/")
	return outer + path.Clean("/"+inner), filepath.IsLocal(inner)
}

// zip scans a zip archive.
func (s *scanner) zip(r io.ReaderAt, size int64, name string, acc *account, depth int) error {
	z, err := zip.NewReader(r, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return s.broken(name, err)
	}
	z.RegisterDecompressor(zip.Deflate, func(r io.Reader) io.ReadCloser { return flate.NewReader(r) })
	z.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(256<<20)))
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") || !f.Mode().IsRegular() {
			continue
		}
		if err := s.zipped(f, name, acc, depth); err != nil {
			return err
		}
	}
	return nil
}

// zipped scans one entry of a zip archive.
func (s *scanner) zipped(f *zip.File, name string, acc *account, depth int) error {
	inner, safe := join(name, f.Name)
	switch {
	case !safe:
		return s.broken(inner, refuse(UnsafePath, "the name leads out of the archive"))
	case f.Flags&1 != 0:
		return s.broken(inner, refuse(BadArchive, "encrypted; unpack it with its password"))
	case f.UncompressedSize64 > uint64(max(0, acc.allowed())): // as it says itself: not a byte needs unpacking
		return s.broken(inner, errBomb)
	}
	rc, err := f.Open()
	if err != nil {
		return s.broken(inner, err)
	}
	defer rc.Close()
	return s.stream(acc.unpacked(rc), int64(min(f.UncompressedSize64, 1<<62)), inner, acc, depth)
}
