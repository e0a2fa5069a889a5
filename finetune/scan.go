package finetune

import (
	"context"
	"fmt"
	"math"

	"oncovox/internal/nn"
	"oncovox/volume"
)

// A Scanner runs a detector over whole scans, window by window, a batch of
// windows at a time. Its graph is built once; it is not safe for concurrent
// use. It reads the detector's weights at each scan.
type Scanner struct {
	d       *Detector
	prog    *nn.Program
	crop    *nn.Tensor
	out     *nn.Tensor
	overlap [3]int    // voxels that neighbouring windows share at the least
	flips   [][3]bool // axes along which a window is mirrored, for each of its images
	weight  []float32 // of a cell of a window in the blend
	cells   [3]int    // of a window
}

// NewScanner returns a scanner that takes batch windows at once, which overlap
// by the given share of their sides, in [0, 1). Of each window so many mirror images
// are seen as flips says, 1, 4 or 8, and their maps averaged.
func NewScanner(d *Detector, batch int, overlap float64, flips int) (*Scanner, error) {
	s := &Scanner{d: d}
	for i := range flips {
		s.flips = append(s.flips, [3]bool{i&4 != 0, i&2 != 0, i&1 != 0})
	}
	g := nn.NewGraph(false)
	s.crop, s.out = d.build(g, batch)
	var err error
	if s.prog, err = g.Compile(nil, s.out); err != nil {
		return nil, fmt.Errorf("build the detector: %w", err)
	}
	s.cells = s.out.Grid
	for a, side := range d.Backbone.Crop {
		s.overlap[a] = int(overlap*float64(side)) / mapStride * mapStride
	}
	s.weight = blendWeights(s.cells)
	return s, nil
}

// blendWeights falls off from a window's middle to its border, where the
// detector sees least around a cell.
func blendWeights(cells [3]int) []float32 {
	var axis [3][]float64
	for a, n := range cells {
		for i := range n {
			t := (float64(i)+0.5)/float64(n)*2 - 1
			axis[a] = append(axis[a], 0.05+0.95*math.Pow(math.Cos(t*math.Pi/2), 2))
		}
	}
	var w []float32
	for _, z := range axis[0] {
		for _, y := range axis[1] {
			for _, x := range axis[2] {
				w = append(w, float32(z*y*x))
			}
		}
	}
	return w
}

// starts returns where the windows of a side begin along an axis of n voxels:
// evenly spread over it, at even voxels, so that all maps share one grid. An
// axis shorter than the window has one that begins at 0 and is padded.
func starts(n, side, overlap int) []int {
	if n <= side {
		return []int{0}
	}
	last := (n - side + mapStride - 1) / mapStride * mapStride // the map covers an odd last voxel
	count := (last+side-overlap-1)/(side-overlap) + 1
	var s []int
	for i := range count {
		at := int(math.Round(float64(i) * float64(last) / float64(count-1)))
		s = append(s, at/mapStride*mapStride)
	}
	return s
}

// A heatMap is the blended map of a whole scan.
type heatMap struct {
	cells [3]int
	data  []float32 // (cells, outCols); the heat as a likelihood
}

// Map runs the detector over a scan and returns its map. Voxels outside the
// scan are pad. Where windows overlap, their maps are averaged with the weights
// of blendWeights.
func (s *Scanner) Map(ctx context.Context, v *volume.Mapped, pad float32) (*heatMap, error) {
	side := s.d.Backbone.Crop
	var at [3][]int
	m := &heatMap{}
	for a, n := range v.Shape {
		at[a] = starts(n, side[a], s.overlap[a])
		m.cells[a] = (max(n, side[a]) + mapStride - 1) / mapStride
	}
	cells := m.cells[0] * m.cells[1] * m.cells[2]
	m.data = make([]float32, cells*outCols)
	total := make([]float32, cells)
	var batch []window
	voxels := side[0] * side[1] * side[2]
	flush := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.prog.Run(); err != nil {
			return err
		}
		for b, w := range batch {
			s.blend(m, total, b, w)
		}
		batch = batch[:0]
		return nil
	}
	for _, z := range at[0] {
		for _, y := range at[1] {
			for _, x := range at[2] {
				for _, flip := range s.flips {
					b, w := len(batch), window{[3]int{z, y, x}, flip}
					start, sign := w.walk(side)
					v.Turned(s.crop.Data()[b*voxels:(b+1)*voxels], side, start, [3]int{0, 1, 2}, sign, pad)
					batch = append(batch, w)
					if len(batch) == s.crop.Batch {
						if err := flush(); err != nil {
							return nil, err
						}
					}
				}
			}
		}
	}
	if len(batch) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	for i, w := range total {
		if w > 0 {
			for j := range outCols {
				m.data[i*outCols+j] /= w
			}
		}
	}
	return m, nil
}

// A window is a part of a scan, seen as it is or mirrored.
type window struct {
	origin [3]int
	flip   [3]bool
}

// walk returns the voxel of the scan that is the image's first, and the direction
// along each axis in which its voxels follow.
func (w window) walk(side [3]int) (start, sign [3]int) {
	for a := range 3 {
		start[a], sign[a] = w.origin[a], 1
		if w.flip[a] {
			start[a], sign[a] = w.origin[a]+side[a]-1, -1
		}
	}
	return start, sign
}

// blend adds the map of sample b, the image w, as the scan has it: mirrored back,
// and the offsets with it.
func (s *Scanner) blend(m *heatMap, total []float32, b int, w window) {
	n := len(s.weight)
	out := s.out.Data()[b*n*outCols : (b+1)*n*outCols]
	sign := [outCols]float32{1, 1, 1, 1, 1, 1, 1}
	for a, flipped := range w.flip {
		if flipped {
			sign[colOffset+a] = -1
		}
	}
	i := 0
	for z := range s.cells[0] {
		for y := range s.cells[1] {
			for x := range s.cells[2] {
				at := [3]int{z, y, x}
				inside := true
				for a := range 3 {
					if w.flip[a] {
						at[a] = s.cells[a] - 1 - at[a]
					}
					at[a] += w.origin[a] / mapStride
					inside = inside && at[a] < m.cells[a]
				}
				if inside {
					cell := (at[0]*m.cells[1]+at[1])*m.cells[2] + at[2]
					k := s.weight[i]
					total[cell] += k
					from, row := out[i*outCols:(i+1)*outCols], m.data[cell*outCols:(cell+1)*outCols]
					row[colHeat] += k * float32(sigmoid(float64(from[colHeat])))
					for j := 1; j < outCols; j++ {
						row[j] += k * sign[j] * from[j]
					}
				}
				i++
			}
		}
	}
}
