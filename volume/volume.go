package volume

import "fmt"

// A Volume is one series as a dense grid of intensities.
type Volume struct {
	Geometry
	Data     []float32 // voxel (z, y, x) is at (z*H+y)*W+x
	Modality string    // "CT", "PT", "MR"
	Unit     string    // "HU", "SUV", or "" where the scale is the scanner's own
}

// A Mask marks the voxels of lesions on a grid.
type Mask struct {
	Geometry
	Labels []uint8 // 0 is background, k the lesion with label k
}

// New returns a volume of zeros. It panics if g is not valid.
func New(g Geometry) *Volume {
	must("New", g)
	return &Volume{Geometry: g, Data: make([]float32, g.Voxels())}
}

// NewMask returns a mask of background. It panics if g is not valid.
func NewMask(g Geometry) *Mask {
	must("NewMask", g)
	return &Mask{Geometry: g, Labels: make([]uint8, g.Voxels())}
}

func must(where string, g Geometry) {
	if err := g.Validate(); err != nil {
		panic(fmt.Sprintf("volume: %s: %v", where, err))
	}
}

// At returns the intensity of voxel (z, y, x).
func (v *Volume) At(z, y, x int) float32 { return v.Data[(z*v.Shape[1]+y)*v.Shape[2]+x] }

// At returns the label of voxel (z, y, x).
func (m *Mask) At(z, y, x int) uint8 { return m.Labels[(z*m.Shape[1]+y)*m.Shape[2]+x] }

func (v *Volume) check() error {
	if err := v.Validate(); err != nil {
		return err
	}
	if len(v.Data) != v.Voxels() {
		return fmt.Errorf("%d voxels in a grid of %v", len(v.Data), v.Shape)
	}
	return nil
}

func (m *Mask) check() error {
	if err := m.Validate(); err != nil {
		return err
	}
	if len(m.Labels) != m.Voxels() {
		return fmt.Errorf("%d labels in a grid of %v", len(m.Labels), m.Shape)
	}
	return nil
}
