// Package checkpoint keeps weights and training states on disk, in the
// safetensors format: eight bytes of header length, a JSON header that places
// each tensor, and the tensors' bytes, little-endian. Files appear whole, by
// rename.
package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"oncovox/internal/whole"
)

// ErrFormat marks bytes that are not a checkpoint, or a damaged one.
var ErrFormat = errors.New("not a whole checkpoint")

// maxHeader bounds the header of a file that is read, in bytes.
const maxHeader = 16 << 20

// pieceBytes is how much of a tensor is read or written at once.
const pieceBytes = 64 << 10

// Entries of the metadata by which damage is found.
const (
	digestKey = "sha256"        // digest of the tensors' bytes
	headerKey = "header_sha256" // digest of the header: of the other metadata, and of the tensors' names and shapes
)

// A Tensor is a named array of float32 in row-major order.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

// A File is what a checkpoint holds.
type File struct {
	Tensors []Tensor
	Meta    map[string]string // free text for the reader, mostly JSON
	Half    bool              // the tensors lie in the file as float16, which keeps three digits
}

// entry places one tensor, as the header has it.
type entry struct {
	DType   string    `json:"dtype"`
	Shape   []int     `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"`
}

// Write writes f to the file at path. Equal files have equal bytes. The tensors are
// written piece by piece: no second copy of them is made.
func Write(path string, f File) error {
	w, err := whole.Create(path, 0o644)
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := f.encode(w); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return w.Commit()
}

// encode writes f to w.
func (f File) encode(w io.Writer) error {
	total, width := 0, int(dtypes[f.dtype()])
	header := map[string]any{}
	for _, t := range f.Tensors {
		if n, ok := size(t.Shape); !ok || n != len(t.Data) {
			return fmt.Errorf("tensor %s: shape %v for %d values", t.Name, t.Shape, len(t.Data))
		}
		if _, ok := header[t.Name]; ok || t.Name == "" || t.Name == "__metadata__" {
			return fmt.Errorf("tensor name %q is taken or empty", t.Name)
		}
		header[t.Name] = entry{f.dtype(), t.Shape, [2]uint64{uint64(total), uint64(total + width*len(t.Data))}}
		total += width * len(t.Data)
	}
	sum := sha256.New()
	if err := f.data(sum); err != nil {
		return err
	}
	meta := map[string]string{digestKey: hex.EncodeToString(sum.Sum(nil)), headerKey: f.headerDigest()}
	for k, v := range f.Meta {
		if k == digestKey || k == headerKey {
			return fmt.Errorf("metadata key %q is taken", k)
		}
		meta[k] = v
	}
	header["__metadata__"] = meta
	h, err := json.Marshal(header) // keys sorted
	if err != nil {
		return err
	}
	h = append(h, strings.Repeat(" ", -len(h)&7)...)
	if _, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(h)))); err != nil {
		return err
	}
	if _, err := w.Write(h); err != nil {
		return err
	}
	return f.data(w)
}

// data writes the bytes of all tensors to w.
func (f File) data(w io.Writer) error {
	buf, width := make([]byte, pieceBytes), int(dtypes[f.dtype()])
	for _, t := range f.Tensors {
		for rest := t.Data; len(rest) > 0; {
			n := min(len(rest), len(buf)/width)
			for i, v := range rest[:n] {
				if f.Half {
					binary.LittleEndian.PutUint16(buf[2*i:], toHalf(v))
				} else {
					binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
				}
			}
			if _, err := w.Write(buf[:width*n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	return nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// headerDigest returns the digest of what the header says, but for the digests.
func (f File) headerDigest() string {
	var b bytes.Buffer
	for _, k := range slices.Sorted(maps.Keys(f.Meta)) {
		if k != digestKey && k != headerKey {
			fmt.Fprintf(&b, "%q %q\n", k, f.Meta[k])
		}
	}
	for _, t := range f.Tensors {
		fmt.Fprintf(&b, "%q %d\n", t.Name, t.Shape)
	}
	return digest(b.Bytes())
}

// Read reads the checkpoint at path, its tensors in the order of their bytes.
// Damage and files of other kinds are ErrFormat. No more memory is asked for
// than the file's own size calls for.
func Read(path string) (File, error) {
	r, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer r.Close()
	info, err := r.Stat()
	if err != nil {
		return File{}, err
	}
	f, err := Decode(r, info.Size())
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// Decode reads a checkpoint of size bytes from r.
func Decode(r io.Reader, size int64) (File, error) {
	var length [8]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return File{}, fmt.Errorf("%w: shorter than its first 8 bytes", ErrFormat)
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > maxHeader || int64(n) > size-8 {
		return File{}, fmt.Errorf("%w: a header of %d bytes in a file of %d", ErrFormat, n, size)
	}
	h := make([]byte, n)
	if _, err := io.ReadFull(r, h); err != nil {
		return File{}, fmt.Errorf("%w: ends in its header", ErrFormat)
	}
	f, entries, err := header(h, uint64(size-8)-n)
	if err != nil {
		return File{}, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	if want, ok := f.Meta[headerKey]; ok && want != f.headerDigest() {
		return File{}, fmt.Errorf("%w: the header does not have its own digest", ErrFormat)
	}
	sum := sha256.New()
	buf := make([]byte, pieceBytes)
	for i, e := range entries {
		t := &f.Tensors[i]
		width := int(dtypes[e.DType])
		t.Data = make([]float32, (e.Offsets[1]-e.Offsets[0])/uint64(width))
		for done := 0; done < len(t.Data); {
			b := buf[:min(len(buf), width*(len(t.Data)-done))]
			if _, err := io.ReadFull(r, b); err != nil {
				return File{}, fmt.Errorf("%w: ends in tensor %s", ErrFormat, t.Name)
			}
			sum.Write(b)
			for ; len(b) > 0; b = b[width:] {
				if f.Half {
					t.Data[done] = fromHalf(binary.LittleEndian.Uint16(b))
				} else {
					t.Data[done] = math.Float32frombits(binary.LittleEndian.Uint32(b))
				}
				done++
			}
		}
	}
	if want, ok := f.Meta[digestKey]; ok && want != hex.EncodeToString(sum.Sum(nil)) {
		return File{}, fmt.Errorf("%w: the tensors do not have the digest in the header", ErrFormat)
	}
	delete(f.Meta, digestKey)
	delete(f.Meta, headerKey)
	return f, nil
}

// header checks that the entries fill the length bytes of data without gap or
// overlap, and returns them in order.
func header(h []byte, length uint64) (File, []entry, error) {
	var raw map[string]json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(h))
	if err := dec.Decode(&raw); err != nil {
		return File{}, nil, fmt.Errorf("header: %v", err)
	}
	f := File{Meta: map[string]string{}}
	if m, ok := raw["__metadata__"]; ok {
		if err := json.Unmarshal(m, &f.Meta); err != nil || f.Meta == nil {
			return File{}, nil, errors.New("metadata is not an object of strings")
		}
		delete(raw, "__metadata__")
	}
	type placed struct {
		name string
		entry
	}
	var all []placed
	for name, m := range raw {
		var e entry
		if err := json.Unmarshal(m, &e); err != nil {
			return File{}, nil, fmt.Errorf("tensor %.80q: %v", name, err)
		}
		width, ok := dtypes[e.DType]
		if !ok || len(all) > 0 && e.DType != all[0].DType {
			return File{}, nil, fmt.Errorf("tensor %.80q: dtype %.20q, only F32 is read, or F16 for all", name, e.DType)
		}
		n, ok := size(e.Shape)
		if !ok || e.Offsets[1] < e.Offsets[0] || e.Offsets[1] > length || e.Offsets[1]-e.Offsets[0] != width*uint64(n) {
			return File{}, nil, fmt.Errorf("tensor %.80q: shape %v at bytes %v of %d", name, e.Shape, e.Offsets, length)
		}
		all = append(all, placed{name, e})
	}
	slices.SortFunc(all, func(a, b placed) int {
		switch {
		case a.Offsets[0] != b.Offsets[0]:
			return int(int64(a.Offsets[0]) - int64(b.Offsets[0]))
		case a.Offsets[1] != b.Offsets[1]: // an empty tensor stands before the next
			return int(int64(a.Offsets[1]) - int64(b.Offsets[1]))
		}
		return strings.Compare(a.name, b.name)
	})
	at := uint64(0)
	var es []entry
	for _, p := range all {
		if p.Offsets[0] != at {
			return File{}, nil, fmt.Errorf("tensor %.80q begins at byte %d, want %d", p.name, p.Offsets[0], at)
		}
		at = p.Offsets[1]
		f.Half = p.DType == "F16"
		f.Tensors = append(f.Tensors, Tensor{Name: p.name, Shape: p.Shape})
		es = append(es, p.entry)
	}
	if at != length {
		return File{}, nil, fmt.Errorf("%d bytes of data, the header places %d", length, at)
	}
	return f, es, nil
}

// size returns the product of the sides, or false if one is negative or the
// product is beyond any file.
func size(shape []int) (int, bool) {
	n := 1
	for _, s := range shape {
		if s < 0 || (s > 0 && n > math.MaxInt32*1024/s) {
			return 0, false
		}
		n *= s
	}
	return n, true
}
