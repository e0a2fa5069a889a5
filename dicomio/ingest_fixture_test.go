package dicomio

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An element is one encoded data element, explicit VR little endian.
type element struct {
	tag   uint32
	bytes []byte
}

// elText encodes a string element of any value representation with a short length.
func elText(tag uint32, vr, value string) element {
	if len(value)%2 == 1 {
		value += map[bool]string{true: "\x00", false: " "}[vr == "UI"]
	}
	b := elHead(tag, vr)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return element{tag, append(b, value...)}
}

func elShort(tag uint32, value int) element {
	b := binary.LittleEndian.AppendUint16(elHead(tag, "US"), 2)
	return element{tag, binary.LittleEndian.AppendUint16(b, uint16(value))}
}

func elLong(tag uint32, vr string, value []byte) element {
	b := append(elHead(tag, vr), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return element{tag, append(b, value...)}
}

// elSequence encodes items of defined length.
func elSequence(tag uint32, items ...[]element) element {
	var b []byte
	for _, it := range items {
		inner := elJoin(it)
		b = append(b, 0xfe, 0xff, 0x00, 0xe0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(inner)))
		b = append(b, inner...)
	}
	return elLong(tag, "SQ", b)
}

func elHead(tag uint32, vr string) []byte {
	b := binary.LittleEndian.AppendUint16(nil, uint16(tag>>16))
	b = binary.LittleEndian.AppendUint16(b, uint16(tag))
	return append(b, vr...)
}

func elJoin(all []element) []byte {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b element) int { return int(int64(a.tag) - int64(b.tag)) })
	var b []byte
	for _, e := range all {
		b = append(b, e.bytes...)
	}
	return b
}

// dicomFile encodes a whole file.
func dicomFile(class, sop string, all ...element) []byte {
	meta := elJoin([]element{
		elText(0x00020002, "UI", class), elText(0x00020003, "UI", sop), elText(0x00020010, "UI", "1.2.840.10008.1.2.1"),
	})
	b := append(make([]byte, 128), "DICM"...)
	b = append(b, elHead(0x00020000, "UL")...)
	b = binary.LittleEndian.AppendUint16(b, 4)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(meta)))
	b = append(b, meta...)
	all = append([]element{elText(0x00080016, "UI", class), elText(0x00080018, "UI", sop)}, all...)
	return append(b, elJoin(all)...)
}

// Names that must never reach a shared artifact: they begin like this.
const (
	secretUID  = "1.2.3999."
	secretName = "Zzsecret"
)

// An imageFile is one slice of a made series. Zero fields get plausible values.
type imageFile struct {
	patient, study, series, number, space int // numbers in the UIDs and the patient ID
	modality                              string
	position                              [3]float64
	orientation                           string
	rows, cols                            int
	value                                 func(y, x int) int
	more                                  []element
}

func (f imageFile) sop() string { return fmt.Sprintf(secretUID+"%d.%d", f.series, f.number) }

func (f imageFile) encode() []byte {
	class := map[string]string{"CT": "1.2.840.10008.5.1.4.1.1.2", "PT": "1.2.840.10008.5.1.4.1.1.128", "MR": "1.2.840.10008.5.1.4.1.1.4"}[f.modality]
	if f.orientation == "" {
		f.orientation = `1\0\0\0\1\0`
	}
	var pixels []byte
	for y := range f.rows {
		for x := range f.cols {
			pixels = binary.LittleEndian.AppendUint16(pixels, uint16(f.value(y, x)))
		}
	}
	all := []element{
		elText(0x00080060, "CS", f.modality), elText(0x00080070, "LO", "SIEMENS "+secretName),
		elText(0x00100010, "PN", secretName+"^Given"), elText(0x00100020, "LO", fmt.Sprintf("%s-%d", secretName, f.patient)),
		elText(0x0020000d, "UI", fmt.Sprintf(secretUID+"9.%d", f.study)), elText(0x0020000e, "UI", fmt.Sprintf(secretUID+"8.%d", f.series)),
		elText(0x00200052, "UI", fmt.Sprintf(secretUID+"7.%d", f.space)),
		elText(0x00200013, "IS", fmt.Sprint(f.number)),
		elText(0x00200032, "DS", fmt.Sprintf(`%g\%g\%g`, f.position[0], f.position[1], f.position[2])),
		elText(0x00200037, "DS", f.orientation), elText(0x00280030, "DS", `2\1.5`), elText(0x00180050, "DS", "7"),
		elShort(0x00280002, 1), elText(0x00280004, "CS", "MONOCHROME2"), elShort(0x00280010, f.rows), elShort(0x00280011, f.cols),
		elShort(0x00280100, 16), elShort(0x00280101, 16), elShort(0x00280102, 15), elShort(0x00280103, 1),
		elLong(0x7fe00010, "OW", pixels),
	}
	return dicomFile(class, f.sop(), append(all, f.more...)...)
}

// stackFiles is a series of n slices 3 mm apart, of 12 rows and 16 columns;
// voxel (z, y, x) holds 100z + 10y + x.
func stackFiles(series, n int, change func(f *imageFile)) [][]byte {
	var files [][]byte
	for z := range n {
		f := imageFile{
			patient: 1, study: 1, series: series, number: z + 1, space: 1, modality: "CT", position: [3]float64{-5, 10, 3 * float64(z)},
			rows: 12, cols: 16, value: func(y, x int) int { return 100*z + 10*y + x },
		}
		if change != nil {
			change(&f)
		}
		files = append(files, f.encode())
	}
	return files
}

// An outlineOf is a closed contour of an ROI, drawn on the image sop if it is not "".
type outlineOf struct {
	kind, sop string
	points    [][3]float64
}

// structFile is an RTSTRUCT on one series, with ROIs by name.
func structFile(number, series int, rois map[string][]outlineOf) []byte {
	var names, contours [][]element
	for i, name := range sortedKeys(rois) {
		n := fmt.Sprint(i + 1)
		names = append(names, []element{elText(0x30060022, "IS", n), elText(0x30060026, "LO", name)})
		var drawn [][]element
		for _, o := range rois[name] {
			var data []string
			for _, p := range o.points {
				data = append(data, fmt.Sprintf(`%g\%g\%g`, p[0], p[1], p[2]))
			}
			kind := o.kind
			if kind == "" {
				kind = "CLOSED_PLANAR"
			}
			c := []element{elText(0x30060042, "CS", kind), elText(0x30060050, "DS", strings.Join(data, `\`))}
			if o.sop != "" {
				c = append(c, elSequence(0x30060016, []element{elText(0x00081155, "UI", o.sop)}))
			}
			drawn = append(drawn, c)
		}
		contours = append(contours, []element{elText(0x30060084, "IS", n), elSequence(0x30060040, drawn...)})
	}
	return dicomFile(structureSetClass, fmt.Sprintf(secretUID+"6.%d", number),
		elText(0x00080060, "CS", "RTSTRUCT"), elText(0x00100020, "LO", secretName+"-1"),
		elSequence(0x30060010, []element{elSequence(0x30060012, []element{elSequence(0x30060014, []element{
			elText(0x0020000e, "UI", fmt.Sprintf(secretUID+"8.%d", series)),
		})})}),
		elSequence(0x30060020, names...), elSequence(0x30060039, contours...))
}

func sortedKeys[K ~string, V any](m map[K]V) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// square is a closed square of side 2r round (x, y) at height z.
func square(x, y, z, r float64) [][3]float64 {
	return [][3]float64{{x - r, y - r, z}, {x + r, y - r, z}, {x + r, y + r, z}, {x - r, y + r, z}}
}

// writeFolder writes files into nested folders without extensions.
func writeFolder(t *testing.T, files ...[]byte) string {
	t.Helper()
	dir := t.TempDir()
	for i, b := range files {
		path := filepath.Join(dir, secretName, fmt.Sprintf("S%d", i%3), fmt.Sprintf("IM%04d", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// writeZip writes files into one zip.
func writeZip(t *testing.T, files ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scans.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for i, b := range files {
		e, err := w.Create(fmt.Sprintf("%s/IM%04d", secretName, i))
		if err == nil {
			_, err = e.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// writeTar writes files into one tar.
func writeTar(t *testing.T, files ...[]byte) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i, b := range files {
		err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%s/IM%04d", secretName, i), Size: int64(len(b)), Mode: 0o644})
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scans.tar")
	if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
