package dicomio

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"

	"oncovox/volume"
)

// niftiGrids calls visit with each volume of a NIfTI file. It fails with Malformed,
// or with visit's error.
func niftiGrids(b []byte, visit func(i, n int, g grid) error) error {
	var own error
	err := volume.DecodeNIfTISeries(bytes.NewReader(b), func(i, n int, v *volume.Volume) error {
		own = visit(i, n, niftiGrid(v))
		return own
	})
	if own == nil && err != nil {
		return refuse(Malformed, "NIfTI: %v", err)
	}
	return own
}

func niftiGrid(v *volume.Volume) grid {
	g := grid{Geometry: v.Geometry, kind: Int16, inFile: -1}
	for _, x := range v.Data {
		if x != float32(int16(x)) {
			g.kind = Float32
			break
		}
	}
	g.voxels = make([]byte, 0, len(v.Data)*g.kind.Size())
	for _, x := range v.Data {
		if g.kind == Int16 {
			g.voxels = binary.LittleEndian.AppendUint16(g.voxels, uint16(int16(x)))
		} else {
			g.voxels = binary.LittleEndian.AppendUint32(g.voxels, math.Float32bits(x))
		}
	}
	return g
}

// A labelFile is a NIfTI file of labels, until the names of its values are known.
type labelFile struct {
	name   string // caseName
	folder string // that of its dataset.json
	values map[int][]segmentFrame
}

// parseLabelFile takes the planes of every value but 0. It fails with Malformed
// or BadLabels, and with TooLarge.
func parseLabelFile(name string, b []byte) (*labelFile, error) {
	v, err := volume.DecodeNIfTI(bytes.NewReader(b))
	if err != nil {
		return nil, refuse(Malformed, "NIfTI: %v", err)
	}
	l := &labelFile{caseName(name), path.Dir(path.Dir(name)), map[int][]segmentFrame{}}
	spacing, size := v.SpacingMM(), v.Shape[1]*v.Shape[2]
	kept := 0
	for z := range v.Shape[0] {
		plane := v.Data[z*size:][:size]
		of := segmentFrame{placed: true, plane: slice{
			rows: v.Shape[1], cols: v.Shape[2], position: v.LPS([3]float64{float64(z), 0, 0}), spacing: [2]float64{spacing[1], spacing[2]},
		}}
		for r := range 3 {
			of.plane.row[r], of.plane.col[r] = v.Affine[r][2]/spacing[2], v.Affine[r][1]/spacing[1]
		}
		of.fault = ReasonOf(of.plane.straighten())
		var seen [256]bool
		for _, x := range plane {
			if !(x >= 0 && x <= 255) || x != float32(uint8(x)) {
				return nil, refuse(BadLabels, "values other than whole numbers from 0 to 255")
			}
			seen[uint8(x)] = true
		}
		for value := 1; value < 256; value++ {
			if !seen[value] {
				continue
			}
			of.bits, _ = newBitBox(size, v.Shape[2], func(i int) bool { return plane[i] == float32(value) })
			if kept += len(of.bits.bits); kept > maxSegmentBytes {
				return nil, refuse(TooLarge, "labels of more than %d bytes", maxSegmentBytes)
			}
			l.values[value] = append(l.values[value], of)
		}
	}
	return l, nil
}

// parseNames takes the names of values from a dataset.json, as the Decathlon has
// them ({"1": "tumour"}) or as nnU-Net does ({"tumour": 1}, {"whole": [1, 2]});
// nil if it has none.
func parseNames(b []byte) map[int][]string {
	var d struct {
		Labels map[string]any `json:"labels"`
	}
	if len(b) > maxAnnotationBytes || json.Unmarshal(b, &d) != nil {
		return nil
	}
	names := map[int][]string{}
	add := func(value any, name string) {
		if v, ok := value.(float64); ok {
			names[int(v)] = append(names[int(v)], name)
		}
	}
	for key, value := range d.Labels {
		if name, ok := value.(string); ok {
			if n, err := strconv.Atoi(key); err == nil {
				names[n] = append(names[n], name)
			}
			continue
		}
		add(value, key)
		if all, ok := value.([]any); ok {
			for _, v := range all {
				add(v, key)
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return names
}

// set returns the lesions of l: the voxels of all values whose names are those of
// lesions, or of all values where names is nil. A file of labels does not tell tumours
// apart, so that each connected piece is one.
func (l *labelFile) set(names map[int][]string, cfg Config) labelSet {
	set := labelSet{kind: labelVolume, sop: "labels of " + l.name, series: []string{l.name}, pieces: true}
	for n := range 10 { // channels, as nnU-Net names them
		set.series = append(set.series, fmt.Sprintf("%s_%04d", l.name, n))
	}
	r := roi{number: 1}
	for value := 1; value < 256; value++ {
		frames := l.values[value]
		if names != nil && !cfg.isLesion(names[value]...) {
			if len(frames) > 0 {
				set.others++
			}
			continue
		}
		set.named++ // whether or not this scan has any
		r.frames = append(r.frames, frames...)
	}
	if len(r.frames) > 0 {
		set.rois = []roi{r}
	}
	slices.Sort(set.series)
	return set
}
