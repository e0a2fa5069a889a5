package eval

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"oncovox/dataset"
	"oncovox/eval/metric"
	"oncovox/internal/stage"
	"oncovox/volume"
)

// masks reads the masks of scans by their ids. The error is fs.ErrNotExist where
// a scan has none; a nil function stands for none at all.
type masks struct {
	truth func(id string) (*volume.Mask, error) // of the lesions, each with its label
	found func(id string) (*volume.Mask, error) // of the detector, above 0 what it marks
}

// masksIn returns what reads the masks in a folder, ID.nii.gz each. The error is
// fs.ErrNotExist where there is no such folder.
func masksIn(dir string) (func(id string) (*volume.Mask, error), error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, err
	}
	return func(id string) (*volume.Mask, error) {
		name := id + ".nii.gz"
		if filepath.Base(name) != name {
			return nil, fmt.Errorf("%s: volume %.40q cannot be the name of a mask", dir, id)
		}
		return volume.ReadMaskNIfTI(filepath.Join(dir, name))
	}, nil
}

// read returns the masks of a scan, nil where it has none.
func (m masks) read(it dataset.Item) (truth, found *volume.Mask, err error) {
	if m.truth != nil {
		if truth, err = m.truth(it.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
	if m.found != nil {
		if found, err = m.found(it.ID); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
	grid := it.Geometry
	if truth != nil {
		grid = truth.Geometry
	}
	if found != nil && grid.Voxels() > 0 && !sameGrid(grid, found.Geometry) {
		return nil, nil, fmt.Errorf("volume %.40q: the mask of its detections lies on another grid than that of its lesions: resample it onto that", it.ID)
	}
	return truth, found, nil
}

// overlap returns the overlaps of marks with the lesions of a scan, by lesion,
// by mark. A mark is the component of the detector's mask that holds most of
// the ellipsoid in its box, or that ellipsoid where no component holds any.
func (m masks) overlap(it dataset.Item, marks []metric.Mark) ([][]float64, error) {
	if len(it.Lesions) == 0 || len(marks) == 0 {
		return make([][]float64, len(it.Lesions)), nil
	}
	truth, found, err := m.read(it)
	if err != nil {
		return nil, err
	}
	labels := make([]uint8, len(it.Lesions))
	for t, l := range it.Lesions {
		if labels[t] = uint8(l.Label); truth == nil || l.Label == 0 {
			return nil, fmt.Errorf("%w: volume %.40q has a lesion without a mask: match by sphere, iou or distance", stage.ErrConfig, it.ID)
		}
	}
	var parts [][]int
	number := make([]int32, len(truth.Labels))
	if found != nil {
		parts = components(above(found), found.Shape)
		for k, part := range parts {
			for _, i := range part {
				number[i] = int32(k + 1)
			}
		}
	}
	regions := make([][]int, len(marks))
	for k, mark := range marks {
		if found == nil && mark.Size == [3]float64{} {
			return nil, fmt.Errorf("%w: volume %.40q has detections with neither a size nor a mask: match by sphere or distance", stage.ErrConfig, it.ID)
		}
		regions[k] = ellipsoid(truth.Geometry, mark.Centre, mark.Size)
		if part := touched(parts, number, regions[k]); part != nil {
			regions[k] = part
		}
	}
	return metric.MaskIoU(truth.Labels, labels, regions), nil
}

// above says of every voxel whether it is marked.
func above(m *volume.Mask) []bool {
	in := make([]bool, len(m.Labels))
	for i, label := range m.Labels {
		in[i] = label > 0
	}
	return in
}

// sameGrid reports whether grids agree as far as float32 affines of NIfTI can
// tell: corners within a hundredth of a millimetre.
func sameGrid(a, b volume.Geometry) bool {
	if a.Shape != b.Shape {
		return false
	}
	for _, far := range [][3]float64{{}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}} {
		var at [3]float64
		for axis, n := range a.Shape {
			at[axis] = far[axis] * float64(n-1)
		}
		if !(distance(a.LPS(at), b.LPS(at)) <= 0.01) {
			return false
		}
	}
	return true
}
