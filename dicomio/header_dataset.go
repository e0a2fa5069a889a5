package dicomio

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// A Dataset is a header, or one item of a sequence, to look elements up in. Its
// methods never fail: an element that is absent, empty or of another kind gives
// the zero value. The zero Dataset is empty.
//
// Private elements are kept at the top level only, and only those that some
// vendor rule needs. Pixel data, group lengths, SpecificCharacterSet (see
// Instance.Charset) and binary values longer than 256 KiB are not part of it.
type Dataset struct{ elements []*dicom.Element }

// Has reports whether t is present, even if empty.
func (d Dataset) Has(t tag.Tag) bool { return d.find(t) != nil }

// Tags returns the tags that are present, in the order of the file.
func (d Dataset) Tags() []tag.Tag {
	ts := make([]tag.Tag, len(d.elements))
	for i, e := range d.elements {
		ts[i] = e.Tag
	}
	return ts
}

func (d Dataset) find(t tag.Tag) *dicom.Element {
	for _, e := range d.elements {
		if e.Tag == t {
			return e
		}
	}
	return nil
}

// Bytes returns the value of t as bytes, little endian, where it is binary or
// long, and else nil.
func (d Dataset) Bytes(t tag.Tag) []byte {
	if e := d.find(t); e != nil {
		b, _ := e.Value.GetValue().([]byte)
		return b
	}
	return nil
}

// Text returns the first value of t as text, trimmed, in the file's own
// character set.
func (d Dataset) Text(t tag.Tag) string {
	if all := d.Texts(t); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Texts returns all values of t as text, each trimmed.
func (d Dataset) Texts(t tag.Tag) []string {
	e := d.find(t)
	if e == nil {
		return nil
	}
	var all []string
	switch v := e.Value.GetValue().(type) {
	case []string:
		return splitText(strings.Join(v, `\`))
	case []byte:
		return splitText(string(v))
	case []int:
		for _, n := range v {
			all = append(all, strconv.Itoa(n))
		}
	case []float64:
		for _, x := range v {
			all = append(all, strconv.FormatFloat(x, 'g', -1, 64))
		}
	}
	return all
}

// splitText returns the values of a text element, nil where it is empty.
func splitText(s string) []string {
	all := strings.Split(s, `\`)
	for i := range all {
		all[i] = trim(all[i])
	}
	if len(all) == 1 && all[0] == "" {
		return nil
	}
	return all
}

// trim removes the padding of a value: blanks and NULs at either end.
func trim(s string) string { return strings.Trim(s, " \x00\t\r\n") }

// Int returns the first value of t as a whole number; ok is false where there
// is none.
func (d Dataset) Int(t tag.Tag) (n int, ok bool) {
	if all := d.Ints(t); len(all) > 0 {
		return all[0], true
	}
	return 0, false
}

// Ints returns the values of t as whole numbers. A long binary value is read as
// unsigned 16-bit words.
func (d Dataset) Ints(t tag.Tag) []int {
	e := d.find(t)
	if e == nil {
		return nil
	}
	switch v := e.Value.GetValue().(type) {
	case []int:
		return v
	case []byte:
		if isText(e.Tag) {
			return toInts(parseFloats(v))
		}
		out := make([]int, len(v)/2)
		for i := range out {
			out[i] = int(binary.LittleEndian.Uint16(v[2*i:]))
		}
		return out
	}
	return toInts(d.Floats(t))
}

func toInts(xs []float64) []int {
	var out []int
	for _, x := range xs {
		if math.Abs(x) > 1<<53 { // beyond this a float64 is no longer every whole number
			return nil
		}
		out = append(out, int(x))
	}
	return out
}

// Float returns the first value of t as a number; ok is false where there is
// none that is finite.
func (d Dataset) Float(t tag.Tag) (x float64, ok bool) {
	if all := d.Floats(t); len(all) > 0 {
		return all[0], true
	}
	return 0, false
}

// Floats returns the values of t as numbers, or nil if one of them is not a
// finite number.
func (d Dataset) Floats(t tag.Tag) []float64 {
	e := d.find(t)
	if e == nil {
		return nil
	}
	switch v := e.Value.GetValue().(type) {
	case []float64:
		for _, x := range v {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return nil
			}
		}
		return v
	case []int:
		out := make([]float64, len(v))
		for i, n := range v {
			out[i] = float64(n)
		}
		return out
	case []string:
		return parseFloats([]byte(strings.Join(v, `\`)))
	case []byte:
		return parseFloats(v)
	}
	return nil
}

// parseFloats reads backslash-separated decimal strings, nil if one is broken.
func parseFloats(b []byte) []float64 {
	b = bytes.Trim(b, " \x00")
	if len(b) == 0 {
		return nil
	}
	out := make([]float64, 0, bytes.Count(b, []byte{'\\'})+1)
	for part := range bytes.SplitSeq(b, []byte{'\\'}) {
		x, err := strconv.ParseFloat(string(bytes.Trim(part, " \x00\t\r\n")), 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		out = append(out, x)
	}
	return out
}

// isText reports whether the dictionary gives t a value representation of
// decimal text.
func isText(t tag.Tag) bool {
	info, err := tag.Find(t)
	return err == nil && (info.VRs[0] == "DS" || info.VRs[0] == "IS")
}

// Items returns the items of the sequence t.
func (d Dataset) Items(t tag.Tag) []Dataset {
	e := d.find(t)
	if e == nil {
		return nil
	}
	items, ok := e.Value.GetValue().([]*dicom.SequenceItemValue)
	if !ok {
		return nil
	}
	out := make([]Dataset, len(items))
	for i, it := range items {
		out[i].elements, _ = it.GetValue().([]*dicom.Element)
	}
	return out
}

// Item returns the first item of the sequence t, or an empty Dataset.
func (d Dataset) Item(t tag.Tag) Dataset {
	if items := d.Items(t); len(items) > 0 {
		return items[0]
	}
	return Dataset{}
}
