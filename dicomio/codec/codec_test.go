package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

const pictureRows, pictureColumns = 37, 41

// picture is the image that testdata/make.py has encoded: slopes, edges, noise and
// a flat part. The sides are no multiple of anything.
func picture(s Shape, bits int, signed bool) []byte {
	b := make([]byte, 0, s.Len())
	for y := range s.Rows {
		for x := range s.Columns {
			for k := range s.Samples {
				base := x*7 + y*5 + k*31 + x*y/3 + ((x/8+y/8)%2)*40
				noise := ((x*x*31 + y*y*17 + x*y*13 + k*101) >> 2) % 9
				v := base*(1<<bits-16)/1200 + noise
				if x >= 10 && x < 25 && y >= 12 && y < 20 {
					v = 1 << (bits - 1)
				}
				if signed {
					v -= 1 << (bits - 1)
				}
				b = append(b, byte(v))
				if s.Bytes == 2 {
					b = append(b, byte(v>>8))
				}
			}
		}
	}
	return b
}

// A stream is a file of testdata, and what its name tells.
type stream struct {
	name   string
	src    []byte
	shape  Shape
	bits   int
	signed bool
	want   []byte // what it decodes to, unless loss takes something away
}

func streams(t testing.TB) []stream {
	var all []stream
	for _, pattern := range []string{"*.jpg", "*.jls", "*.j2k", "*.jp2"} {
		paths, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no %s in testdata: %v", pattern, err)
		}
		for _, p := range paths {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(p), filepath.Ext(p))
			f := strings.Split(name, "-")
			bits, _ := strconv.Atoi(strings.TrimRight(f[len(f)-2], "us"))
			samples, _ := strconv.Atoi(f[len(f)-1])
			s := stream{name: name, src: b, bits: bits, signed: strings.HasSuffix(f[len(f)-2], "s")}
			s.shape = Shape{Rows: pictureRows, Columns: pictureColumns, Samples: samples, Bytes: (bits + 7) / 8}
			if s.want, err = os.ReadFile(strings.TrimSuffix(p, filepath.Ext(p)) + ".raw"); err != nil {
				s.want = picture(s.shape, s.bits, s.signed)
			}
			all = append(all, s)
		}
	}
	return all
}

func sample(b []byte, k, size int, signed bool) int {
	if size == 1 {
		return int(b[k])
	}
	v := binary.LittleEndian.Uint16(b[2*k:])
	if signed {
		return int(int16(v))
	}
	return int(v)
}

// Codestreams of other encoders give the picture back: exactly where they are
// lossless, and within what their loss allows elsewhere. The chroma of a made
// picture suffers most where it is halved.
func TestDecode(t *testing.T) {
	tolerance := func(name string) int {
		switch {
		case strings.Contains(name, "lossless"), strings.Contains(name, "presets"):
			return 0
		case strings.Contains(name, "near2"):
			return 2
		case strings.Contains(name, "j2k-lossy-12u"):
			return 16 // of 4,096, at 60 dB
		case strings.Contains(name, "-12u"):
			return 40 // of 4,096
		case strings.Contains(name, "j2k-lossy-ht-8u-1"):
			return 1 // as OpenJPH and OpenJPEG
		case strings.Contains(name, "jpeg-baseline-8u-1"), strings.Contains(name, "jpeg-progressive-8u-1"):
			return 8
		}
		return 256 // colours that were changed before they were coded: see TestColour
	}
	for _, s := range streams(t) {
		t.Run(s.name, func(t *testing.T) {
			got := make([]byte, s.shape.Len())
			if err := Decode(got, s.src, s.shape); err != nil {
				t.Fatal(err)
			}
			want := s.want
			worst := 0
			for k := range len(got) / s.shape.Bytes {
				d := sample(got, k, s.shape.Bytes, s.signed) - sample(want, k, s.shape.Bytes, s.signed)
				worst = max(worst, d, -d)
			}
			if worst > tolerance(s.name) {
				t.Errorf("off by %d, tolerance %d", worst, tolerance(s.name))
			}
		})
	}
}

// Colour codestreams with loss, against the picture in the colours that were
// coded (ITU-T T.871 for JPEG; JPEG 2000 undoes its own).
func TestColour(t *testing.T) {
	for _, s := range streams(t) {
		tolerance := map[string]int{
			"jpeg-baseline-444-8u-3": 10, "jpeg-baseline-422-8u-3": 45, "jpeg-baseline-411-8u-3": 60,
			"jpeg-progressive-422-8u-3": 45, "j2k-lossy-8u-3": 10, "j2k-lossy-ht-8u-3": 3,
		}[s.name]
		if tolerance == 0 {
			continue
		}
		got, want := make([]byte, s.shape.Len()), picture(s.shape, 8, false)
		if err := Decode(got, s.src, s.shape); err != nil {
			t.Fatal(err)
		}
		worst, sum := 0, 0
		for k := 0; k < len(got); k += 3 {
			w := [3]float64{float64(want[k]), float64(want[k+1]), float64(want[k+2])}
			if !strings.Contains(s.name, "444") && !strings.Contains(s.name, "j2k") { // make.py's 444 is coded as RGB
				r, g, b := w[0], w[1], w[2]
				w = [3]float64{0.299*r + 0.587*g + 0.114*b, 128 - 0.168736*r - 0.331264*g + 0.5*b, 128 + 0.5*r - 0.418688*g - 0.081312*b}
			}
			for i := range w {
				d := int(got[k+i]) - int(w[i]+0.5)
				worst, sum = max(worst, d, -d), sum+max(d, -d)
			}
		}
		if mean := float64(sum) / float64(len(got)); worst > tolerance || !(mean <= 3) {
			t.Errorf("%s: off by %d (tolerance %d), %.2f in the mean", s.name, worst, tolerance, mean)
		}
	}
}

// Where loss brings samples beyond the bits that are used, they get the largest value; without
// loss, what lies beyond is the caller's.
func TestDecodeOvershoot(t *testing.T) {
	for _, s := range streams(t) {
		clamps := map[string]bool{"jpeg-extended-12u-1": true, "j2k-lossy-12u-1": true, "jpeg-lossless-p1-12u-1": false, "j2k-lossless-flat-12u-1": false}
		clamped, known := clamps[s.name]
		if !known {
			continue
		}
		whole, used := make([]byte, s.shape.Len()), make([]byte, s.shape.Len())
		errWhole := Decode(whole, s.src, s.shape)
		s.shape.Bits = 10
		if err := Decode(used, s.src, s.shape); err != nil || errWhole != nil {
			t.Fatal(err, errWhole)
		}
		beyond := 0
		for k := range len(whole) / 2 {
			want := sample(whole, k, 2, false)
			if want >= 1024 {
				beyond++
			}
			if clamped {
				want = min(want, 1023)
			}
			if got := sample(used, k, 2, false); got != want {
				t.Fatalf("%s: %d, want %d", s.name, got, want)
			}
		}
		if beyond == 0 {
			t.Errorf("%s holds no sample beyond 10 bits", s.name)
		}
	}
}

// What is cut, is not the frame that the header describes, or is no codestream
// gives an error, never a part of an image.
func TestDecodeRefuses(t *testing.T) {
	for _, s := range streams(t) {
		dst := make([]byte, s.shape.Len())
		for _, n := range []int{0, 1, 3, 20, len(s.src) / 4, len(s.src) / 2} {
			if err := Decode(dst, s.src[:n], s.shape); !errors.Is(err, ErrFormat) {
				t.Errorf("%s, its first %d bytes: %v", s.name, n, err)
			}
		}
		for _, other := range []Shape{
			{Rows: s.shape.Rows + 1, Columns: s.shape.Columns, Samples: s.shape.Samples, Bytes: s.shape.Bytes},
			{Rows: s.shape.Rows, Columns: s.shape.Columns - 1, Samples: s.shape.Samples, Bytes: s.shape.Bytes},
			{Rows: s.shape.Rows, Columns: s.shape.Columns, Samples: 4 - s.shape.Samples, Bytes: s.shape.Bytes},
		} {
			if err := Decode(make([]byte, other.Len()), s.src, other); !errors.Is(err, ErrFormat) {
				t.Errorf("%s as %+v: %v", s.name, other, err)
			}
		}
	}
}

// packRLE codes rows of one segment a byte of each sample, in runs where there are any.
func packRLE(b []byte, s Shape) []byte {
	n := s.Samples * s.Bytes
	header := make([]byte, 64)
	binary.LittleEndian.PutUint32(header, uint32(n))
	var body []byte
	for k := range n {
		binary.LittleEndian.PutUint32(header[4+4*k:], uint32(64+len(body)))
		var seg []byte
		for i := (k/s.Bytes)*s.Bytes + s.Bytes - 1 - k%s.Bytes; i < len(b); i += n {
			seg = append(seg, b[i])
		}
		for i := 0; i < len(seg); {
			run := 1
			for i+run < len(seg) && run < 128 && seg[i+run] == seg[i] {
				run++
			}
			if run > 1 {
				body = append(body, byte(257-run), seg[i])
			} else {
				body = append(body, 0, seg[i])
			}
			i += run
		}
	}
	return append(header, body...)
}

func TestRLE(t *testing.T) {
	for _, n := range [][2]int{{1, 1}, {3, 1}, {1, 2}, {3, 2}} {
		s := Shape{Rows: 37, Columns: 41, Samples: n[0], Bytes: n[1]}
		want := picture(s, 8*s.Bytes, false)
		src := packRLE(want, s)
		got := make([]byte, s.Len())
		if err := RLE(got, src, s); err != nil || string(got) != string(want) {
			t.Errorf("%+v: %v", s, err)
		}
		for _, n := range []int{0, 63, 64, len(src) - 1} {
			if err := RLE(got, src[:n], s); !errors.Is(err, ErrFormat) {
				t.Errorf("%+v, first %d bytes: %v", s, n, err)
			}
		}
		src[4] = 63 // the first segment would begin in the header
		if err := RLE(got, src, s); !errors.Is(err, ErrFormat) {
			t.Errorf("%+v, segment in the header: %v", s, err)
		}
	}
}

// fuzzDecode checks that no bytes make a decoder panic, write elsewhere or take memory out of
// proportion: of a frame of 12 kB, what the tables and code-blocks of the smallest size cost.
func fuzzDecode(f *testing.F, prefix string, decode func(dst, src []byte, s Shape) error) {
	for _, s := range streams(f) {
		if strings.HasPrefix(s.name, prefix) {
			f.Add(s.src, uint8(s.shape.Samples), uint8(s.shape.Bytes))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, samples, size uint8) {
		s := Shape{Rows: pictureRows, Columns: pictureColumns, Samples: int(samples%4) + 1, Bytes: int(size%2) + 1}
		dst := make([]byte, s.Len())
		before := allocated()
		err := decode(dst, src, s)
		if n := allocated() - before; n > 16<<20+64*uint64(len(src)) {
			t.Fatalf("%d bytes allocated for a codestream of %d", n, len(src))
		}
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) {
			t.Fatalf("an error of no class: %v", err)
		}
	})
}

// allocated returns the bytes that this process has allocated so far.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func FuzzJPEG(f *testing.F)   { fuzzDecode(f, "jpeg-", JPEG) }
func FuzzJPEGLS(f *testing.F) { fuzzDecode(f, "jpegls-", JPEGLS) }
func FuzzJPEG2000(f *testing.F) {
	plain, high, _ := stream8(f)
	f.Add(declared(plain, high), uint8(1), uint8(0))
	fuzzDecode(f, "j2k-", JPEG2000)
}

// FuzzHTJ2K breaks the packets of high-throughput codestreams, and leaves the headers before.
func FuzzHTJ2K(f *testing.F) {
	var all []stream
	for _, s := range streams(f) {
		if strings.Contains(s.name, "-ht-") {
			f.Add(s.src[packets(s.src):], uint8(len(all)))
			all = append(all, s)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		s := all[int(which)%len(all)]
		head := bytes.Clone(s.src[:packets(s.src)])
		binary.BigEndian.PutUint32(head[len(head)-8:], 0) // the tile-part goes on up to the end
		err := JPEG2000(make([]byte, s.shape.Len()), append(head, body...), s.shape)
		if err != nil && !errors.Is(err, ErrFormat) && !errors.Is(err, ErrUnsupported) {
			t.Fatalf("an error of no class: %v", err)
		}
	})
}

// packets returns where the first packet begins.
func packets(src []byte) int { return bytes.Index(src, []byte{0xff, mSOD}) + 2 }

func FuzzRLE(f *testing.F) {
	s := Shape{Rows: pictureRows, Columns: pictureColumns, Samples: 1, Bytes: 2}
	f.Add(packRLE(picture(s, 16, false), s), uint8(0), uint8(1))
	fuzzDecode(f, "none", RLE)
}

func FuzzDeflate(f *testing.F) {
	s := Shape{Rows: pictureRows, Columns: pictureColumns, Samples: 1, Bytes: 2}
	f.Add(deflated(f, picture(s, 16, false)), uint8(0), uint8(1))
	fuzzDecode(f, "none", func(dst, src []byte, _ Shape) error { return Deflate(dst, src) })
}

func deflated(t testing.TB, b []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestDeflate(t *testing.T) {
	want := picture(Shape{Rows: pictureRows, Columns: pictureColumns, Samples: 3, Bytes: 1}, 8, false)
	src := deflated(t, want)
	got := make([]byte, len(want))
	if err := Deflate(got, append(src, 0)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("with a byte of padding: %v", err)
	}
	for _, n := range []int{0, 1, len(src) / 2} {
		if err := Deflate(got, src[:n]); !errors.Is(err, ErrFormat) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
}

// A CT-like frame: 512 x 512, 12 bits in 16.
func BenchmarkDecode(b *testing.B) {
	for _, s := range streams(b) {
		switch s.name {
		case "jpeg-baseline-8u-1", "jpeg-extended-12u-1", "jpeg-lossless-p1-12u-1", "jpegls-lossless-12u-1", "j2k-lossy-12u-1", "j2k-lossless-16s-1":
			b.Run(s.name, func(b *testing.B) {
				dst := make([]byte, s.shape.Len())
				b.SetBytes(int64(len(dst)))
				b.ReportAllocs()
				for b.Loop() {
					if err := Decode(dst, s.src, s.shape); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
