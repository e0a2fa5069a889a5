package dicomio

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"oncovox/volume"
)

// A scan is a made series: n axial slices of rows x cols, 2 mm apart, 0.5 mm
// pixels, stored values that name their voxel.
type scan struct {
	slices []slice
	spill  []byte
}

// add appends a slice at position, whose stored value at (y, x) is of(y, x).
func (sc *scan) add(position [3]float64, rows, cols int, of func(y, x int) int16) *slice {
	s := slice{
		sop: "1.2." + strconv.Itoa(len(sc.slices)+1), order: len(sc.slices) + 1, rows: rows, cols: cols,
		position: position, row: [3]float64{1, 0, 0}, col: [3]float64{0, 1, 0}, spacing: [2]float64{0.5, 0.5},
		phase: phase{bvalue: -1},
	}
	s.pixels = stored{kind: Int16, offset: int64(len(sc.spill)), slope: 1}
	for y := range rows {
		for x := range cols {
			sc.spill = binary.LittleEndian.AppendUint16(sc.spill, uint16(of(y, x)))
		}
	}
	s.pixels.digest[0] = byte(len(sc.slices) + 1)
	sc.slices = append(sc.slices, s)
	return &sc.slices[len(sc.slices)-1]
}

// stackOf is a scan with one slice at each of the heights z.
func stackOf(z ...float64) *scan {
	sc := &scan{}
	for i, z := range z {
		sc.add([3]float64{10, 20, z}, 4, 5, func(y, x int) int16 { return int16(100*i + 10*y + x) })
	}
	return sc
}

// shuffled returns the slices in another order.
func (sc *scan) shuffled() []slice {
	s := slices.Clone(sc.slices)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

func TestSplitAndLayOut(t *testing.T) {
	heights := []float64{0, 2, 4, 6, 8}
	tilt := func(sc *scan, perSlice float64) {
		for i := range sc.slices {
			sc.slices[i].position[1] += perSlice * float64(i)
		}
	}
	with := func(change func(c *Config)) Config { c := Default(); change(&c); return c }
	// want is what becomes of each part: "volume", its methods, or its reason.
	tests := []struct {
		name string
		cfg  Config
		scan func() *scan
		by   string
		want []string
	}{
		{"even", Default(), func() *scan { return stackOf(heights...) }, "", []string{"volume"}},
		{"rounded places", Default(), func() *scan { return stackOf(0, 0.63, 1.25, 1.88, 2.5, 3.13) }, "", []string{"volume"}},
		{"two", Default(), func() *scan { return stackOf(0, 2) }, "", []string{"too-few-slices"}},
		{"one", Default(), func() *scan { return stackOf(0) }, "", []string{"too-few-slices"}},
		{"missing", Default(), func() *scan { return stackOf(0, 2, 4, 8, 10) }, "", []string{"missing-slice"}},
		{"missing, filled", with(func(c *Config) { c.Gaps = fillIt }), func() *scan { return stackOf(0, 2, 4, 8, 10) }, "", []string{"gaps-filled"}},
		{"too many missing to fill", with(func(c *Config) { c.Gaps = fillIt }), func() *scan { return stackOf(0, 2, 4, 10, 12) }, "", []string{"missing-slice"}},
		{"uneven", Default(), func() *scan { return stackOf(0, 2, 4, 7, 9) }, "", []string{"uneven-spacing"}},
		{"slowly uneven", Default(), func() *scan { return stackOf(0, 2, 4.05, 6.15, 8.3, 10.5) }, "", []string{"uneven-spacing"}},
		{"no end of a gap", Default(), func() *scan { return stackOf(0, 0.02, 0.04, 9e4) }, "", []string{"uneven-spacing"}},
		{"one place", Default(), func() *scan { return stackOf(5, 5, 5, 5) }, "", []string{"one-position"}},
		{"a copy", Default(), func() *scan {
			sc := stackOf(heights...)
			sc.slices = append(sc.slices, sc.slices[2])
			return sc
		}, "", []string{"duplicates-dropped"}},
		{"the same under another UID", Default(), func() *scan {
			sc := stackOf(heights...)
			again := sc.slices[2]
			again.sop = "1.2.99"
			sc.slices = append(sc.slices, again)
			return sc
		}, "", []string{"duplicates-dropped"}},
		{"a place twice, other pixels", Default(), func() *scan { return stackOf(0, 2, 4, 4, 6, 8) }, "", []string{"duplicate-positions"}},
		{"shifted", Default(), func() *scan {
			sc := stackOf(heights...)
			sc.slices[2].position[0] += 0.2
			return sc
		}, "", []string{"shifted-slices"}},
		{"tilt", Default(), func() *scan { sc := stackOf(heights...); tilt(sc, 0.5); return sc }, "", []string{"gantry-tilt"}},
		{"tilt kept", with(func(c *Config) { c.Tilt = keepIt }), func() *scan { sc := stackOf(heights...); tilt(sc, 0.5); return sc }, "", []string{"tilt-in-affine"}},
		{"tilt straightened", with(func(c *Config) { c.Tilt = resampleIt }), func() *scan { sc := stackOf(heights...); tilt(sc, -0.25); return sc }, "", []string{"tilt-resampled"}},
		{"tilt beyond straightening", with(func(c *Config) { c.Tilt = resampleIt }), func() *scan { sc := stackOf(heights...); tilt(sc, 2); return sc }, "", []string{"gantry-tilt"}},
		{"a lean below half a degree", Default(), func() *scan { sc := stackOf(heights...); tilt(sc, 0.01); return sc }, "", []string{"volume"}},
		{"localiser", Default(), func() *scan {
			sc := stackOf(heights...)
			for i := range sc.slices {
				sc.slices[i].localiser = true
			}
			return sc
		}, "", []string{"localiser"}},
		{"two orientations", Default(), func() *scan {
			sc := stackOf(0, 2, 4, 6, 8, 10)
			for i := 3; i < 6; i++ {
				sc.slices[i].col = [3]float64{0, 0, -1} // coronal, stacked along y
				sc.slices[i].position = [3]float64{10, float64(i), 5}
			}
			return sc
		}, "orientation", []string{"volume", "volume"}},
		{"two sizes", Default(), func() *scan {
			sc := stackOf(heights...)
			sc.add([3]float64{0, 0, 2}, 3, 3, func(y, x int) int16 { return 0 })
			return sc
		}, "size", []string{"volume", "too-few-slices"}},
		{"two echoes", Default(), func() *scan {
			sc := stackOf(0, 0, 2, 2, 4, 4)
			for i := range sc.slices {
				sc.slices[i].phase.echo = []float64{5, 80}[i%2]
			}
			return sc
		}, "echo", []string{"volume", "volume"}},
		{"an echo time that says nothing", Default(), func() *scan {
			sc := stackOf(heights...)
			for i := range sc.slices {
				sc.slices[i].phase.echo = float64(i)
			}
			return sc
		}, "", []string{"volume"}},
		{"b-values, some of several directions", Default(), func() *scan {
			sc := stackOf(0, 2, 4, 0, 2, 4, 0, 2, 4)
			for i := range sc.slices {
				sc.slices[i].phase.bvalue = []float64{0, 1000, 1000}[i/3]
			}
			return sc
		}, "b-value+instance-order", []string{"volume", "volume", "volume"}},
		{"time points by number only", Default(), func() *scan { return stackOf(0, 2, 4, 6, 0, 2, 4, 6) }, "instance-order", []string{"volume", "volume"}},
		{"time points without order", Default(), func() *scan {
			sc := stackOf(0, 2, 4, 6, 0, 2, 4, 6)
			sc.slices[0].order = 7
			return sc
		}, "", []string{"duplicate-positions"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sc := tt.scan()
			parts := split(sc.shuffled())
			var got []string
			var by []string
			for _, p := range parts {
				if len(p.by) > len(by) {
					by = p.by
				}
				st, err := layOut(p, tt.cfg)
				switch {
				case err != nil:
					got = append(got, string(ReasonOf(err)))
				case len(st.methods) > 0:
					got = append(got, strings.Join(st.methods, ","))
				default:
					got = append(got, "volume")
				}
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if !slices.Equal(got, tt.want) || strings.Join(by, "+") != tt.by {
				t.Errorf("parts %q by %q, want %q by %q", got, by, tt.want, tt.by)
			}
		})
	}
}

// The affine places every slice where its own header puts it.
func TestAffineIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		// A random orientation, by Gram-Schmidt, and a random lean.
		row := unit([3]float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()})
		col := unit(cross(row, unit([3]float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()})))
		normal := cross(row, col)
		sc := stackOf(0, 1, 2, 3, 4, 5)
		for i := range sc.slices {
			s := &sc.slices[i]
			s.row, s.col, s.spacing = row, col, [2]float64{0.7, 0.4}
			for r := range 3 {
				s.position[r] = 50*row[r] - 30*col[r] + float64(i)*(2.5*normal[r]+0.3*row[r]-0.6*col[r])
			}
		}
		want := slices.Clone(sc.slices)
		cfg := Default()
		cfg.Tilt = keepIt
		parts := split(sc.shuffled())
		st, err := layOut(parts[0], cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range want {
			for r := range 3 {
				far := s.position[r] + 3*0.7*s.col[r] + 4*0.4*s.row[r]
				got := st.LPS([3]float64{float64(i), 3, 4})[r]
				if diff := math.Abs(got - far); !(diff <= 1e-9) {
					t.Fatalf("slice %d: last voxel at %v, want %v", i, got, far)
				}
			}
		}
	}
}

func unit(v [3]float64) [3]float64 { return scale(v, 1/math.Sqrt(dot(v, v))) }

func voxelsOf(t *testing.T, sc *scan, cfg Config, modality, unit string) (*stack, *volume.Volume, bool) {
	t.Helper()
	parts := split(sc.shuffled())
	if len(parts) != 1 {
		t.Fatalf("%d parts, want 1", len(parts))
	}
	st, err := layOut(parts[0], cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := st.render(bytes.NewReader(sc.spill), modality, unit, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	v := volume.New(st.Geometry)
	size := st.Shape[1] * st.Shape[2]
	for z := range st.Shape[0] {
		if _, err := r.plane(z, v.Data[z*size:][:size]); err != nil {
			t.Fatal(err)
		}
	}
	return st, v, r.filled
}

// Every slice has its own scale, and the voxels keep their places.
func TestVoxels(t *testing.T) {
	sc := stackOf(0, 2, 4)
	for i := range sc.slices {
		sc.slices[i].pixels.slope, sc.slices[i].pixels.intercept = float64(i+1), -float64(i)
	}
	_, v, filled := voxelsOf(t, sc, Default(), "PT", "SUV")
	if filled {
		t.Error("voxels were filled in")
	}
	for z := range 3 {
		for y := range 4 {
			for x := range 5 {
				want := float32((100*z+10*y+x)*(z+1) - z)
				if got := v.At(z, y, x); got != want {
					t.Fatalf("voxel (%d, %d, %d) is %v, want %v", z, y, x, got, want)
				}
			}
		}
	}
}

func TestVoxelsUnmeasured(t *testing.T) {
	for _, tt := range []struct {
		modality, unit string
		want           float32
	}{{"CT", "HU", -1000}, {"PT", "SUV", 0}, {"MR", "", 1}} {
		sc := stackOf(0, 2, 4)
		for i := range sc.slices {
			p := &sc.slices[i].pixels
			p.padded, p.padLow, p.padHigh = true, 0, 0
		}
		_, v, filled := voxelsOf(t, sc, Default(), tt.modality, tt.unit)
		if got := v.At(0, 0, 0); !filled || got != tt.want {
			t.Errorf("%s: padding became %v (filled %v), want %v", tt.modality, got, filled, tt.want)
		}
		if got := v.At(1, 2, 3); got != 123 {
			t.Errorf("%s: a measured voxel became %v", tt.modality, got)
		}
	}
}

func TestVoxelsInverted(t *testing.T) {
	sc := stackOf(0, 2, 4)
	for i := range sc.slices {
		sc.slices[i].inverted = true
	}
	if _, v, _ := voxelsOf(t, sc, Default(), "MR", ""); v.At(0, 0, 0) != 234 || v.At(2, 3, 4) != 0 {
		t.Errorf("MONOCHROME1: corners %v and %v, want 234 and 0", v.At(0, 0, 0), v.At(2, 3, 4))
	}
	if _, v, _ := voxelsOf(t, sc, Default(), "CT", "HU"); v.At(0, 0, 0) != 0 {
		t.Error("MONOCHROME1 turned Hounsfield units over")
	}
}

func TestVoxelsGapFilled(t *testing.T) {
	sc := stackOf(0, 2, 6, 8)
	cfg := Default()
	cfg.Gaps = fillIt
	_, v, _ := voxelsOf(t, sc, cfg, "CT", "HU")
	if got := v.At(2, 1, 1); got != 161 { // between 111 and 211
		t.Errorf("the missing plane holds %v, want 161", got)
	}
}

// A straightened tilt shows the same linear field at the same places of the
// patient, within a rounding of float32, and nothing beyond the slices.
func TestVoxelsStraightened(t *testing.T) {
	field := func(p [3]float64) float64 { return 4*p[0] + 8*p[1] } // whole numbers at the voxels below
	sc := &scan{}
	for i := range 5 {
		origin := [3]float64{3 - 0.75*float64(i), 1 + 0.25*float64(i), 2 * float64(i)}
		sc.add(origin, 12, 10, func(y, x int) int16 {
			return int16(field([3]float64{origin[0] + 0.5*float64(x), origin[1] + 0.5*float64(y), 0}))
		})
	}
	cfg := Default()
	cfg.Tilt = resampleIt
	st, v, filled := voxelsOf(t, sc, cfg, "CT", "HU")
	if s := st.SpacingMM(); s != [3]float64{2, 0.5, 0.5} || st.Affine[0][0] != 0 || st.Affine[1][0] != 0 {
		t.Errorf("spacing %v, affine %v: not straight", s, st.Affine)
	}
	measured := 0
	for z := range st.Shape[0] {
		for y := range st.Shape[1] {
			for x := range st.Shape[2] {
				got := float64(v.At(z, y, x))
				if got == airHU {
					continue
				}
				measured++
				want := field(st.LPS([3]float64{float64(z), float64(y), float64(x)}))
				if diff := math.Abs(got - want); !(diff <= 1e-4) {
					t.Fatalf("voxel (%d, %d, %d) is %v, want %v", z, y, x, got, want)
				}
			}
		}
	}
	if !filled || measured < 5*11*9 {
		t.Errorf("%d voxels measured, filled %v", measured, filled)
	}
}

func TestVoxelsShortSpill(t *testing.T) {
	sc := stackOf(0, 2, 4)
	sc.spill = sc.spill[:50]
	st, err := layOut(split(sc.slices)[0], Default())
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"HU", ""} {
		for i := range st.slices {
			st.slices[i].inverted = unit == "" // which needs a look at all planes first
		}
		r, err := st.render(bytes.NewReader(sc.spill), "CT", unit, 1, 2)
		if err == nil {
			_, err = volume.WritePlanes(filepath.Join(t.TempDir(), "v"), st.Geometry, "CT", unit, 2, r.plane)
		}
		if err == nil {
			t.Errorf("unit %q: a spill that ends early gave a volume", unit)
		}
	}
}

func FuzzLayOut(f *testing.F) {
	f.Add(0.0, 2.0, 4.0, 6.0, 0.5)
	f.Add(math.NaN(), math.Inf(1), -1e300, 1e-300, 1e5)
	f.Fuzz(func(t *testing.T, a, b, c, d, lean float64) {
		sc := stackOf(a, b, c, d)
		for i := range sc.slices {
			sc.slices[i].position[0] += lean * float64(i)
			if sc.slices[i].straighten() != nil {
				return
			}
		}
		cfg := Default()
		cfg.Tilt, cfg.Gaps = resampleIt, fillIt
		for _, p := range split(sc.slices) {
			st, err := layOut(p, cfg)
			if err == nil && (st.Voxels() > 100*4*5 || st.Validate() != nil) {
				t.Errorf("slices at %v %v %v %v, lean %v: shape %v", a, b, c, d, lean, st.Shape)
			}
			if err != nil && ReasonOf(err) == "" {
				t.Errorf("an error without a reason: %v", err)
			}
		}
	})
}
