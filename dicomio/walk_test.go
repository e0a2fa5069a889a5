package dicomio

import (
	"bytes"
	"compress/flate"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// deflated returns the file b, in explicit little endian, as a deflated one.
func deflated(b []byte) []byte {
	meta := newFile(deflatedLittle).b
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, 9)
	w.Write(b[len(newFile(explicitLittle).b):])
	w.Close()
	return append(meta, z.Bytes()...)
}

// Every way of writing the same slice gives the same instance and pixels.
func TestReadInstanceForms(t *testing.T) {
	explicit := someCT(explicitLittle)
	meta := len(newFile(explicitLittle).b)
	relabelled := func(from, to string) []byte {
		b := newFile(to).b
		return append(b, someCT(from)[len(newFile(from).b):]...)
	}
	tests := []struct {
		name, syntax string
		b            []byte
		note         string
	}{
		{"explicit", explicitLittle, explicit, ""},
		{"implicit", implicitLittle, someCT(implicitLittle), ""},
		{"big endian", explicitBig, someCT(explicitBig), ""},
		{"deflated", deflatedLittle, deflated(explicit), ""},
		{"deflated by label only", deflatedLittle, relabelled(explicitLittle, deflatedLittle), ""},
		{"explicit labelled implicit", explicitLittle, relabelled(explicitLittle, implicitLittle), "labelled"},
		{"implicit labelled explicit", implicitLittle, relabelled(implicitLittle, explicitLittle), "labelled"},
		{"big labelled little", explicitBig, relabelled(explicitBig, explicitLittle), "labelled"},
		{"little labelled big", explicitLittle, relabelled(explicitLittle, explicitBig), "labelled"},
		{"no preamble", explicitLittle, explicit[132:], "no preamble"},
		{"mark without preamble", explicitLittle, explicit[128:], "no preamble"},
		{"no meta, explicit", explicitLittle, explicit[meta:], "no transfer syntax"},
		{"no meta, implicit", implicitLittle, someCT(implicitLittle)[len(newFile(implicitLittle).b):], "no transfer syntax"},
		{"preamble, no meta", explicitLittle, append(append([]byte{}, explicit[:132]...), explicit[meta:]...), "no transfer syntax"},
		{"trailing padding", explicitLittle, append(append([]byte{}, explicit...), 0xfc, 0xff, 0xfc, 0xff, 'O', 'B', 0, 0, 2, 0, 0, 0, 0, 0), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, err := ReadInstance("x", tt.b)
			if err != nil {
				t.Fatal(err)
			}
			if in.TransferSyntax != tt.syntax || !strings.Contains(strings.Join(in.Notes, ";"), tt.note) || tt.note == "" && len(in.Notes) > 0 {
				t.Errorf("syntax %s, notes %q; want %s, %q", in.TransferSyntax, in.Notes, tt.syntax, tt.note)
			}
			if in.Series != "1.2.3.1" || in.Rows != 3 || in.Columns != 4 || in.Position != [3]float64{-10.5, 20, -30.25} || in.PixelSpacing != [2]float64{0.5, 0.25} {
				t.Errorf("facts: %+v", in)
			}
			if got := in.text(tagOf(0x00100010)); got != "Müller^Jörg" {
				t.Errorf("name %q", got)
			}
			got := make([]float32, 12)
			if err := in.Pixels(0, got); err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				if want := float32(2*(1000+i) - 1024); v != want {
					t.Fatalf("pixel %d: %v, want %v", i, v, want)
				}
			}
		})
	}
}

// Odd elements that real systems write, between two known ones.
func TestWalkOddElements(t *testing.T) {
	undef := uint32(undefined)
	code := func(f *build) { f.text(0x00080100, "SH", "T-D0050") }
	implicitItem := func() []byte {
		in := bare(true)
		return in.el(0xfffee000, "", bare(true).text(0x00080100, "SH", "T-D0050").b).b
	}
	tests := []struct {
		name string
		fill func(f *build)
		seq  bool // (0008,2218) then holds one item with the code
	}{
		{"sequence of defined length", func(f *build) { f.el(0x00082218, "SQ", f.item(code)) }, true},
		{"sequence of undefined length", func(f *build) {
			f.head(0x00082218, "SQ", undef).raw(f.item(code)...).head(0xfffee0dd, "", 0)
		}, true},
		{"item of undefined length", func(f *build) {
			f.head(0x00082218, "SQ", undef).head(0xfffee000, "", undef)
			code(f)
			f.head(0xfffee00d, "", 0).head(0xfffee0dd, "", 0)
		}, true},
		{"item without its delimiter", func(f *build) {
			f.head(0x00082218, "SQ", undef).head(0xfffee000, "", undef)
			code(f)
			f.head(0xfffee0dd, "", 0)
		}, true},
		{"sequence hidden in UN", func(f *build) { f.el(0x00082218, "UN", implicitItem()) }, true},
		{"sequence hidden in UN of undefined length", func(f *build) {
			f.head(0x00082218, "UN", undef).raw(implicitItem()...).head(0xfffee0dd, "", 0)
		}, true},
		{"explicit items in UN of undefined length", func(f *build) {
			f.head(0x00082218, "UN", undef).raw(f.item(code)...).head(0xfffee0dd, "", 0)
		}, true},
		{"implicit items in an explicit sequence", func(f *build) { f.el(0x00082218, "SQ", implicitItem()) }, true},
		{"text in UN", func(f *build) { f.el(0x00081030, "UN", []byte("chest ")) }, false},
		{"private blob", func(f *build) { f.el(0x00091010, "OB", make([]byte, 70000)) }, false},
		{"private sequence", func(f *build) { f.el(0x00091010, "SQ", f.item(code)) }, false},
		{"OV, SV and UV", func(f *build) {
			f.el(0x00091010, "OV", make([]byte, 16)).el(0x00091011, "SV", make([]byte, 8)).el(0x00091012, "UV", make([]byte, 8))
		}, false},
		{"bytes in fragments", func(f *build) {
			f.head(0x00091010, "OB", undef).el(0xfffee000, "", []byte{1, 2}).head(0xfffee0dd, "", 0)
		}, false},
		{"stray delimiter", func(f *build) { f.head(0xfffee0dd, "", 0) }, false},
		{"group length", func(f *build) { f.el(0x00080000, "UL", []byte{9, 9, 9, 9}) }, false},
		{"odd length", func(f *build) { f.el(0x00081030, "LO", []byte("abc")) }, false},
		{"long text", func(f *build) { f.el(0x00081030, "LO", bytes.Repeat([]byte("x"), 5000)) }, false},
		{"empty values", func(f *build) { f.us(0x00280106).text(0x00200013, "IS", "").el(0x00082218, "SQ", nil) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFile(explicitLittle).text(0x00080060, "CS", "MR")
			tt.fill(f)
			f.text(0x00100020, "LO", "P7")
			in, err := ReadInstance("x", f.b)
			if err != nil {
				t.Fatal(err)
			}
			if in.Modality != "MR" || in.PatientID != "P7" {
				t.Errorf("modality %q, patient %q", in.Modality, in.PatientID)
			}
			if got := in.Dataset.Item(tagOf(0x00082218)).Text(tagOf(0x00080100)); tt.seq && got != "T-D0050" {
				t.Errorf("code in the sequence: %q", got)
			}
		})
	}
}

// nested returns n sequences of undefined length inside one another.
func nested(n int) []byte {
	f := newFile(explicitLittle).text(0x00080060, "CS", "SR")
	one := (&build{order: f.order}).head(0x0040a730, "SQ", undefined).head(0xfffee000, "", undefined).b
	f.b = append(f.b, bytes.Repeat(one, n)...)
	return f.b
}

// Hostile and broken files: each is refused for its reason, in little time and
// memory whatever it claims.
func TestReadInstanceRefuses(t *testing.T) {
	ct := someCT(explicitLittle)
	start := newFile(explicitLittle).text(0x00080060, "CS", "CT")
	with := func(fill func(f *build)) []byte {
		f := &build{b: bytes.Clone(start.b), order: start.order}
		fill(f)
		return f.b
	}
	px := make([]byte, 24)
	tests := []struct {
		name string
		b    []byte
		want Reason
	}{
		{"empty", nil, NotDICOM},
		{"text", []byte("patient;date;finding\n1;2;3\nand so on for a while, line after line"), NotDICOM},
		{"zeros", make([]byte, 4096), NotDICOM},
		{"preamble and mark only", append(make([]byte, 128), "DICM"...), Malformed},
		{"preamble, then noise", append(append(make([]byte, 128), "DICM"...), bytes.Repeat([]byte{0xa5}, 300)...), Malformed},
		{"UN of 4 GiB", with(func(f *build) { f.head(0x00091010, "UN", 0xfffffffe) }), Truncated},
		{"OB of 2 GiB", with(func(f *build) { f.head(0x00420011, "OB", 0x7ffffffe) }), Truncated},
		{"cut in the header", ct[:400], Truncated},
		{"cut in the pixels", ct[:len(ct)-3], Truncated},
		{"cut in a fragment", cutFragment(), Truncated},
		{"sequence without end", with(func(f *build) { f.head(0x0040a730, "SQ", undefined) }), Truncated},
		{"item longer than the file", with(func(f *build) { f.head(0x0040a730, "SQ", 16).head(0xfffee000, "", 1<<30).raw(px...) }), Truncated},
		{"element in place of an item", with(func(f *build) { f.el(0x0040a730, "SQ", px) }), Malformed},
		{"text of undefined length", with(func(f *build) { f.head(0x00420011, "UT", undefined) }), Malformed},
		{"nested 33 deep", nested(33), TooDeep},
		{"nested a million deep", nested(1_000_000), TooDeep},
		{"999999999 frames in nothing", with(func(f *build) {
			f.image(image{rows: 0, columns: 0, frames: 999999999, allocated: 16}).el(0x7fe00010, "OW", nil)
		}), BadPixelData},
		{"999999999 frames of one", with(func(f *build) {
			f.image(image{rows: 3, columns: 4, frames: 999999999, allocated: 16}).el(0x7fe00010, "OW", px)
		}), BadPixelData},
		{"999999999 frames in a fragment", with(func(f *build) {
			f.image(image{rows: 3, columns: 4, frames: 999999999, allocated: 16}).fragments(nil, px)
		}), BadPixelData},
		{"65535 x 65535 x 64 bit", with(func(f *build) {
			f.image(image{rows: 65535, columns: 65535, allocated: 64}).el(0x7fe00010, "OW", px)
		}), TooLarge},
		{"24 bits allocated", with(func(f *build) {
			f.image(image{rows: 2, columns: 4, allocated: 24}).el(0x7fe00010, "OW", px)
		}), UnsupportedPixels},
		{"more bits stored than allocated", with(func(f *build) {
			f.image(image{rows: 2, columns: 4, allocated: 8, stored: 12}).el(0x7fe00010, "OW", px)
		}), BadPixelData},
		{"no pixel data for its rows", with(func(f *build) {
			f.image(image{rows: 300, columns: 400, allocated: 16}).el(0x7fe00010, "OW", px)
		}), BadPixelData},
		{"deflated, then noise", append(newFile(deflatedLittle).b, bytes.Repeat([]byte{0xff}, 64)...), Malformed},
		{"deflated bomb", bomb(), TooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			in, err := ReadInstance("x", tt.b)
			runtime.ReadMemStats(&after)
			if ReasonOf(err) != tt.want {
				t.Errorf("reason %q, want %q: %v", ReasonOf(err), tt.want, err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > uint64(3*len(tt.b)+1<<20) {
				t.Errorf("allocated %d bytes for a file of %d", grown, len(tt.b))
			}
			if in != nil && err != nil && strings.Contains(err.Error(), "P7") {
				t.Errorf("the error quotes a value: %v", err)
			}
		})
	}
}

// How long the files that are meant to do harm take.
func BenchmarkHostile(b *testing.B) {
	frames := newFile(explicitLittle).image(image{rows: 3, columns: 4, frames: 999999999, allocated: 16}).el(0x7fe00010, "OW", make([]byte, 24)).b
	for name, file := range map[string][]byte{
		"claim of 4 GiB": newFile(explicitLittle).head(0x00091010, "UN", 0xfffffffe).b, "a million deep": nested(1_000_000),
		"999999999 frames": frames, "deflated bomb": bomb(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadInstance("x", file); err == nil {
					b.Fatal("not refused")
				}
			}
		})
	}
	zeros := make([]byte, 400<<20)
	for name, archive := range map[string][]byte{"zip bomb": zipOf(member{"a", zeros}), "path out of a zip": zipOf(member{"../../a", someCT(explicitLittle)})} {
		path := filepath.Join(b.TempDir(), "a.zip")
		if err := os.WriteFile(path, archive, 0o600); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				err := Scan(b.Context(), []string{path}, DefaultLimits(), func(e *Entry) error {
					_, err := e.Read()
					return err
				})
				if ReasonOf(err) == "" {
					b.Fatal("not refused")
				}
			}
		})
	}
}

func cutFragment() []byte {
	f := newFile(rleLossless).text(0x00080060, "CS", "CT").image(image{rows: 3, columns: 4, allocated: 16}).fragments(nil, rleFrame())
	return f.b[:len(f.b)-14]
}

// bomb is a deflated data set that unpacks beyond every bound: 100 MiB of
// one element from 100 kB.
func bomb() []byte {
	var z bytes.Buffer
	w, _ := flate.NewWriter(&z, 9)
	w.Write(bare(false).text(0x00080060, "CS", "CT").head(0x00420011, "OB", 200<<20).b)
	zeros := make([]byte, 1<<20)
	for range 100 {
		w.Write(zeros)
	}
	w.Close()
	return append(newFile(deflatedLittle).b, z.Bytes()...)
}

// Real data sets shrink a thousandfold for a while, or two hundredfold for long, and come
// out whole.
func TestInflate(t *testing.T) {
	sparse := make([]byte, inflateGrace+4<<20)
	for i := 0; i < len(sparse); i += 500 {
		sparse[i] = byte(i * i >> 8)
	}
	for name, want := range map[string][]byte{"nothing": {}, "even": make([]byte, inflateGrace), "sparse": sparse} {
		var z bytes.Buffer
		w, _ := flate.NewWriter(&z, 3)
		w.Write(want)
		w.Close()
		t.Logf("%s: shrunk %d-fold", name, len(want)/z.Len())
		if got, err := inflate(z.Bytes()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes (%v), want %d", name, len(got), err, len(want))
		}
		if got, err := inflate(z.Bytes()[:z.Len()/2]); ReasonOf(err) != Truncated || !bytes.HasPrefix(want, got) {
			t.Errorf("%s, cut off: %d bytes, %v", name, len(got), err)
		}
	}
}

func FuzzWalk(f *testing.F) {
	for _, s := range []string{explicitLittle, implicitLittle, explicitBig} {
		f.Add(someCT(s))
	}
	f.Add(deflated(someCT(explicitLittle)))
	f.Add(nested(3))
	f.Fuzz(func(t *testing.T, b []byte) {
		lay, err := walk(b)
		if lay == nil {
			if ReasonOf(err) == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		// The canonical copy must be such that the parser takes it whole and reads
		// every element that was written.
		if _, err := parseHeader(lay.header); err != nil {
			t.Fatalf("the parser refuses the canonical copy: %v", err)
		}
		for _, s := range append(lay.pixels.fragments, lay.pixels.span, lay.pixels.bot, lay.pixels.eot) {
			if s.from > s.to || s.to > len(lay.data) {
				t.Fatalf("extent %v outside %d bytes", s, len(lay.data))
			}
		}
	})
}

func FuzzReadInstance(f *testing.F) {
	f.Add(someCT(explicitLittle))
	f.Add(someCT(implicitLittle))
	f.Add(newFile("1.2.840.10008.1.2.5").header().fragments(nil, rleFrame()).b)
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := ReadInstance("x", b)
		if err != nil {
			if ReasonOf(err) == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		for i := range min(in.Frames, 3) {
			in.Frame(i)
			if !in.HasPixels || in.frameBits() > 1<<24 {
				break
			}
			s, err := in.Stored(i)
			if err == nil && len(s.Data) != s.Rows*s.Columns*s.Samples*s.Kind.Size() {
				t.Fatalf("%d bytes for %d x %d x %d", len(s.Data), s.Rows, s.Columns, s.Samples)
			}
		}
	})
}
