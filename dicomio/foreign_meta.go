package dicomio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"

	"oncovox/volume"
)

// A metaHeader is the header of a MetaImage (ITK's MetaIO): a volume in LPS mm,
// x fastest.
type metaHeader struct {
	volume.Geometry
	kind       Kind
	bigEndian  bool
	compressed bool
	skip       int    // bytes before the voxels in their file; -1: the voxels are its end
	file       string // of the voxels; LOCAL for what follows the header
}

// maxMetaHeader bounds a header; real ones have at most a few kilobytes.
const maxMetaHeader = 64 << 10

// metaKinds are the element types that are read. MET_LONG has 4 or 8 bytes, by the
// machine that wrote it.
var metaKinds = map[string]Kind{
	"MET_CHAR": Int8, "MET_UCHAR": Uint8, "MET_SHORT": Int16, "MET_USHORT": Uint16, "MET_INT": Int32, "MET_UINT": Uint32,
	"MET_LONG_LONG": Int64, "MET_ULONG_LONG": Uint64, "MET_FLOAT": Float32, "MET_DOUBLE": Float64,
}

// parseMeta reads the header in b and returns what follows it. It fails with
// Malformed, UnsupportedPixels or UnsafePath.
func parseMeta(b []byte) (h metaHeader, rest []byte, err error) {
	keys := map[string]string{}
	for rest = b; h.file == ""; {
		line, after, found := bytes.Cut(rest, []byte("\n"))
		key, value, pair := strings.Cut(string(line[:min(len(line), maxMetaHeader)]), "=")
		rest = after
		if !pair && strings.TrimSpace(key) != "" || len(b)-len(rest) > maxMetaHeader {
			return h, nil, refuse(Malformed, "MetaImage header: a line without =")
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		keys[key] = value
		if key == "ElementDataFile" {
			h.file = value
		}
		if !found && h.file == "" {
			return h, nil, refuse(Malformed, "MetaImage header without ElementDataFile")
		}
	}
	if err := h.take(keys); err != nil {
		return h, nil, err
	}
	if h.file != "LOCAL" && !filepath.IsLocal(h.file) {
		return h, nil, refuse(UnsafePath, "the voxels' file lies outside the header's folder")
	}
	return h, rest, nil
}

// take sets h from the keys of a header.
func (h *metaHeader) take(keys map[string]string) error {
	first := func(names ...string) string {
		for _, n := range names {
			if v, ok := keys[n]; ok {
				return v
			}
		}
		return ""
	}
	is := func(names ...string) bool { return strings.EqualFold(first(names...), "true") }
	kind, known := metaKinds[keys["ElementType"]]
	channels := first("ElementNumberOfChannels")
	switch {
	case keys["NDims"] != "3":
		return refuse(UnsupportedPixels, "MetaImage of other than 3 dimensions")
	case !known:
		return refuse(UnsupportedPixels, "MetaImage: an element type that is not read")
	case channels != "" && channels != "1":
		return refuse(UnsupportedPixels, "MetaImage of several channels")
	case first("BinaryData") != "" && !is("BinaryData"):
		return refuse(UnsupportedPixels, "MetaImage with its voxels as text")
	case strings.HasPrefix(h.file, "LIST") || strings.ContainsAny(h.file, "% "):
		return refuse(UnsupportedPixels, "MetaImage with its voxels in several files")
	}
	h.kind, h.compressed, h.bigEndian = kind, is("CompressedData"), is("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
	h.skip, _ = strconv.Atoi(first("HeaderSize"))
	size := numbers(keys["DimSize"], 3)
	spacing := numbers(first("ElementSpacing", "ElementSize"), 3)
	offset := numbers(first("Offset", "Position", "Origin"), 3)
	axes := numbers(first("TransformMatrix", "Rotation", "Orientation"), 9)
	if axes == nil && first("TransformMatrix", "Rotation", "Orientation") == "" {
		axes = []float64{1, 0, 0, 0, 1, 0, 0, 0, 1}
	}
	if size == nil || spacing == nil || offset == nil || axes == nil {
		return refuse(Malformed, "MetaImage without size, spacing, offset or directions")
	}
	for k := range 3 { // file axis k (x, y, z) is our axis 2-k; row k of the matrix is its direction
		h.Shape[2-k] = int(min(max(size[k], 0), 1<<20))
		for r := range 3 {
			h.Affine[r][2-k] = axes[3*k+r] * spacing[k]
		}
		h.Affine[k][3] = offset[k]
	}
	if err := h.Validate(); err != nil {
		return refuse(BadGeometry, "%v", err)
	}
	return nil
}

// numbers returns the n numbers of text, or nil.
func numbers(text string, n int) []float64 {
	fields := strings.Fields(text)
	if len(fields) != n {
		return nil
	}
	out := make([]float64, n)
	for i, f := range fields {
		x, err := strconv.ParseFloat(f, 64)
		if err != nil || !(x >= -farthest && x <= farthest) {
			return nil
		}
		out[i] = x
	}
	return out
}

// grid returns the volume of h with the voxels that b holds. It fails with
// Truncated or BadPixelData. The voxels may share memory with b.
func (h metaHeader) grid(b []byte) (grid, error) {
	want := h.Voxels() * h.kind.Size()
	skip := max(h.skip, 0)
	if h.skip < 0 && !h.compressed {
		skip = max(0, len(b)-want)
	}
	b = b[min(skip, len(b)):]
	if h.compressed {
		z, err := zlib.NewReader(bytes.NewReader(b))
		if err != nil {
			return grid{}, refuse(BadPixelData, "voxels that are not zlib")
		}
		var out bytes.Buffer // grows with what comes out, not with what the header claims
		if n, err := out.ReadFrom(io.LimitReader(z, int64(want))); err != nil && n < int64(want) {
			return grid{}, refuse(BadPixelData, "compressed voxels are damaged")
		}
		b = out.Bytes()
	}
	if len(b) < want {
		return grid{}, refuse(Truncated, "%d bytes of voxels, the header announces %d", len(b), want)
	}
	b = b[:want]
	if h.bigEndian && h.kind.Size() > 1 {
		b = bytes.Clone(b)
		swap(b, h.kind.Size())
	}
	return grid{h.Geometry, h.kind, b, -1}, nil
}

// plain reports whether the voxels' file holds them as they are kept.
func (h metaHeader) plain() bool {
	return !h.compressed && h.skip == 0 && (!h.bigEndian || h.kind.Size() == 1)
}

// keep keeps a file that may be the voxels of a header, which may come first or
// last.
func (c *collector) keep(f file) error {
	c.recall(&f)
	var whole slice // for its place in the spill
	p := &whole.pixels
	if len(f.kept) != 1 || !c.spill.restore(f.kept[0].pixels, len(f.bytes), p) {
		if err := c.spill.keep(Uint8, f.bytes, p); err != nil {
			return err
		}
		at, raw, err := c.spill.keepFacts([]slice{whole})
		if err != nil {
			return err
		}
		if err := c.journal.done(f.number, f.id, at, raw); err != nil {
			return err
		}
	}
	c.voxels[f.name] = kept{p.offset, len(f.bytes), p.digest}
	return nil
}

// waits reads the header in f and reports whether its voxels are elsewhere; then
// it is kept until they are found.
func (c *collector) waits(f file) bool {
	h, _, err := parseMeta(f.bytes)
	if err != nil || h.file == "LOCAL" {
		return false
	}
	f.header = &h
	c.headers[f.name] = f
	return true
}

// openMeta reads a MetaImage: one file, or a header whose voxels are in the spill.
func (c *collector) openMeta(f *file) (g grid, err error) {
	if f.header == nil {
		h, rest, err := parseMeta(f.bytes)
		if err != nil {
			return g, err
		}
		return h.grid(rest)
	}
	b := make([]byte, f.voxels.size)
	if _, err := c.spill.ReadAt(b, f.voxels.offset); err != nil {
		return g, fmt.Errorf("reading back decoded slices: %w", err)
	}
	if g, err = f.header.grid(b); err == nil && f.header.plain() {
		g.inFile = f.voxels.offset
	}
	return g, err
}

// pair sends every header that waits for its voxels to the workers with them.
func (c *collector) pair(ctx context.Context, files chan<- file) error {
	used := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.headers)) {
		f, found := c.headers[name], false
		of := path.Join(path.Dir(name), filepath.ToSlash(f.header.file))
		f.voxels, found = c.voxels[of]
		if !found {
			c.add(name, 0, content{form: metaImage, err: refuse(NoPixels, "the file of its voxels is not in the sources")})
			continue
		}
		used[of] = true
		select {
		case files <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.voxels)) {
		if used[name] {
			c.add(name, 0, content{form: metaVoxels})
		} else {
			c.add(name, 0, content{err: refuse(NotDICOM, "voxels without a header")})
		}
	}
	return nil
}
