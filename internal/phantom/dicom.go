package phantom

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"

	"github.com/suyashkumar/dicom"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// A dataset gathers elements, and the first reason why one could not be made.
type dataset struct {
	elements []*dicom.Element
	err      error
}

// set adds an element. value is []string, []int, []float64, []byte, pixel data,
// or, for a sequence, [][]*dicom.Element.
func (d *dataset) set(t tag.Tag, value any) {
	e, err := dicom.NewElement(t, value)
	if err != nil {
		d.err = errors.Join(d.err, fmt.Errorf("element %v: %w", t, err))
		return
	}
	d.elements = append(d.elements, e)
}

// text adds an element of text, or of text and nothing.
func (d *dataset) text(t tag.Tag, values ...string) { d.set(t, values) }

func (d *dataset) numbers(t tag.Tag, values ...float64) { d.text(t, decimals(values...)...) }

// seq adds a sequence, one item for every function that fills one.
func (d *dataset) seq(t tag.Tag, items ...func(*dataset)) {
	value := make([][]*dicom.Element, len(items))
	for i, fill := range items {
		var item dataset
		fill(&item)
		d.err = errors.Join(d.err, item.err)
		value[i] = item.sorted()
	}
	d.set(t, value)
}

// sorted returns the elements in the order of their tags, which DICOM demands.
func (d *dataset) sorted() []*dicom.Element {
	slices.SortStableFunc(d.elements, func(a, b *dicom.Element) int { return a.Tag.Compare(b.Tag) })
	return d.elements
}

// with returns a copy of d that can be added to apart from it.
func (d *dataset) with() *dataset {
	return &dataset{slices.Clone(d.elements), d.err}
}

// encode returns d as a DICOM file. d must hold SOPClassUID and SOPInstanceUID.
func (d *dataset) encode(class, instance, syntax string) ([]byte, error) {
	d.set(tag.FileMetaInformationVersion, []byte{0, 1})
	d.text(tag.MediaStorageSOPClassUID, class)
	d.text(tag.MediaStorageSOPInstanceUID, instance)
	d.text(tag.TransferSyntaxUID, syntax)
	d.text(tag.ImplementationClassUID, newUID("oncovox implementation"))
	d.text(tag.ImplementationVersionName, "ONCOVOX_PHANTOM")
	d.text(tag.SOPClassUID, class)
	d.text(tag.SOPInstanceUID, instance)
	if d.err != nil {
		return nil, d.err
	}
	var buf bytes.Buffer
	if err := dicom.Write(&buf, dicom.Dataset{Elements: d.sorted()}); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// newUID returns a UID under 2.25 that is a function of name.
func newUID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "2.25." + new(big.Int).SetBytes(sum[:16]).String()
}

// decimals writes numbers as decimal strings, at most 16 characters each.
func decimals(values ...float64) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = decimal(v)
	}
	return out
}

func decimal(v float64) string {
	for precision := 10; ; precision-- {
		if s := strconv.FormatFloat(v, 'g', precision, 64); len(s) <= 16 {
			return s
		}
	}
}

// rounded is v to a thousandth of a millimetre, as it goes into a header.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
