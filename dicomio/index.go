package dicomio

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/suyashkumar/dicom/pkg/tag"
)

// An Indexed is what Index has to say of one file.
type Indexed struct {
	Number int    `json:"number"`         // of the file in the order of Scan, from 1
	File   string `json:"file,omitempty"` // Entry.Name; given only where patient data are asked for, since it may name one
	Facts
}

// Index looks at the header of every file in sources, which are what Scan takes, and
// calls found with each in the order of Scan, from one goroutine. Files are read
// up to their pixel data only, headers parsed by several goroutines.
//
// The facts are those of Info but for the verdict: of pixels it says only whether
// native ones are all there, since none are read.
//
// It fails with found's error, with ctx.Err(), or if a source cannot be opened.
func Index(ctx context.Context, sources []string, patient bool, found func(Indexed) error) error {
	type task struct {
		row  Indexed
		lay  *layout
		err  error
		done chan struct{}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	todo, inOrder := make(chan *task, 64), make(chan *task, 256)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for t := range todo {
				t.row.Facts = indexFacts(t.lay, t.err, patient)
				t.lay = nil
				close(t.done)
			}
		})
	}
	workers.Go(func() {
		for t := range inOrder {
			<-t.done
			if ctx.Err() != nil {
				continue
			}
			if err := found(t.row); err != nil {
				stop(err)
			}
		}
	})
	number := 0
	err := Scan(ctx, sources, DefaultLimits(), func(e *Entry) error {
		number++
		t := &task{row: Indexed{Number: number}, done: make(chan struct{})}
		if patient {
			t.row.File = e.Name
		}
		t.lay, t.err = readHead(e)
		todo <- t
		inOrder <- t
		return nil
	})
	close(todo)
	close(inOrder)
	workers.Wait()
	return cmp.Or(context.Cause(ctx), err)
}

// indexFacts returns the facts of a walk.
func indexFacts(lay *layout, err error, patient bool) Facts {
	in, err := newInstance("", lay, err)
	if in == nil {
		return Facts{}.judge(err)
	}
	return in.facts(patient).judge(err)
}

// readHead walks the header of e, reading as much of it as that takes.
func readHead(e *Entry) (lay *layout, err error) {
	if e.Err == nil && !e.MaybeDICOM() {
		return nil, refuse(NotDICOM, "does not begin as DICOM does")
	}
	readErr := e.ReadStart(func(b []byte, whole bool) bool {
		size := int(e.size)
		if whole {
			size = len(b)
		}
		lay, err = walkHead(b, size)
		if lay != nil {
			lay.data = nil // the canonical copy is all that is needed
		}
		return lay != nil && lay.pixels.found
	})
	if readErr != nil {
		return nil, readErr
	}
	return lay, err
}

// walkHead checks the structure of the header that b begins with, the start of a
// file of size bytes, -1 if that is not known. The layout has no fragments.
func walkHead(b []byte, size int) (*layout, error) {
	w := &walker{data: b, lay: &layout{}, index: true, size: size}
	return w.walk(b)
}

// inflateStart unpacks the start of a deflated data set, as far as b and a bound that
// grows with it go.
func inflateStart(b []byte) []byte {
	out, _ := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), 4*int64(len(b)))) // what is short is asked for again
	return out
}

// pixelHead notes where the element h begins and reports true, if it is the pixel
// data of the top level.
func (w *walker) pixelHead(h head) bool {
	px := &w.lay.pixels
	switch h.tag {
	case tag.PixelData:
	case tag.FloatPixelData:
		px.bits = 32
	case tag.DoubleFloatPixelData:
		px.bits = 64
	default:
		return false
	}
	px.found, px.unread, px.vr, px.bigEndian = true, true, h.vr, w.big
	px.isFrag = h.length == undefined
	if !px.isFrag {
		px.span = span{h.value, h.value + h.length}
		if px.short = w.size >= 0 && px.span.to > w.size; px.short {
			px.span.to = max(h.value, w.size)
		}
	}
	return true
}

// indexed are the elements of the top level that Facts are made of.
var indexed = func() map[tag.Tag]bool {
	m := map[tag.Tag]bool{}
	for _, t := range []tag.Tag{
		tag.SOPClassUID, tag.SOPInstanceUID, tag.SeriesInstanceUID, tag.StudyInstanceUID, tag.SpecificCharacterSet,
		tag.PatientName, tag.PatientID, tag.PatientBirthDate, tag.PatientSex, tag.StudyDate, tag.SeriesDescription,
		tag.Modality, tag.ImageType, tag.Manufacturer, tag.PhotometricInterpretation,
		tag.NumberOfFrames, tag.Rows, tag.Columns, tag.SamplesPerPixel, tag.BitsAllocated, tag.BitsStored, tag.HighBit,
		tag.PixelRepresentation, tag.PlanarConfiguration, tag.RescaleSlope, tag.RescaleIntercept, tag.PixelPaddingValue,
		tag.ImagePositionPatient, tag.ImageOrientationPatient, tag.PixelSpacing, tag.SliceThickness, tag.GridFrameOffsetVector,
		tag.SharedFunctionalGroupsSequence, tag.PerFrameFunctionalGroupsSequence,
	} {
		m[t] = true
	}
	return m
}()
