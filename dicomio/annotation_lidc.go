package dicomio

import (
	"bytes"
	"encoding/xml"
	"io"
	"maps"
	"slices"
)

// The XML of LIDC-IDRI (Armato et al. 2011): what four readers marked in one
// series. A nodule of 3 mm and more has an outline on each slice, whose pixels lie just
// outside it; a smaller one has one point, and so has what is no nodule.
type lidcMessage struct {
	Series   string `xml:"ResponseHeader>SeriesInstanceUid"`
	Sessions []struct {
		Nodules []struct {
			Outlines []struct {
				Image     string      `xml:"imageSOP_UID"`
				Inclusion string      `xml:"inclusion"`
				Edge      []lidcPoint `xml:"edgeMap"`
			} `xml:"roi"`
		} `xml:"unblindedReadNodule"`
		Others []struct {
			Image string      `xml:"imageSOP_UID"`
			Locus []lidcPoint `xml:"locus"`
		} `xml:"nonNodule"`
	} `xml:"readingSession"`
}

type lidcPoint struct {
	X int `xml:"xCoord"`
	Y int `xml:"yCoord"`
}

// A nodule is what one reader outlined.
type nodule struct {
	reader int
	pixels map[string]map[[2]int]bool // row, column, by image
}

// Bounds of one message; real ones have at most about 100 nodules.
const (
	maxNodules      = 4096
	maxNodulePixels = 1 << 22
)

// parseLIDC takes the lesions of a message. Nodules of different readers that
// share a pixel are one, which is a lesion if more than half of the readers
// outlined it, as in LUNA16, and holds the pixels that half of those who did,
// or more, agree on. All else that was marked is to be ignored. It fails with
// BadLabels or TooLarge.
func parseLIDC(source string, b []byte) (labelSet, error) {
	var m lidcMessage
	d := xml.NewDecoder(bytes.NewReader(b))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // what is read is ASCII
	if err := d.Decode(&m); err != nil {
		return labelSet{}, refuse(BadLabels, "XML that breaks off or is not well formed")
	}
	if m.Series == "" {
		return labelSet{}, refuse(BadLabels, "no SeriesInstanceUid")
	}
	set := labelSet{kind: reading, sop: source, series: []string{trim(m.Series)}}
	var nodules []nodule
	point := func(image string, at lidcPoint) {
		set.rois = append(set.rois, roi{ignore: true, mark: &mark{
			where: inImage, image: trim(image), corners: [][2]float64{{float64(at.Y), float64(at.X)}}, diameter: ignoredDiameter,
		}})
	}
	pixels := 0
	for reader, session := range m.Sessions {
		for _, n := range session.Nodules {
			of := nodule{reader, map[string]map[[2]int]bool{}}
			for _, o := range n.Outlines {
				if len(o.Edge) < 3 {
					if len(o.Edge) > 0 {
						point(o.Image, o.Edge[0])
					}
					continue
				}
				if err := of.outline(trim(o.Image), o.Edge, o.Inclusion != "FALSE", &pixels); err != nil {
					return set, err
				}
			}
			if len(of.pixels) > 0 {
				nodules = append(nodules, of)
			}
			if len(nodules) > maxNodules {
				return set, refuse(TooLarge, "more than %d nodules", maxNodules)
			}
		}
		for _, o := range session.Others {
			if len(o.Locus) > 0 {
				point(o.Image, o.Locus[0])
			}
		}
	}
	for _, same := range gather(nodules) {
		r := roi{frames: consensus(same)}
		r.ignore = 2*readers(same) <= len(m.Sessions)
		set.rois = append(set.rois, r)
	}
	for i := range set.rois {
		set.rois[i].number = i + 1
	}
	set.named = len(set.rois)
	return set, nil
}

// outline adds the pixels inside an outline on image to n, or takes them out.
func (n *nodule) outline(image string, edge []lidcPoint, in bool, pixels *int) error {
	corners := make([][2]float64, len(edge))
	for i, p := range edge {
		corners[i] = [2]float64{float64(p.Y), float64(p.X)}
	}
	b, err := outlineBox(corners, true)
	if ReasonOf(err) == TooFewPoints { // so small that nothing lies inside: its outline is all there is
		b, err = outlineBox(corners, false)
	}
	if ReasonOf(err) == TooFewPoints {
		b, err = bitBox{row: edge[0].Y, col: edge[0].X, rows: 1, cols: 1, bits: []byte{1}}, nil
	}
	if err != nil {
		return err
	}
	if n.pixels[image] == nil {
		n.pixels[image] = map[[2]int]bool{}
	}
	b.each(func(y, x int) {
		*pixels++
		if in && *pixels <= maxNodulePixels {
			n.pixels[image][[2]int{y, x}] = true
		} else {
			delete(n.pixels[image], [2]int{y, x})
		}
	})
	if *pixels > maxNodulePixels {
		return refuse(TooLarge, "nodules of more than %d pixels", maxNodulePixels)
	}
	return nil
}

// gather returns the nodules that are one, in the order of their first.
func gather(nodules []nodule) [][]nodule {
	parent := make([]int, len(nodules))
	root := func(i int) int {
		for parent[i] != i {
			i = parent[i]
		}
		return i
	}
	owner := map[string]map[[2]int]int{} // the first nodule that holds a pixel, by image
	for i, n := range nodules {
		parent[i] = i
		for image, pixels := range n.pixels {
			if owner[image] == nil {
				owner[image] = map[[2]int]int{}
			}
			for at := range pixels {
				if j, taken := owner[image][at]; taken {
					a, b := root(i), root(j)
					parent[max(a, b)] = min(a, b)
				} else {
					owner[image][at] = i
				}
			}
		}
	}
	index := map[int]int{}
	var all [][]nodule
	for i, n := range nodules {
		at, known := index[root(i)]
		if !known {
			at = len(all)
			index[root(i)] = at
			all = append(all, nil)
		}
		all[at] = append(all[at], n)
	}
	return all
}

func readers(nodules []nodule) int {
	seen := map[int]bool{}
	for _, n := range nodules {
		seen[n.reader] = true
	}
	return len(seen)
}

// consensus returns the pixels that half of the readers of nodules, or more, have
// outlined, by image.
func consensus(nodules []nodule) []segmentFrame {
	all := readers(nodules)
	votes := map[string]map[[2]int]map[int]bool{}
	for _, n := range nodules {
		for image, pixels := range n.pixels {
			if votes[image] == nil {
				votes[image] = map[[2]int]map[int]bool{}
			}
			for at := range pixels {
				if votes[image][at] == nil {
					votes[image][at] = map[int]bool{}
				}
				votes[image][at][n.reader] = true
			}
		}
	}
	var frames []segmentFrame
	for _, image := range slices.Sorted(maps.Keys(votes)) {
		agreed := map[[2]int]bool{}
		for at, by := range votes[image] {
			if 2*len(by) >= all {
				agreed[at] = true
			}
		}
		if len(agreed) > 0 {
			frames = append(frames, segmentFrame{images: []string{image}, bits: boxOf(agreed)})
		}
	}
	return frames
}

// boxOf returns pixels, of which there is at least one, as a bitBox.
func boxOf(pixels map[[2]int]bool) bitBox {
	low, high := [2]int{maxCoordinate, maxCoordinate}, [2]int{-1, -1}
	for at := range pixels {
		for k, v := range at {
			low[k], high[k] = min(low[k], v), max(high[k], v)
		}
	}
	cols := high[1] - low[1] + 1
	b, _ := newBitBox((high[0]-low[0]+1)*cols, cols, func(i int) bool { return pixels[[2]int{low[0] + i/cols, low[1] + i%cols}] })
	b.row, b.col = b.row+low[0], b.col+low[1]
	return b
}
