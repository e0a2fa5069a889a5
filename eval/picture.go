package eval

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math"
	"strings"

	"oncovox/dataset"
	"oncovox/volume"
)

// panelPixels is the side of a panel's picture.
const panelPixels = 176

// A panel is a slice as an SVG element: the picture, and outlines over it.
type panel struct {
	Plane string
	SVG   template.HTML // made of numbers and a data URI alone
}

// greys reads a volume as grey values.
type greys struct {
	item      dataset.Item
	geometry  volume.Geometry
	data      []float32
	name      string  // of the window, "" if it has none
	low, high float64 // window, in the source's unit
	inverted  bool    // dark is high, as PET is read
}

func newGreys(it dataset.Item, v *volume.Mapped) *greys {
	g := &greys{item: it, geometry: v.Geometry, data: voxels(v), low: it.WindowLow, high: it.WindowHigh}
	if it.Unit == "SUV" {
		g.inverted, g.high = true, min(g.high, 10)
	}
	return g
}

// look sets the window of a CT to that in which a radiologist looks at a place:
// the lung's where at least a quarter of what surrounds it is aerated, else that
// of soft tissue. extent is that of what lies there, in mm.
func (g *greys) look(centre [3]float64, extent float64) {
	if g.item.Unit != "HU" {
		return
	}
	aerated, around := 0, 0
	for i := range 27 {
		step := [3]float64{float64(i/9 - 1), float64(i/3%3 - 1), float64(i%3 - 1)}
		if i == 13 { // the centre
			continue
		}
		p := centre
		for a := range 3 {
			p[a] += step[a] * (extent/2 + 5) / math.Sqrt(step[0]*step[0]+step[1]*step[1]+step[2]*step[2])
		}
		if v, ok := g.value(p); ok {
			around++
			if v < -500 {
				aerated++
			}
		}
	}
	g.name, g.low, g.high = "soft-tissue window", -160, 240
	if 4*aerated >= around && aerated > 0 {
		g.name, g.low, g.high = "lung window", -1350, 150
	}
}

// window says what is shown.
func (g *greys) window() string {
	name, unit := g.name, g.item.Unit
	if name == "" {
		name = "window"
	}
	if unit == "" {
		unit = "scanner units"
	}
	s := name + " " + minus(fmt.Sprintf("%.0f to %.0f %s", g.low, g.high, unit))
	if g.inverted {
		s += ", dark is high"
	}
	return s
}

// value returns the intensity at a place in the patient, between voxels by
// trilinear interpolation; false outside the grid.
func (g *greys) value(lps [3]float64) (float64, bool) {
	at := g.geometry.Index(lps)
	shape := g.geometry.Shape
	var first [3]int
	var part [3]float64
	for a := range 3 {
		if at[a] < -0.5 || at[a] > float64(shape[a])-0.5 {
			return 0, false
		}
		p := min(max(at[a], 0), float64(shape[a]-1))
		first[a] = min(int(p), max(shape[a]-2, 0))
		part[a] = p - float64(first[a])
	}
	value := 0.0
	for corner := range 8 {
		w, i := 1.0, 0
		for a := range 3 {
			step := corner >> (2 - a) & 1
			if step == 1 {
				w *= part[a]
			} else {
				w *= 1 - part[a]
			}
			i = i*shape[a] + min(first[a]+step, shape[a]-1)
		}
		if w > 0 {
			value += w * float64(g.data[i])
		}
	}
	return value*g.item.Scale + g.item.Offset, true
}

// at returns the grey value at a place in the patient, that of air outside the
// grid.
func (g *greys) at(lps [3]float64) uint8 {
	value, inside := g.value(lps)
	share := 0.0
	if inside {
		share = min(max((value-g.low)/(g.high-g.low), 0), 1)
	}
	if g.inverted {
		share = 1 - share
		if !inside {
			share = 0.9 // a tone off white, so that the edge of the grid shows
		}
	}
	return uint8(math.Round(255 * share))
}

// An outline is a lesion or detection to draw.
type outline struct {
	centre, size [3]float64
	diameter     float64
}

// A frame is what three panels through one place show.
type frame struct {
	centre        [3]float64 // LPS mm
	extent        float64    // of what is meant, mm
	round         bool       // outlines are balls, else boxes
	truths, marks []outline
	truth, found  *volume.Mask // whose borders are drawn; nil for none
}

// place returns where in the patient the pixel of a panel lies, whose sides have
// step mm.
func (f frame) place(pl plane, step float64, row, col int) [3]float64 {
	p := f.centre
	p[pl.right] += pl.signR * step * (float64(col) + 0.5 - panelPixels/2)
	p[pl.down] += pl.signD * step * (float64(row) + 0.5 - panelPixels/2)
	return p
}

// A plane is how a panel lies in the patient: the LPS axes to its right and
// down, their signs, and the letters at its left, right, top and bottom edge.
type plane struct {
	name         string
	right, down  int
	signR, signD float64
	letters      [4]string
}

// planes are drawn as radiologists hang them: the patient's left on the right,
// the front or the head up.
func planes() [3]plane {
	return [3]plane{
		{"axial", 0, 1, 1, 1, [4]string{"R", "L", "A", "P"}},
		{"coronal", 0, 2, 1, -1, [4]string{"R", "L", "H", "F"}},
		{"sagittal", 1, 2, 1, -1, [4]string{"A", "P", "H", "F"}},
	}
}

// draw returns the axial, coronal and sagittal panel.
func (f frame) draw(g *greys) ([]panel, error) {
	side := min(max(4*f.extent, 60), max(160, 2.2*f.extent))
	var out []panel
	for _, pl := range planes() {
		img := image.NewGray(image.Rect(0, 0, panelPixels, panelPixels))
		step := side / panelPixels
		for row := range panelPixels {
			for col := range panelPixels {
				img.SetGray(col, row, color.Gray{Y: g.at(f.place(pl, step, row, col))})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			return nil, err
		}
		out = append(out, panel{pl.name, template.HTML(f.svg(pl, side, b.Bytes()))})
	}
	return out, nil
}

// svg lays the outlines, the letters and a scale over a picture; its unit is mm.
func (f frame) svg(pl plane, side float64, picture []byte) string {
	var b strings.Builder
	half := side / 2
	fmt.Fprintf(&b, `<svg viewBox="%.2f %.2f %.2f %.2f" aria-hidden="true"><image x="%.2f" y="%.2f" width="%.2f" height="%.2f" href="data:image/png;base64,%s"/>`,
		-half, -half, side, side, -half, -half, side, side, base64.StdEncoding.EncodeToString(picture))
	for _, o := range f.truths {
		f.outline(&b, pl, o, "truth")
	}
	for _, o := range f.marks {
		f.outline(&b, pl, o, "found")
	}
	if f.truth != nil {
		f.contour(&b, pl, side, f.truth, "truth")
	}
	if f.found != nil {
		f.contour(&b, pl, side, f.found, "found")
	}
	font := side / 15
	for i, at := range [4][2]float64{{-half + font*0.7, font * 0.35}, {half - font*0.7, font * 0.35}, {0, -half + font}, {0, half - font*0.4}} {
		fmt.Fprintf(&b, `<text class="side" x="%.2f" y="%.2f" font-size="%.2f">%s</text>`, at[0], at[1], font, pl.letters[i])
	}
	bar := 5.0
	for _, l := range []float64{10, 20, 50, 100} {
		if l <= side/3 {
			bar = l
		}
	}
	x, y := -half+side/30, half-side/30
	fmt.Fprintf(&b, `<path class="bar" d="M%.2f %.2fh%.2f"/><text class="side start" x="%.2f" y="%.2f" font-size="%.2f">%.0f mm</text></svg>`,
		x, y, bar, x, y-font*0.4, font*0.9, bar)
	return b.String()
}

// outline draws o where the plane through the frame's centre cuts it.
func (f frame) outline(b *strings.Builder, pl plane, o outline, class string) {
	normal := 3 - pl.right - pl.down
	x := pl.signR * (o.centre[pl.right] - f.centre[pl.right])
	y := pl.signD * (o.centre[pl.down] - f.centre[pl.down])
	off := math.Abs(o.centre[normal] - f.centre[normal])
	if f.round {
		if r := o.diameter / 2; off < r {
			fmt.Fprintf(b, `<circle class="%s" cx="%.2f" cy="%.2f" r="%.2f"/>`, class, x, y, math.Sqrt(r*r-off*off))
		}
		return
	}
	if off < o.size[normal]/2 {
		w, h := o.size[pl.right], o.size[pl.down]
		fmt.Fprintf(b, `<rect class="%s" x="%.2f" y="%.2f" width="%.2f" height="%.2f"/>`, class, x-w/2, y-h/2, w, h)
	}
}

// meanExtent is the geometric mean of a box's sides.
func meanExtent(size [3]float64) float64 { return math.Cbrt(size[0] * size[1] * size[2]) }
