package volume

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"oncovox/internal/jsonl"
)

// ErrFormat marks a folder or file that is not a volume in a form that this
// package reads.
var ErrFormat = errors.New("not a readable volume")

// maxHeader bounds zarr.json, in bytes.
const maxHeader = 1 << 20

// header is the zarr.json of a volume: a Zarr v3 array of one uncompressed
// little-endian chunk (https://zarr-specs.readthedocs.io, core v3.0).
type header struct {
	ZarrFormat          int         `json:"zarr_format"`
	NodeType            string      `json:"node_type"`
	Shape               []int       `json:"shape"`
	DataType            any         `json:"data_type"`
	ChunkGrid           named       `json:"chunk_grid"`
	ChunkKeyEncoding    named       `json:"chunk_key_encoding"`
	FillValue           any         `json:"fill_value"`
	Codecs              []named     `json:"codecs"`
	StorageTransformers []any       `json:"storage_transformers,omitempty"`
	DimensionNames      []string    `json:"dimension_names,omitempty"`
	Attributes          *attributes `json:"attributes"`
}

// attributes are what Zarr leaves to its users.
type attributes struct {
	Affine   *Affine `json:"affine"`
	Modality string  `json:"modality,omitempty"`
	Unit     string  `json:"unit,omitempty"`
}

// named is an extension point of Zarr: a name with its configuration.
type named struct {
	Name          string        `json:"name"`
	Configuration configuration `json:"configuration"`
}

type configuration struct {
	ChunkShape []int  `json:"chunk_shape,omitempty"`
	Separator  string `json:"separator,omitempty"`
	Endian     string `json:"endian,omitempty"`
}

func newHeader(g Geometry, dtype, modality, unit string) header {
	shape := g.Shape[:]
	return header{
		ZarrFormat:       3,
		NodeType:         "array",
		Shape:            shape,
		DataType:         dtype,
		ChunkGrid:        named{"regular", configuration{ChunkShape: shape}},
		ChunkKeyEncoding: named{"default", configuration{Separator: "/"}},
		FillValue:        0,
		Codecs:           []named{{"bytes", configuration{Endian: "little"}}},
		DimensionNames:   []string{"z", "y", "x"},
		Attributes:       &attributes{&g.Affine, modality, unit},
	}
}

func (h header) marshal() ([]byte, error) {
	line, err := jsonl.Marshal(h)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := json.Indent(&buf, line, "", "  "); err != nil {
		return nil, err
	}
	buf.WriteByte('\n')
	return buf.Bytes(), nil
}

// chunkPath returns where the one chunk of the array in dir lies.
func chunkPath(dir string) string { return filepath.Join(dir, "c", "0", "0", "0") }

// readHeader reads dir/zarr.json and checks all that it claims, the size of
// the chunk's file included, before anyone allocates by it.
func readHeader(dir string) (h header, g Geometry, err error) {
	f, err := os.Open(filepath.Join(dir, "zarr.json"))
	if err != nil {
		return h, g, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxHeader+1))
	if err != nil {
		return h, g, err
	}
	if h, g, err = parseHeader(b); err != nil {
		return h, g, fmt.Errorf("%s: %w: %v", dir, ErrFormat, err)
	}
	info, err := os.Stat(chunkPath(dir))
	if err != nil {
		return h, g, err
	}
	if want := int64(g.Voxels()) * int64(itemSize(h.dtype())); info.Size() != want || !info.Mode().IsRegular() {
		return h, g, fmt.Errorf("%s: %w: chunk of %d bytes, want %d for %v of %s",
			dir, ErrFormat, info.Size(), want, g.Shape, h.dtype())
	}
	return h, g, nil
}

// parseHeader decodes and checks a zarr.json.
func parseHeader(b []byte) (h header, g Geometry, err error) {
	if len(b) > maxHeader {
		return h, g, fmt.Errorf("zarr.json of more than %d bytes", maxHeader)
	}
	if err := json.Unmarshal(b, &h); err != nil {
		return h, g, fmt.Errorf("zarr.json: %v", err)
	}
	if err := h.check(); err != nil {
		return h, g, fmt.Errorf("zarr.json: %v", err)
	}
	g = Geometry{Shape: [3]int(h.Shape), Affine: *h.Attributes.Affine}
	return h, g, g.Validate()
}

// check refuses, by name, whatever readers of this package do not know.
func (h header) check() error {
	switch {
	case h.ZarrFormat != 3 || h.NodeType != "array":
		return fmt.Errorf("zarr_format %d, node_type %q: want a version 3 array", h.ZarrFormat, h.NodeType)
	case itemSize(h.dtype()) == 0:
		return fmt.Errorf("data_type %.40q: want int16, float32 or uint8", fmt.Sprint(h.DataType))
	case len(h.Shape) != 3:
		return fmt.Errorf("%d axes: want 3", len(h.Shape))
	case h.ChunkGrid.Name != "regular" || !equal(h.ChunkGrid.Configuration.ChunkShape, h.Shape):
		return fmt.Errorf("chunk_grid %.40q: want one regular chunk of the array's shape", h.ChunkGrid.Name)
	case h.ChunkKeyEncoding.Name != "default" || (h.ChunkKeyEncoding.Configuration.Separator != "/" && h.ChunkKeyEncoding.Configuration.Separator != ""):
		return fmt.Errorf("chunk_key_encoding %.40q: want default with separator /", h.ChunkKeyEncoding.Name)
	case len(h.StorageTransformers) != 0:
		return fmt.Errorf("storage_transformers: want none")
	case len(h.Codecs) != 1 || h.Codecs[0].Name != "bytes":
		return fmt.Errorf("codecs %.80q: want bytes alone", codecNames(h.Codecs))
	case h.Codecs[0].Configuration.Endian != "little" && itemSize(h.dtype()) > 1:
		return fmt.Errorf("bytes codec of endian %.20q: want little", h.Codecs[0].Configuration.Endian)
	case h.Attributes == nil || h.Attributes.Affine == nil:
		return fmt.Errorf("attributes: no affine (3 rows of 4 numbers, z y x indices to LPS mm)")
	}
	return nil
}

func (h header) dtype() string {
	s, _ := h.DataType.(string) // other data types are objects
	return s
}

// itemSize returns the bytes of one voxel, 0 for a data type not read here.
func itemSize(dtype string) int {
	switch dtype {
	case "uint8":
		return 1
	case "int16":
		return 2
	case "float32":
		return 4
	}
	return 0
}

func codecNames(codecs []named) string {
	var s string
	for _, c := range codecs {
		s += c.Name + " "
	}
	return s
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
