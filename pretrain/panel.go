package pretrain

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"oncovox/internal/nn"
	"oncovox/internal/whole"
)

// drawPanels writes a picture for each of the first validation crops, as they
// are for the validation loss: three planes through the middle, each as it is,
// as the network sees it, as it is reconstructed, and the difference.
func (t *trainer) drawPanels() error {
	if t.cfg.Panels == 0 || t.mae == nil {
		return nil
	}
	if err := os.MkdirAll(panelDir(t.env.Out), 0o755); err != nil {
		return err
	}
	b, batch := t.backbone, t.cfg.Batch/t.cfg.parts()
	n, v := b.Tokens(), b.CropVoxels()
	g := nn.NewGraph(false)
	crop := g.GridInput("crop", batch, b.Crop, 1)
	mask := nn.NewMask(batch, n, visible(n, t.cfg.MaskRatio))
	all := make([]int, batch*n)
	for i := range all {
		all[i] = i
	}
	pred := t.mae.Decode(g, t.mae.Encode(g, crop, mask), batch, mask, all)
	prog, err := g.Compile(nil, pred)
	if err != nil {
		return err
	}
	for i := range t.cfg.Panels {
		if i%batch == 0 {
			t.val.draw(crop.Data(), mask, i/t.cfg.Batch, i%t.cfg.Batch)
			if err := prog.Run(); err != nil {
				return err
			}
		}
		s := i % batch
		p := newPanel(b, crop.Data()[s*v:(s+1)*v], pred.Data()[s*v:(s+1)*v], mask.From[s*n:(s+1)*n], t.cfg.NormaliseTargets)
		path := filepath.Join(panelDir(t.env.Out), fmt.Sprintf("sample-%02d.png", i+1))
		if err := p.write(path, i+1); err != nil {
			return err
		}
	}
	return nil
}

// A panel holds a crop and what the network makes of it, as crops (D, H, W).
type panel struct {
	b      nn.BackboneConfig
	input  []float32
	output []float32 // predictions where hidden, the input elsewhere
	hidden []bool    // by voxel
	loss   float64   // mean squared error of the hidden voxels
}

// newPanel pastes the visible patches of crop over the predictions pred (N, P).
// Predictions of normalised patches are given the mean and deviation of the
// true ones back.
func newPanel(b nn.BackboneConfig, crop, pred []float32, from []int, normalised bool) *panel {
	p := b.PatchVoxels()
	rows, hide := make([]float32, len(crop)), make([]float32, len(crop))
	nn.ToPatches(rows, crop, b.Crop, b.Patch)
	hidden, sum := 0, 0.0
	for t, f := range from {
		if f >= 0 {
			continue
		}
		row := rows[t*p : (t+1)*p]
		mean, scale := 0.0, 1.0
		if normalised {
			mean, scale = nn.RowStatistics(row)
		}
		for i, y := range pred[t*p : (t+1)*p] {
			was := float64(row[i])
			row[i] = float32(mean + scale*float64(y))
			sum += (was - float64(row[i])) * (was - float64(row[i]))
			hide[t*p+i] = 1
		}
		hidden += p
	}
	out := &panel{b: b, input: slices.Clone(crop), output: make([]float32, len(crop)), hidden: make([]bool, len(crop)), loss: sum / float64(hidden)}
	nn.FromPatches(out.output, rows, b.Crop, b.Patch)
	at := make([]float32, len(crop))
	nn.FromPatches(at, hide, b.Crop, b.Patch)
	for i, v := range at {
		out.hidden[i] = v == 1
	}
	return out
}

// Sizes of a picture, in pixels.
const (
	tileSide   = 160 // least length of a tile's longer side; four of them give the lines of text their room
	tileGap    = 8
	labelSide  = 20 // height of a line of text
	leftMargin = 76
)

var (
	ink       = color.RGBA{30, 30, 30, 255}
	maskColor = color.RGBA{70, 90, 130, 255}
)

// A plane is a slice through the middle of a crop. voxel returns the place in
// the crop of its pixel; rows run from the head or the front down.
type plane struct {
	name   string
	height int
	width  int
	voxel  func(row, col int) int
}

func (p *panel) planes() []plane {
	d, h, w := p.b.Crop[0], p.b.Crop[1], p.b.Crop[2]
	return []plane{
		{"axial", h, w, func(r, c int) int { return (d/2*h+r)*w + c }},
		{"coronal", d, w, func(r, c int) int { return ((d-1-r)*h+h/2)*w + c }},
		{"sagittal", d, h, func(r, c int) int { return ((d-1-r)*h+c)*w + w/2 }},
	}
}

// write draws the panel as a PNG. number is its place in the series.
func (p *panel) write(path string, number int) error {
	low, high := greyRange(p.input)
	grey := func(v float32) color.RGBA {
		g := uint8(math.Round(255 * math.Min(1, math.Max(0, float64(v-low)/float64(high-low)))))
		return color.RGBA{g, g, g, 255}
	}
	columns := []struct {
		name string
		at   func(i int) color.RGBA
	}{
		{"input", func(i int) color.RGBA { return grey(p.input[i]) }},
		{"seen", func(i int) color.RGBA {
			if p.hidden[i] {
				return maskColor
			}
			return grey(p.input[i])
		}},
		{"reconstruction", func(i int) color.RGBA { return grey(p.output[i]) }},
		{"difference", func(i int) color.RGBA { return signed((p.output[i] - p.input[i]) / (high - low)) }},
	}
	planes := p.planes()
	longest := slices.Max(p.b.Crop[:])
	scale := (tileSide + longest - 1) / longest
	side := scale * longest
	img := image.NewRGBA(image.Rect(0, 0, leftMargin+len(columns)*(side+tileGap), 2*labelSide+len(planes)*(side+tileGap)+labelSide))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	text(img, leftMargin, labelSide-6, fmt.Sprintf("validation crop %d: mean squared error of the hidden voxels %.4f", number, p.loss))
	for c, col := range columns {
		x := leftMargin + c*(side+tileGap)
		text(img, x, 2*labelSide-6, col.name)
		for r, pl := range planes {
			y := 2*labelSide + r*(side+tileGap)
			if c == 0 {
				text(img, 6, y+side/2, pl.name)
			}
			for i := range pl.height * scale {
				for j := range pl.width * scale {
					img.SetRGBA(x+j, y+i, col.at(pl.voxel(i/scale, j/scale)))
				}
			}
		}
	}
	text(img, leftMargin, img.Rect.Max.Y-6, fmt.Sprintf("grey: %.1f to %.1f deviations; hidden: blue; difference: red too bright, blue too dark", low, high))
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		return err
	}
	return whole.WriteFile(path, buf.Bytes(), 0o644)
}

// minGrey is the least range of intensities from black to white, so that the
// noise of an even crop does not fill it. Intensities have deviation 1.
const minGrey = 2

// greyRange returns the intensities shown as black and white: the range of the
// voxels without the outer 0.5 % at each end, widened to minGrey.
func greyRange(v []float32) (low, high float32) {
	s := slices.Clone(v)
	slices.Sort(s)
	cut := len(s) / 200
	low, high = s[cut], s[len(s)-1-cut]
	wide := max(0, minGrey-(high-low))
	return low - wide/2, high + wide/2
}

// signed maps -1 to blue, 0 to white and 1 to red.
func signed(v float32) color.RGBA {
	t := math.Min(1, math.Abs(float64(v)))
	fade := uint8(math.Round(255 * (1 - t)))
	if v > 0 {
		return color.RGBA{255, fade, fade, 255}
	}
	return color.RGBA{fade, fade, 255, 255}
}

func text(img *image.RGBA, x, y int, s string) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(s)
}
