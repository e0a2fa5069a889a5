package phantom

import (
	"fmt"
	"math/rand/v2"

	"github.com/suyashkumar/dicom/pkg/uid"

	"oncovox/internal/rng"
)

// A patient is one archive's worth: who it is, what was drawn and what was scanned.
type patient struct {
	number   int
	cfg      Config
	seed     int64
	label    label
	table    vec // added to the body's own coordinates to give LPS
	scene    *scene
	grid     [3]int // slices, rows, columns
	step     vec    // mm along x, y, z, as the headers say
	first    vec    // the body's coordinates of the first voxel
	feetward bool   // instances are numbered from head to feet
	syntax   string
	signed   bool // CT stored as signed HU rather than unsigned with an intercept
	weight   float64
}

// A label is what an archive says about its patient's nodules.
type label int

const (
	unlabelled label = iota // no RTSTRUCT; there may or may not be nodules
	healthy                 // an RTSTRUCT without a tumour, and no nodule
	marked                  // an RTSTRUCT with every nodule
)

// rand returns patient p's source for one purpose. It does not depend on the
// number of patients.
func (p *patient) rand(purpose string) *rand.Rand {
	return rng.At(p.seed, "phantom/"+p.cfg.Setting+"/"+purpose, p.number)
}

// newPatient draws patient number of a seed.
func newPatient(cfg Config, seed int64, number int) *patient {
	p := &patient{number: number, cfg: cfg, seed: seed}
	r := p.rand("patient")
	sc, _ := scannerOf(cfg.Modality, cfg.Setting)
	p.label = p.drawLabel()
	p.syntax = uid.ExplicitVRLittleEndian
	if r.Float64() < 0.2 {
		p.syntax = uid.ImplicitVRLittleEndian
	}
	p.feetward = r.Float64() < 0.5
	p.signed = r.Float64() < 0.5
	p.weight = float64(55 + r.IntN(45))
	p.drawGrid(sc, r)
	a := newAnatomy(p.rand("anatomy"), float64(p.grid[0])*p.step[2])
	ill := p.label == marked || p.label == unlabelled && r.Float64() < 0.8
	p.scene = newScene(cfg, sc, a, ill, p.rand)
	return p
}

// drawLabel shares the labels out evenly along the numbers: any run of patients
// has nearly the shares that the config asks for.
func (p *patient) drawLabel() label {
	const golden = 0.6180339887498949
	start := rng.At(p.seed, "phantom/"+p.cfg.Setting+"/labels").Float64()
	u := start + golden*float64(p.number)
	u -= float64(int(u))
	switch {
	case u < p.cfg.ShareUnlabelled:
		return unlabelled
	case u < p.cfg.ShareUnlabelled+p.cfg.ShareHealthy:
		return healthy
	}
	return marked
}

// drawGrid chooses slices, spacing and where the body lies on the table.
func (p *patient) drawGrid(sc scanner, r *rand.Rand) {
	shape := p.cfg.Shape
	p.grid = [3]int{max(8, shape[0]+r.IntN(shape[0]/8+1)-shape[0]/16), max(8, shape[1]/sc.coarse), max(8, shape[2]/sc.coarse)}
	fov := between(r, 282, 300)
	pixel := rounded(fov / float64(p.grid[2]))
	slice := rounded(between(r, sc.slice[0], sc.slice[1]) * 64 / float64(shape[0]))
	if sc.modality == "CT" || sc.modality == "MR" {
		slice = float64(int(slice*20+0.5)) / 20 // scanners offer slices by the twentieth of a millimetre
	}
	p.step = vec{pixel, pixel, slice}
	shift := vec{between(r, -5, 5), between(r, -2, 2), 0}
	deep := 1.05 * float64(p.grid[1]-1) / 2
	p.first = vec{-float64(p.grid[2]-1) / 2 * pixel, -deep * pixel, slice / 2}.add(shift)
	for i := range p.first {
		p.first[i] = rounded(p.first[i])
	}
	p.table = vec{rounded(between(r, -15, 15)), rounded(between(r, -190, -120)), rounded(between(r, -420, -180))}
}

// scan renders and acquires the patient. The result is z, y, x from feet to
// head, in the modality's unit.
func (p *patient) scan() *canvas {
	fine := p.step
	fine[2] /= fineness
	low := p.first
	low[2] += (fine[2] - p.step[2]) / 2
	n := p.grid
	n[0] *= fineness
	return p.scene.acquire(p.scene.render(n, fine, low, p.rand("render")), p.cfg.Noise, p.rand("noise"))
}

// uid returns a UID of this patient for something named.
func (p *patient) uid(format string, args ...any) string {
	return newUID(fmt.Sprintf("oncovox phantom %s %s %d %d ", p.cfg.Modality, p.cfg.Setting, p.seed, p.number) + fmt.Sprintf(format, args...))
}

// lps returns the place of a point of the body in DICOM's patient coordinates.
func (p *patient) lps(at vec) vec { return at.add(p.table) }
