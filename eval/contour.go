package eval

import (
	"fmt"
	"math"
	"strings"

	"oncovox/volume"
)

// contour draws the border of what is marked in m, where the plane through the
// frame's centre cuts it.
func (f frame) contour(b *strings.Builder, pl plane, side float64, m *volume.Mask, class string) {
	step := side / panelPixels
	for _, loop := range loops(func(row, col int) bool {
		at := m.Index(f.place(pl, step, row, col))
		var i [3]int
		for a, v := range at {
			if i[a] = int(math.Round(v)); i[a] < 0 || i[a] >= m.Shape[a] {
				return false
			}
		}
		return m.At(i[0], i[1], i[2]) > 0
	}, panelPixels) {
		for k, v := range loop {
			fmt.Fprintf(b, "%s%.1f %.1f", map[bool]string{true: fmt.Sprintf(`<path class="%s" d="M`, class), false: "L"}[k == 0],
				step*(float64(v[1])-panelPixels/2), step*(float64(v[0])-panelPixels/2))
		}
		b.WriteString(`z"/>`)
	}
}

// loops returns the corners of the borders of what is in a grid of n rows and n
// columns, row and column each, every border once around.
func loops(in func(row, col int) bool, n int) [][][2]int {
	inside := make([]bool, (n+2)*(n+2)) // with a margin
	for row := range n {
		for col := range n {
			inside[(row+1)*(n+2)+col+1] = in(row, col)
		}
	}
	steps := [4][2]int{{0, 1}, {1, 0}, {0, -1}, {-1, 0}} // right, down, left, up: the inside lies to the right
	edges := make([][]int, (n+1)*(n+1))                  // by corner, the directions of the borders that start there
	for row := range n {
		for col := range n {
			at := (row+1)*(n+2) + col + 1
			if !inside[at] {
				continue
			}
			for d, next := range [4]int{at - n - 2, at + 1, at + n + 2, at - 1} { // above, right, below, left
				if !inside[next] {
					corner := [4][2]int{{row, col}, {row, col + 1}, {row + 1, col + 1}, {row + 1, col}}[d]
					edges[corner[0]*(n+1)+corner[1]] = append(edges[corner[0]*(n+1)+corner[1]], d)
				}
			}
		}
	}
	var out [][][2]int
	for start := range edges {
		for len(edges[start]) > 0 {
			var loop [][2]int
			for at, last := start, -1; len(edges[at]) > 0; {
				d := edges[at][len(edges[at])-1]
				edges[at] = edges[at][:len(edges[at])-1]
				if d != last {
					loop = append(loop, [2]int{at / (n + 1), at % (n + 1)})
				}
				at, last = at+steps[d][0]*(n+1)+steps[d][1], d
			}
			out = append(out, loop)
		}
	}
	return out
}
