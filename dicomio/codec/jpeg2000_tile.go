package codec

// A rect is [x0, x1) by [y0, y1).
type rect struct{ x0, y0, x1, y1 int }

func (r rect) w() int      { return r.x1 - r.x0 }
func (r rect) h() int      { return r.y1 - r.y0 }
func (r rect) empty() bool { return r.x0 >= r.x1 || r.y0 >= r.y1 }

// shrink divides by 2^n, rounding up (B.5).
func (r rect) shrink(n int) rect {
	return rect{ceilShift(r.x0, n), ceilShift(r.y0, n), ceilShift(r.x1, n), ceilShift(r.y1, n)}
}

func (r rect) and(o rect) rect {
	return rect{max(r.x0, o.x0), max(r.y0, o.y0), min(r.x1, o.x1), min(r.y1, o.y1)}
}

func ceilShift(a, n int) int { return (a + 1<<n - 1) >> n }

// A j2kComp is one component of a tile.
type j2kComp struct {
	rect   rect
	coding *j2kCoding
	res    []j2kResolution
	data   []int32   // reversible coefficients, then samples; w·h, sub-bands in their quarters
	fdata  []float32 // irreversible
}

// A j2kResolution is one resolution of a component (B.5 to B.7).
type j2kResolution struct {
	rect       rect
	px, py     int // exponents of the precinct size
	wide, high int // precincts
	precincts  []j2kPrecinct
}

// A j2kPrecinct holds its code-blocks, band by band.
type j2kPrecinct struct {
	bands []j2kPrecinctBand
}

// A j2kPrecinctBand is the part of a sub-band that lies in a precinct.
type j2kPrecinctBand struct {
	wide, high int // code-blocks
	blocks     []j2kBlock
	inclusion  tagTree
	planes     tagTree
}

// A j2kBand is a sub-band.
type j2kBand struct {
	rect   rect
	orient int     // 0 LL, 1 HL, 2 LH, 3 HH
	x, y   int     // where it lies in the component's data
	planes int     // Mb: bit-planes of its code-blocks
	step   float32 // of the irreversible quantisation
}

// A j2kBlock is a code-block: where it lies and the segments of its codeword.
type j2kBlock struct {
	rect     rect
	band     *j2kBand
	included bool
	zero     int // missing bit-planes
	lblock   int
	passes   int
	segments []j2kSegment
}

// A j2kSegment is a codeword segment: its bytes, in pieces, and its passes.
type j2kSegment struct {
	pieces  [][]byte
	passes  int
	maximum int // passes that it can hold
}

// maxBlocks bounds what tiny precincts and code-blocks may cost: the smallest
// code-block has 16 samples, and real ones have 1,024 or more.
func (d *j2kDecoder) maxBlocks() int { return 1<<14 + d.shape.Rows*d.shape.Columns*d.shape.Samples/8 }

// newComp lays out component k of the tile that covers area. budget counts
// down code-blocks and precincts.
func (d *j2kDecoder) newComp(area rect, k int, coding *j2kCoding, budget *int) (*j2kComp, error) {
	c := &j2kComp{rect: area, coding: coding}
	n := area.w() * area.h()
	if coding.reversible {
		c.data = make([]int32, n)
	} else {
		c.fdata = make([]float32, n)
	}
	c.res = make([]j2kResolution, coding.levels+1)
	for r := range c.res {
		if err := d.newResolution(c, k, r, budget); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (d *j2kDecoder) newResolution(c *j2kComp, k, r int, budget *int) error {
	res := &c.res[r]
	res.rect = c.rect.shrink(c.coding.levels - r)
	res.px, res.py = int(c.coding.precincts[r][0]), int(c.coding.precincts[r][1])
	if res.rect.empty() {
		return nil
	}
	gx, gy := res.rect.x0>>res.px, res.rect.y0>>res.py
	res.wide, res.high = ceilShift(res.rect.x1, res.px)-gx, ceilShift(res.rect.y1, res.py)-gy
	if *budget -= res.wide * res.high; *budget < 0 {
		return bad("jpeg 2000: more precincts than samples allow")
	}
	bands, err := d.newBands(c, k, r)
	if err != nil {
		return err
	}
	px, py := res.px, res.py
	if r > 0 {
		px, py = px-1, py-1
	}
	cbw, cbh := min(c.coding.cbw, px), min(c.coding.cbh, py)
	res.precincts = make([]j2kPrecinct, res.wide*res.high)
	for i := range res.precincts {
		x, y := gx+i%res.wide, gy+i/res.wide
		area := rect{x << px, y << py, (x + 1) << px, (y + 1) << py}
		p := &res.precincts[i]
		p.bands = make([]j2kPrecinctBand, len(bands))
		for b, band := range bands {
			if err := p.bands[b].fill(band, area.and(band.rect), cbw, cbh, budget); err != nil {
				return err
			}
		}
	}
	return nil
}

// newBands returns the sub-bands of resolution r (B.5, E.1).
func (d *j2kDecoder) newBands(c *j2kComp, k, r int) ([]*j2kBand, error) {
	orients := []int{1, 2, 3}
	if r == 0 {
		orients = []int{0}
	}
	var bands []*j2kBand
	for _, o := range orients {
		b := &j2kBand{orient: o}
		n := c.coding.levels - r + 1 // decompositions down to this band
		if r == 0 {
			n = c.coding.levels
			b.rect = c.rect.shrink(n)
		} else {
			low := c.res[r-1].rect
			half := 1 << (n - 1)
			xo, yo := (o&1)*half, (o>>1)*half
			b.rect = rect{ceilShift(c.rect.x0-xo, n), ceilShift(c.rect.y0-yo, n), ceilShift(c.rect.x1-xo, n), ceilShift(c.rect.y1-yo, n)}
			b.x, b.y = (o&1)*low.w(), (o>>1)*low.h()
		}
		index := 0
		if r > 0 {
			index = 3*(r-1) + o
		}
		exp, mant, ok := c.coding.step(index)
		if !ok {
			return nil, bad("jpeg 2000: no step size for band %d", index)
		}
		b.planes = exp + c.coding.guard - 1 + c.coding.roiShift
		if b.planes > 30 {
			return nil, unsupported("jpeg 2000: %d bit-planes", b.planes)
		}
		gain := [4]int{0, 1, 1, 2}[o]
		b.step = float32((1 + float64(mant)/2048) * exp2(d.precision[k]+gain-exp))
		bands = append(bands, b)
	}
	return bands, nil
}

func exp2(n int) float64 {
	if n >= 0 {
		return float64(uint64(1) << min(n, 62))
	}
	return 1 / float64(uint64(1)<<min(-n, 62))
}

// fill lays out the code-blocks of a band within a precinct.
func (p *j2kPrecinctBand) fill(band *j2kBand, area rect, cbw, cbh int, budget *int) error {
	if area.empty() {
		return nil
	}
	gx, gy := area.x0>>cbw, area.y0>>cbh
	p.wide, p.high = ceilShift(area.x1, cbw)-gx, ceilShift(area.y1, cbh)-gy
	if *budget -= p.wide * p.high; *budget < 0 {
		return bad("jpeg 2000: more code-blocks than samples allow")
	}
	p.blocks = make([]j2kBlock, p.wide*p.high)
	for i := range p.blocks {
		x, y := gx+i%p.wide, gy+i/p.wide
		cell := rect{x << cbw, y << cbh, (x + 1) << cbw, (y + 1) << cbh}
		p.blocks[i] = j2kBlock{rect: cell.and(area), band: band, lblock: 3}
	}
	p.inclusion, p.planes = newTagTree(p.wide, p.high), newTagTree(p.wide, p.high)
	return nil
}
