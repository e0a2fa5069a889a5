package dicomio

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fullSlice has no field that is zero, as the test below makes sure.
func fullSlice() slice {
	return slice{
		sop: "1.2.3", frame: 4, order: -5, file: [16]byte{2, 15: 254}, visit: 3, ofMany: true, rows: 6, cols: 7,
		position: [3]float64{-1.5, 2, 3}, row: [3]float64{0.6, 0.8, 1e-9}, col: [3]float64{0.8, -0.6, 2e-9}, spacing: [2]float64{0.5, 0.25},
		space: "1.2.4", localiser: true, inverted: true,
		phase: phase{
			stack: "a", echo: 1.25, bvalue: -1, gradient: "+1.000 +0.000 +0.000", temporal: 2, kind: `ORIGINAL\PRIMARY`,
			trigger: 10.5, dimension: "[3]", acquisition: 8,
		},
		pixels: stored{
			kind: Int16, offset: 1 << 40, digest: [16]byte{1, 15: 255}, slope: 0.1, intercept: -1024, padded: true, padLow: -2000, padHigh: -1999,
		},
	}
}

// What is kept of a slice comes back, every field of it; what was cut off or
// changed does not.
func TestBlocks(t *testing.T) {
	var zero func(v reflect.Value, name string)
	zero = func(v reflect.Value, name string) {
		if v.Kind() == reflect.Struct {
			for i := range v.NumField() {
				zero(v.Field(i), name+"."+v.Type().Field(i).Name)
			}
		} else if v.IsZero() {
			t.Errorf("fullSlice: %s is zero: add it there and to coder", name)
		}
	}
	zero(reflect.ValueOf(fullSlice()), "slice")
	sp, err := openSpill(t.TempDir() + "/slices")
	if err != nil {
		t.Fatal(err)
	}
	defer sp.file.Close()
	sp.write([]byte("something before"))
	want := []slice{fullSlice(), {sop: "1.2.5"}}
	bl, raw, err := sp.keepFacts(want)
	if err != nil {
		t.Fatal(err)
	}
	got, read, err := sp.facts(bl)
	exact := cmp.AllowUnexported(slice{}, phase{}, stored{})
	if d := cmp.Diff(want, got, exact); err != nil || d != "" || string(read) != string(raw) {
		t.Errorf("%v: %s", err, d)
	}
	all, err := sp.slices([]block{bl, bl})
	if err != nil || len(all) != 4 {
		t.Errorf("%d slices of two blocks (%v), want 4", len(all), err)
	}
	for _, bad := range []block{
		{bl.offset, bl.size - 1, 2}, {bl.offset, bl.size, 1}, {bl.offset, bl.size, 1 << 30}, {bl.offset - 1, bl.size, 2}, {1 << 40, 8, 1},
	} {
		if all, _, err := sp.facts(bad); err == nil {
			t.Errorf("%+v: %d slices, want an error", bad, len(all))
		}
	}
}
