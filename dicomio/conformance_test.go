package dicomio

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// exceptions are the files of the conformance set whose pixels are not held
// against pydicom's, each with the digest that is right, or with the reason for which the
// file is refused, and how that is known.
var exceptions = map[string]struct {
	sha    string // the first 8 bytes
	reason Reason
	why    string
}{
	// pydicom 3.0.2 takes another inverse DCT for 12 bits, or none. Ours equals the IJG's, which
	// dcmdjpeg of DCMTK 3.6.7 and gdcmconv --raw of GDCM 3.0.21 use, bit for bit.
	"CT0012.fragmented_no_bot_jpeg_baseline.51.dcm":                       {"a62ceec7a17af3ce", "", "equals DCMTK and GDCM"},
	"CTImage.dcm_JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51.dcm": {"85e3b617e00dc755", "", "equals DCMTK and GDCM"},
	"JPEGExtended_1s_1f_u_16_12.dcm":                                      {"d30242775a414c01", "", "equals DCMTK and GDCM"},
	"RG2_JPLY_fixed.dcm":                                                  {"a0dca087f2176a3c", "", "equals DCMTK and GDCM"},
	"MR1_JPLY":                                                            {"5da33a3a0886b8c2", "", "equals DCMTK and GDCM"},
	"MR2_JPLY":                                                            {"4454a6f4a51ee74f", "", "equals DCMTK and GDCM"},
	"NM1_JPLY":                                                            {"d30242775a414c01", "", "equals DCMTK and GDCM"},
	// Eight samples of 1020 to 1023 overshoot the 10 stored bits, to 1024: DCMTK leaves them, GDCM cuts the bit
	// off, which makes white black; 1023 is what is nearest to RG3_UNC.
	"RG3_JPLY": {"c3f8afd42451473c", "", "equals DCMTK, with 1023 for 1024"},
	// pydicom cannot decode these, nor can DCMTK or GDCM; the same image is there in another coding.
	"liver_deflate.dcm": {"86ceb97b138085d0", "", "equals liver.dcm, native"},
	"liver_rle.dcm":     {"86ceb97b138085d0", "", "equals liver.dcm, native"},
	// Only the end delimiter is missing: DCMTK and GDCM refuse, pydicom finds no pixels.
	"emri_small_jpeg_2k_lossless_too_short.dcm": {"9719c5d0f62ce971", "", "equals emri_small.dcm, native"},
	// No transfer syntax: pydicom wants one, the bytes tell.
	"OT-PAL-8-face.dcm": {"b171a3008579b642", "", "equals DCMTK and GDCM"},
	// Refused.
	"nested_priv_SQ.dcm":   {"", BadPixelData, "pixels without rows and columns; pydicom refuses too"},
	"rtplan_truncated.dcm": {"", Truncated, "cut on purpose; pydicom reads what is left"},
	"multiframe.dcm":       {"", BadPixelData, "frames of other sizes than the header's; pydicom refuses too"},
	"genFile.dcm":          {"", BadPixelData, "fragments of noise; pydicom and DCMTK refuse too"},
}

// conformanceFiles returns the files of dicom-conformance.tar.xz by name, and
// the rows of its reference.tsv.
func conformanceFiles(t *testing.T) (files map[string][]byte, rows [][]string) {
	t.Helper()
	files = map[string][]byte{}
	err := Scan(t.Context(), []string{realData(t, "dicom-conformance.tar.xz")}, DefaultLimits(), func(e *Entry) error {
		b, err := e.Read()
		_, name, _ := strings.Cut(e.Name, "/conformance/")
		files[name] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(files["reference.tsv"])) {
		if c := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); c[0] != "file" {
			rows = append(rows, c)
		}
	}
	return files, rows
}

func TestConformance(t *testing.T) {
	files, rows := conformanceFiles(t)
	t.Run("pixels", func(t *testing.T) { conformancePixels(t, files, rows) })
	t.Run("damaged", func(t *testing.T) { conformanceDamaged(t, files) })
}

// Every file of the set: no panic, memory in proportion to its size, and the pixels of pydicom
// 3.0.2 (raw arrays, little endian), bit for bit, but for the exceptions. The slowest file is
// logged: none takes two seconds.
func conformancePixels(t *testing.T, files map[string][]byte, rows [][]string) {
	equal, without, excepted := 0, 0, 0
	slowest, slow := time.Duration(0), ""
	for _, c := range rows {
		name, parse, pixels, want := c[0], c[5], c[6], c[9]
		b := files[name]
		begun := time.Now()
		taken, sha, err := digest(name, b)
		if took := time.Since(begun); took > slowest {
			slowest, slow = took, name
		}
		if taken > uint64(3*len(b)+64<<20) {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, taken, len(b))
		}
		ex, known := exceptions[name[strings.LastIndex(name, "/")+1:]]
		switch {
		case known:
			excepted++
			if ReasonOf(err) != ex.reason || !strings.HasPrefix(sha, ex.sha) {
				t.Errorf("%s: digest %.16s, reason %q; want %s, %q (%s)", name, sha, ReasonOf(err), ex.sha, ex.reason, ex.why)
			}
		case err != nil:
			t.Errorf("%v (pydicom: %s, %s)", err, parse, pixels)
		case pixels == "" && sha == "":
			without++
		case sha != want:
			t.Errorf("%s: digest %.16s, want %.16s (%s %s)", name, sha, want, c[7], c[8])
		default:
			equal++
		}
	}
	t.Logf("%d files: %d with equal pixels, %d without pixels, %d exceptions", len(rows), equal, without, excepted)
	t.Logf("slowest: %v, %s", slowest, slow)
	if len(rows) != 621 || equal != 516 || without != 89 {
		t.Error("the set is not the known one")
	}
}

// digest reads a file as ingest does and returns the SHA-256 of its stored values, "" where
// there are none, and what was allocated to read the header and the costliest frame, beyond the
// frame itself: more than is ever held at once.
func digest(name string, b []byte) (taken uint64, sha string, err error) {
	start := allocated()
	in, err := ReadInstance(name, b)
	header := allocated() - start
	if err != nil || !in.HasPixels {
		return header, "", err
	}
	h := sha256.New()
	for i := range in.Frames {
		start := allocated()
		s, err := in.Stored(i)
		if err != nil {
			return header, "", err
		}
		n := allocated() - start
		taken = max(taken, n-min(n, uint64(len(s.Data))))
		h.Write(s.Data)
	}
	return header + taken, hex.EncodeToString(h.Sum(nil)), nil
}

// allocated returns the bytes that this process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Every prefix and many small changes of the set's smallest files: an error with
// a reason, or an instance, and never a panic.
func conformanceDamaged(t *testing.T, files map[string][]byte) {
	tried := 0
	for name, b := range files {
		if len(b) > 8<<10 || name == "reference.tsv" {
			continue
		}
		for k := 0; k < len(b); k += 1 + len(b)/40 {
			cut, changed := b[:k], bytes.Clone(b)
			changed[k] ^= 0xff
			for _, damaged := range [][]byte{cut, changed} {
				tried++
				in, err := ReadInstance(name, damaged)
				if err != nil {
					if ReasonOf(err) == "" {
						t.Fatalf("%s at %d: an error without a reason: %v", name, k, err)
					}
					continue
				}
				if in.HasPixels {
					if _, err := in.Stored(0); err != nil && ReasonOf(err) == "" {
						t.Fatalf("%s at %d: an error without a reason: %v", name, k, err)
					}
				}
			}
		}
	}
	t.Logf("%d damaged files", tried)
}
