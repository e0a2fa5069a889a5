package dicomio

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func indexOf(t *testing.T, patient bool, sources ...string) []Indexed {
	t.Helper()
	var rows []Indexed
	err := Index(t.Context(), sources, patient, func(r Indexed) error {
		rows = append(rows, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// wholeFacts is what the whole file says, but for its fragments, which an index
// does not look at.
func wholeFacts(b []byte, patient bool) Facts {
	if !maybeDICOM(b[:min(len(b), HeadBytes)]) {
		return Facts{Verdict: "refused", Reason: NotDICOM, Detail: "does not begin as DICOM does"}
	}
	in, err := ReadInstance("", b)
	if in == nil {
		return Facts{}.judge(err)
	}
	if in.pixels.isFrag && !in.nativeSyntax() {
		err = nil
	}
	return in.facts(patient).judge(err)
}

// indexEqual leaves out what says how the rest of a file was mended.
var indexEqual = cmpopts.IgnoreFields(Facts{}, "Notes")

// What an index says of a file is what the whole of it says, wherever the header
// ends and however it is packed.
func TestIndex(t *testing.T) {
	long := newFile(explicitLittle).text(0x00080060, "CS", "CT").image(image{rows: 3, columns: 4, allocated: 16})
	long.el(0x00291010, "OB", make([]byte, 3*firstRead)).el(0x7fe00010, "OW", make([]byte, 24))
	cut := someCT(explicitLittle)
	files := [][]byte{
		someCT(explicitLittle), someCT(implicitLittle), someCT(explicitBig), deflated(someCT(explicitLittle)), deflated(long.b), long.b, long.b[:len(long.b)-30],
		cut[:len(cut)-3], cut[:400], []byte("text, and some more of it"), {}, nested(40),
		newFile(rleLossless).header().fragments(nil, rleFrame()).b, stackFiles(1, 1, nil)[0],
		structFile(1, 1, map[string][]outlineOf{"GTV": {{points: square(4, 20, 6, 3)}}}),
	}
	for _, patient := range []bool{false, true} {
		for name, source := range map[string]string{"tar": writeTar(t, files...), "zip": writeZip(t, files...)} {
			rows := indexOf(t, patient, source)
			if len(rows) != len(files) {
				t.Fatalf("%s: %d rows, want %d", name, len(rows), len(files))
			}
			for i, row := range rows {
				if d := cmp.Diff(wholeFacts(files[i], patient), row.Facts, indexEqual); d != "" {
					t.Errorf("%s: file %d: %s", name, i+1, d)
				}
				if row.Number != i+1 || (row.File != "") != patient {
					t.Errorf("%s: file %d has number %d and name %q", name, i+1, row.Number, row.File)
				}
			}
		}
	}
}

// The same of every file of the conformance set.
func TestRealIndex(t *testing.T) {
	var start bytes.Buffer
	err := Scan(t.Context(), []string{realData(t, "dicom-conformance.tar.xz")}, DefaultLimits(), func(e *Entry) error {
		b, err := e.Read()
		lay, walkErr := readHead(&Entry{Head: e.Head, whole: bytes.NewReader(b), size: e.size, limit: e.limit, start: &start})
		if d := cmp.Diff(wholeFacts(b, true), indexFacts(lay, walkErr, true), indexEqual); d != "" {
			t.Errorf("%s: %s", e.Name, d)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The caller's error ends an index, and a source that is missing or a ctx that is
// done is told.
func TestIndexEnds(t *testing.T) {
	source := writeTar(t, stackFiles(1, 300, nil)...)
	stop, calls := errors.New("stop"), 0
	err := Index(t.Context(), []string{source}, false, func(Indexed) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls, want the caller's error after one", err, calls)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Index(done, []string{source}, false, func(Indexed) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
	if err := Index(t.Context(), []string{"/no/such/folder"}, false, nil); err == nil {
		t.Error("no error of a source that is not there")
	}
}

// What the walk of a header's start finds is what that of the whole finds.
func FuzzIndex(f *testing.F) {
	for _, s := range []string{explicitLittle, implicitLittle, explicitBig} {
		f.Add(someCT(s), 40)
	}
	f.Add(deflated(someCT(explicitLittle)), 200)
	f.Add(nested(3), 300)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		whole, wholeErr := walkHead(b, len(b))
		start := b[:min(max(n, 0), len(b))]
		lay, _ := walkHead(start, len(b))
		if whole == nil || wholeErr != nil || lay == nil || !lay.pixels.found || !whole.pixels.found || whole.syntax == deflatedLittle {
			return
		}
		if lay.syntax == whole.syntax && !bytes.Equal(lay.header, whole.header) {
			t.Errorf("the first %d bytes give another header than all %d", len(start), len(b))
		}
		if _, err := parseHeader(lay.header); err != nil {
			t.Fatalf("the parser refuses the canonical copy: %v", err)
		}
	})
}
