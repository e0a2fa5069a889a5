package eval

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"math"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A tone is a colour of the charts: its value on white paper, and the name of
// the style sheet's variable that takes its place in the report, so that one
// drawing serves light and dark.
type tone struct {
	hex, variable string
}

// The tones, each with a value of its own by which the report finds it.
var (
	inkTone   = tone{"#26303B", "--ink"}
	mutedTone = tone{"#66717D", "--muted"}
	lineTone  = tone{"#DCE1E6", "--rule"}
	paperTone = tone{"#FFFFFF", "--paper"}
	series    = [5]tone{
		{"#0B6E99", "--c1"}, {"#B8570F", "--c2"}, {"#6B4FA0", "--c3"}, {"#3F7D3A", "--c4"}, {"#8A8F98", "--c5"},
	}
)

func (t tone) color() color.NRGBA {
	var c color.NRGBA
	fmt.Sscanf(t.hex, "#%02X%02X%02X", &c.R, &c.G, &c.B)
	c.A = 255
	return c
}

// Size of a chart on paper.
const (
	chartWidth  = 4.7 * vg.Inch
	chartHeight = 3.4 * vg.Inch
)

// A chart is a plot in the making.
type chart struct {
	name  string // of its files
	alt   string // what it shows, for those who do not see it
	p     *plot.Plot
	lines int
	names []entry // of the legend
	err   error
}

// An entry of the legend.
type entry struct {
	name string
	line draw.LineStyle
}

func newChart(name, alt, x, y string) *chart {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Width = mutedTone.color(), vg.Points(0.7)
		a.Label.TextStyle.Font.Variant, a.Label.TextStyle.Font.Size = "Sans", 10
		a.Label.TextStyle.Color = inkTone.color()
		a.Tick.LineStyle.Color, a.Tick.LineStyle.Width, a.Tick.Length = mutedTone.color(), vg.Points(0.7), 3
		a.Tick.Label.Font.Variant, a.Tick.Label.Font.Size = "Sans", 9
		a.Tick.Label.Color = inkTone.color()
		a.Padding, a.Label.Padding = 4, 4
	}
	p.X.Label.Text, p.Y.Label.Text = x, y
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(roundTicks), plot.TickerFunc(roundTicks)
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: lineTone.color(), Width: vg.Points(0.6)}
	grid.Vertical = grid.Horizontal
	p.Add(grid)
	return &chart{name: name, alt: alt, p: p}
}

// unit makes both axes run from 0 to 1.
func (c *chart) unit(both bool) {
	ticks := plot.ConstantTicks{}
	for i := range 6 {
		ticks = append(ticks, plot.Tick{Value: float64(i) / 5, Label: fmt.Sprintf("%.1f", float64(i)/5)})
	}
	c.p.Y.Min, c.p.Y.Max, c.p.Y.Tick.Marker = 0, 1, ticks
	if both {
		c.p.X.Min, c.p.X.Max, c.p.X.Tick.Marker = 0, 1, ticks
	}
}

// band fills the space between low and high.
func (c *chart) band(t tone, x, low, high []float64) {
	if c.err != nil || len(low) == 0 {
		return
	}
	var ring plotter.XYs
	for i := range x {
		ring = append(ring, plotter.XY{X: x[i], Y: high[i]})
	}
	for i := len(x) - 1; i >= 0; i-- {
		ring = append(ring, plotter.XY{X: x[i], Y: low[i]})
	}
	fill, err := plotter.NewPolygon(ring)
	if err != nil {
		c.err = fmt.Errorf("plot %s: %v", c.name, err)
		return
	}
	shade := t.color()
	shade.A = 46
	fill.Color, fill.LineStyle.Width = shade, 0
	c.p.Add(fill)
}

// A look is how a line is drawn.
type look struct {
	tone   tone
	width  float64 // points
	dashes []vg.Length
	opaque uint8 // 0 is wholly
}

// line draws points and names them in the legend, unless name is "".
func (c *chart) line(name string, l look, x, y []float64) {
	if c.err != nil || len(x) == 0 {
		return
	}
	points := make(plotter.XYs, len(x))
	for i := range x {
		points[i] = plotter.XY{X: x[i], Y: y[i]}
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		c.err = fmt.Errorf("plot %s: %v", c.name, err)
		return
	}
	shade := l.tone.color()
	if l.opaque > 0 {
		shade.A = l.opaque
	}
	line.Color, line.Width, line.Dashes = shade, vg.Points(l.width), l.dashes
	c.p.Add(line)
	c.lines++
	if name != "" {
		c.names = append(c.names, entry{name, line.LineStyle})
	}
}

// dots draws circles, each with a bar from low to high unless these are nil.
func (c *chart) dots(t tone, x, y, low, high []float64) {
	if c.err != nil || len(x) == 0 {
		return
	}
	points := make(plotter.XYs, len(x))
	bars := make(plotter.YErrors, len(x))
	for i := range x {
		points[i] = plotter.XY{X: x[i], Y: y[i]}
		if low != nil {
			bars[i].Low, bars[i].High = y[i]-low[i], high[i]-y[i]
		}
	}
	if low != nil {
		b, err := plotter.NewYErrorBars(struct {
			plotter.XYs
			plotter.YErrors
		}{points, bars})
		if err != nil {
			c.err = fmt.Errorf("plot %s: %v", c.name, err)
			return
		}
		b.LineStyle, b.CapWidth = draw.LineStyle{Color: t.color(), Width: vg.Points(1.2)}, 5
		c.p.Add(b)
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		c.err = fmt.Errorf("plot %s: %v", c.name, err)
		return
	}
	s.GlyphStyle = draw.GlyphStyle{Color: t.color(), Radius: vg.Points(3.2), Shape: draw.CircleGlyph{}}
	c.p.Add(s)
	c.lines++
}

var (
	dashed = []vg.Length{5, 3}
	dotted = []vg.Length{1.5, 2.5}
)

// svg returns the chart as a file of its own, on white.
func (c *chart) svg() []byte {
	c.p.BackgroundColor = paperTone.color()
	defer func() { c.p.BackgroundColor = nil }()
	return c.vector()
}

func (c *chart) vector() []byte {
	canvas := vgsvg.New(chartWidth, chartHeight)
	c.draw(draw.New(canvas))
	var b bytes.Buffer
	canvas.WriteTo(&b) // a Buffer takes all
	return b.Bytes()
}

// png returns the chart as a picture at 160 dots an inch, on white.
func (c *chart) png() []byte {
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(chartWidth, chartHeight), vgimg.UseDPI(160))}
	c.draw(draw.New(canvas))
	var b bytes.Buffer
	canvas.WriteTo(&b)
	return b.Bytes()
}

// draw puts the legend, in lines over the plot so that it hides nothing, and
// the plot onto canvas.
func (c *chart) draw(canvas draw.Canvas) {
	if c.p.BackgroundColor != nil {
		canvas.SetColor(c.p.BackgroundColor)
		canvas.Fill(canvas.Rectangle.Path())
	}
	const sample, gap, row = 20, 22, 14 // points
	style := c.p.X.Tick.Label
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	x, y := canvas.Min.X+4, canvas.Max.Y-row/2
	for _, e := range c.names {
		width := sample + 5 + style.Width(e.name)
		if x > canvas.Min.X+4 && x+width > canvas.Max.X {
			x, y = canvas.Min.X+4, y-row
		}
		canvas.StrokeLine2(e.line, x, y, x+sample, y)
		canvas.FillText(style, vg.Point{X: x + sample + 5, Y: y}, e.name)
		x += width + gap
	}
	used := canvas.Max.Y - y + row/2 + 4
	if len(c.names) == 0 {
		used = 4
	}
	c.p.Draw(draw.Crop(canvas, 0, -12, 0, -used))
}

var svgHead = regexp.MustCompile(`(?s)^.*?<svg [^>]*?viewBox="([^"]*)"[^>]*>`)

// inline returns the chart as an element of the report, in its colours.
func (c *chart) inline() string {
	s := string(c.vector())
	for _, t := range append(series[:], inkTone, mutedTone, lineTone) {
		s = strings.ReplaceAll(s, t.hex, "var("+t.variable+")")
	}
	return svgHead.ReplaceAllString(s, `<svg class="plot" role="img" aria-label="`+
		strings.ReplaceAll(html.EscapeString(c.alt), "$", "$$")+`" viewBox="$1">`)
}

// octaves are the ticks of an axis from 1/8 to 8.
func octaves() plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i, label := range []string{"1/8", "1/4", "1/2", "1", "2", "4", "8"} {
		ticks = append(ticks, plot.Tick{Value: math.Exp2(float64(i - 3)), Label: label})
	}
	return ticks
}

// roundTicks puts three to seven ticks at round numbers.
func roundTicks(low, high float64) []plot.Tick {
	if !(high > low) {
		return []plot.Tick{{Value: low, Label: fmt.Sprintf("%g", low)}}
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/3)))
	for _, k := range []float64{5, 2} {
		if k*step <= (high-low)/3 {
			step *= k
			break
		}
	}
	var ticks []plot.Tick
	for i := math.Ceil(low / step); i <= math.Floor(high/step+1e-9); i++ {
		v := i*step + 0 // no negative zero
		ticks = append(ticks, plot.Tick{Value: v, Label: minus(fmt.Sprintf("%.6g", v))})
	}
	return ticks
}
