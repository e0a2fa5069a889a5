package dicomio

import (
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"oncovox/volume"
)

// Encoders of functional groups.
func elPlace(z float64) element {
	return elSequence(0x00209113, []element{elText(0x00200032, "DS", fmt.Sprintf(`0\0\%g`, z))})
}

func elContent(temporal int, index ...uint32) element {
	var raw []byte
	for _, n := range index {
		raw = binary.LittleEndian.AppendUint32(raw, n)
	}
	c := []element{elText(0x00209128, "SH", ""), {0x00209157, append(binary.LittleEndian.AppendUint16(elHead(0x00209157, "UL"), uint16(len(raw))), raw...)}}
	if temporal > 0 {
		n := binary.LittleEndian.AppendUint16(elHead(0x00209128, "UL"), 4)
		c[0] = element{0x00209128, binary.LittleEndian.AppendUint32(n, uint32(temporal))}
	} else {
		c = c[1:]
	}
	return elSequence(0x00209111, c)
}

func elDoubles(tag uint32, values ...float64) element {
	b := binary.LittleEndian.AppendUint16(elHead(tag, "FD"), uint16(8*len(values)))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return element{tag, b}
}

func elDiffusion(b float64, direction ...float64) element {
	all := []element{elDoubles(0x00189087, b)}
	if len(direction) > 0 {
		all = append(all, elSequence(0x00189076, []element{elDoubles(0x00189089, direction...)}))
	}
	return elSequence(0x00189117, all)
}

func elPointers(tags ...uint32) element {
	var items [][]element
	for _, t := range tags {
		b := binary.LittleEndian.AppendUint16(elHead(0x00209165, "AT"), 4)
		b = binary.LittleEndian.AppendUint16(b, uint16(t>>16))
		items = append(items, []element{{0x00209165, binary.LittleEndian.AppendUint16(b, uint16(t))}})
	}
	return elSequence(0x00209222, items...)
}

func elRescale(slope float64, kind string) element {
	return elSequence(0x00289145, []element{
		elText(0x00281052, "DS", "0"), elText(0x00281053, "DS", fmt.Sprint(slope)), elText(0x00281054, "LO", kind),
	})
}

// enhancedFile is an enhanced object of 4x4 frames, frame i of which is all 1+i.
func enhancedFile(modality string, frames [][]element, more ...element) []byte {
	var pixels []byte
	for i := range frames {
		for range 4 * 4 {
			pixels = binary.LittleEndian.AppendUint16(pixels, uint16(1+i))
		}
	}
	all := []element{
		elText(0x00080060, "CS", modality), elText(0x0020000e, "UI", secretUID+"2"), elText(0x0020000d, "UI", secretUID+"3"),
		elShort(0x00280002, 1), elText(0x00280004, "CS", "MONOCHROME2"), elText(0x00280008, "IS", fmt.Sprint(len(frames))),
		elShort(0x00280010, 4), elShort(0x00280011, 4),
		elShort(0x00280100, 16), elShort(0x00280101, 16), elShort(0x00280102, 15), elShort(0x00280103, 0),
		elSequence(0x52009229, []element{
			elSequence(0x00209116, []element{elText(0x00200037, "DS", `1\0\0\0\1\0`)}),
			elSequence(0x00289110, []element{elText(0x00280030, "DS", `1\1`)}),
		}),
		elSequence(0x52009230, frames...), elLong(0x7fe00010, "OW", pixels),
	}
	return dicomFile("1.2.840.10008.5.1.4.1.1.4.1", secretUID+"1", append(all, more...)...)
}

// Frames of one object that share places are told apart by their functional
// groups, or refused.
func TestEnhancedSplits(t *testing.T) {
	every := func(n int, of func(i int) []element) (frames [][]element) {
		for i := range n {
			frames = append(frames, of(i))
		}
		return frames
	}
	const inStack, temporalIndex, private = 0x00209057, 0x00209128, 0x20051413
	tests := []struct {
		name   string
		frames [][]element
		more   []element
		want   string
	}{
		{"time", every(8, func(i int) []element { return []element{elPlace(float64(i % 4)), elContent(1 + i/4)} }), nil,
			"split split-by-temporal-position split-by-temporal-position"},
		{"b-value and direction", every(12, func(i int) []element {
			d := [][]float64{nil, {1, 0, 0}, {0, 1, 0}}[i/4]
			return []element{elPlace(float64(i % 4)), elDiffusion(min(1000, float64(i/4)*1000), d...)}
		}), nil, "split split-by-b-value split-by-b-value+gradient split-by-b-value+gradient"},
		{"frame type", every(8, func(i int) []element {
			return []element{elPlace(float64(i % 4)), elSequence(0x00189226, []element{elText(0x00089007, "CS", `ORIGINAL\PRIMARY\`+"MR"[i/4:][:1])})}
		}), nil, "split split-by-image-type split-by-image-type"},
		{"heartbeat", every(8, func(i int) []element {
			return []element{elPlace(float64(i % 4)), elSequence(0x00189118, []element{elDoubles(0x00209153, float64(i/4)*50)})}
		}), nil, "split split-by-trigger-time split-by-trigger-time"},
		{"a dimension of the maker's own", every(8, func(i int) []element {
			return []element{elPlace(float64(i % 4)), elContent(0, uint32(1+i%4), uint32(1+i/4))}
		}), []element{elPointers(inStack, private)}, "split split-by-dimension split-by-dimension"},
		{"a dimension that is the place", every(4, func(i int) []element {
			return []element{elPlace(float64(i)), elContent(0, uint32(1+i), 1)}
		}), []element{elPointers(inStack, temporalIndex)}, "volume"},
		{"orientation", every(8, func(i int) []element {
			return []element{elPlace(float64(i % 4)), elSequence(0x00209116, []element{elText(0x00200037, "DS", [2]string{`1\0\0\0\1\0`, `1\0\0\0\-1\0`}[i/4])})}
		}), nil, "split split-by-orientation split-by-orientation"},
		{"nothing", every(8, func(i int) []element { return []element{elPlace(float64(i % 4))} }), nil, "refused duplicate-positions"},
		{"no place", every(4, func(i int) []element { return []element{elContent(1)} }), nil, "refused no-geometry"},
		{"one frame without a place", every(4, func(i int) []element { return [][]element{{elPlace(0)}, {elPlace(1)}, {elPlace(2)}, nil}[i] }), nil, "refused no-geometry"},
	}
	for _, tt := range tests {
		cfg := Default()
		cfg.MaxRefused = 1
		out, err := ingest(t, cfg, writeFolder(t, enhancedFile("MR", tt.frames, tt.more...)))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := strings.Fields(summary(t, out))
		slices.Sort(got[1:])
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, s, tt.want)
		}
	}
}

// A rescale of frames to other than HU makes no CT in HU.
func TestEnhancedUnit(t *testing.T) {
	for kinds, want := range map[[2]string]string{{"HU", "HU"}: "HU", {"", ""}: "HU", {"US", "US"}: "", {"HU", "MGML"}: ""} {
		var frames [][]element
		for i := range 4 {
			frames = append(frames, []element{elPlace(float64(i)), elRescale(1, kinds[i%2])})
		}
		out, err := ingest(t, Default(), writeFolder(t, enhancedFile("CT", frames)))
		if err != nil {
			t.Fatal(err)
		}
		if got := rowsOf[volume.Record](t, out, "volumes.jsonl")[0].Unit; got != want {
			t.Errorf("rescale types %q: unit %q, want %q", kinds, got, want)
		}
	}
}

// An enhanced PET object says its units in the mappings of its frames and its
// corrections by flags. SUV by hand: Bq/ml x grams / dose at the moment that
// decay was corrected to, one half-life after the injection. Float32: 1e-6.
func TestEnhancedPET(t *testing.T) {
	mapped := func(unit string) element {
		return elSequence(0x00409096,
			[]element{elSequence(0x004008ea, []element{elText(0x00080100, "SH", "1")}), elDoubles(0x00409225, 7)},
			[]element{elSequence(0x004008ea, []element{elText(0x00080100, "SH", unit)}), elDoubles(0x00409224, 0), elDoubles(0x00409225, 100)})
	}
	for unit, want := range map[string]float64{"Bq/ml": 100 * 70000 / (2e8 / 2), "{SUVbw}g/ml": 100, "cm2/ml": 0} {
		var frames [][]element
		for i := range 4 {
			frames = append(frames, []element{elPlace(float64(i)), elRescale(5, "US"), mapped(unit)})
		}
		cfg := Default()
		cfg.MaxRefused = 1
		out, err := ingest(t, cfg, writeFolder(t, enhancedFile("PT", frames,
			elText(0x00189758, "CS", "YES"), elText(0x00189759, "CS", "YES"), elText(0x00189701, "DT", "20200101115000"), elText(0x00101030, "DS", "70"),
			elSequence(0x00540016, []element{
				elText(0x00181078, "DT", "20200101100000"), elText(0x00181074, "DS", "2E8"), elText(0x00181075, "DS", "6600"),
			}))))
		if err != nil {
			t.Fatal(err)
		}
		if want == 0 {
			if got := summary(t, out); got != "refused suv-units" {
				t.Errorf("%s: %s", unit, got)
			}
			continue
		}
		r := rowsOf[volume.Record](t, out, "volumes.jsonl")[0]
		v, err := volume.Read(filepath.Join(out, "volumes", r.ID))
		if err != nil {
			t.Fatal(err)
		}
		if got := float64(v.At(2, 1, 1)) / (3 * want); !(math.Abs(got-1) <= 1e-6) || r.Unit != "SUV" {
			t.Errorf("%s: %v in %q, want %v", unit, v.At(2, 1, 1), r.Unit, 3*want)
		}
	}
}

// Enhanced objects of the conformance set: the affines of dcm2niix
// 1.0.20220720, to 1e-3 mm, and the voxels of the same images stored one a file.
func TestRealEnhanced(t *testing.T) {
	root := extract(t, realData(t, "dicom-conformance.tar.xz"), func(name string) string {
		_, name, _ = strings.Cut(name, "/conformance/")
		if strings.Contains(name, "dcmqi/segmentations/2") || strings.Contains(name, "hyperfine") || strings.Contains(name, "siemens_multiframe") {
			return name
		}
		return ""
	})
	one := func(folder string) *volume.Volume {
		out, err := ingest(t, Default(), filepath.Join(root, folder))
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(t, out); got != "volume" {
			t.Fatalf("%s: %s", folder, got)
		}
		v, err := volume.Read(filepath.Join(out, "volumes", rowsOf[volume.Record](t, out, "volumes.jsonl")[0].ID))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for folder, want := range map[string]volume.Affine{ // z, y, x steps and origin, LPS
		"dicom2nifti/tests/data/hyperfine/anatomical/001": {{0, 0, 1.59, 0}, {0, 1.61, 0, 0}, {5, 0, 0, -175}},
		"dicom2nifti/tests/data/siemens_multiframe/anatomical/001": {
			{-0.03643, -0.00343, 0.93673, -117.018}, {-0.01971, 0.93727, 0.0026, -101.63}, {0.89905, 0.02046, 0.03802, -100.577}},
		"dicom-test-files/data/dcmqi/segmentations/23x38x3/multiframe": {{0, 0, 0.7, 46.4649}, {0, 0.7, 0, 5.01881}, {2.5, 0, 0, -177.75}},
	} {
		v := one(folder)
		for r := range want {
			for c := range want[r] {
				if diff := math.Abs(v.Affine[r][c] - want[r][c]); !(diff <= 1e-3) {
					t.Errorf("%s: affine %v, want %v", folder, v.Affine, want)
				}
			}
		}
	}
	for _, size := range []string{"23x38x3", "24x38x3"} {
		folder := "dicom-test-files/data/dcmqi/segmentations/" + size
		a, b := one(folder+"/image"), one(folder+"/multiframe")
		if a.Geometry != b.Geometry || !slices.Equal(a.Data, b.Data) {
			t.Errorf("%s: the enhanced object differs from its images", size)
		}
	}
}
