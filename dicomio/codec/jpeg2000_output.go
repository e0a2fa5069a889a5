package codec

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

// sortBy sorts by a key, keeping the order of equals.
func sortBy[T any](s []T, key func(T) [4]int) {
	slices.SortStableFunc(s, func(a, b T) int {
		ka, kb := key(a), key(b)
		for k := range ka {
			if c := cmp.Compare(ka[k], kb[k]); c != 0 {
				return c
			}
		}
		return 0
	})
}

// decodeTiles decodes every tile that has packets into dst.
func (d *j2kDecoder) decodeTiles() error {
	if len(d.parts) < d.tilesWide*d.tilesHi {
		return bad("jpeg 2000: %d of %d tiles", len(d.parts), d.tilesWide*d.tilesHi)
	}
	order := make([]int, 0, len(d.parts))
	for t := range d.parts {
		order = append(order, t)
	}
	slices.Sort(order)
	budget := d.maxBlocks()
	for _, t := range order {
		if err := d.tile(t, &budget); err != nil {
			return err
		}
	}
	return nil
}

// tile decodes tile t.
func (d *j2kDecoder) tile(t int, budget *int) error {
	p := d.main
	if own := d.tiles[t]; own != nil {
		p = own
	}
	if p.layers == 0 {
		return bad("jpeg 2000: no coding style")
	}
	x, y := d.tx0+t%d.tilesWide*d.tw, d.ty0+t/d.tilesWide*d.th
	area := rect{x, y, x + d.tw, y + d.th}.and(rect{d.x0, d.y0, d.x1, d.y1})
	if area.empty() {
		return nil
	}
	pk := j2kPackets{p: p}
	for k := range p.comps {
		c, err := d.newComp(area, k, &p.comps[k], budget)
		if err != nil {
			return err
		}
		pk.comps = append(pk.comps, c)
	}
	pk.data = d.parts[t][0]
	if len(d.parts[t]) > 1 {
		pk.data = slices.Concat(d.parts[t]...)
	}
	if err := pk.all(); err != nil {
		return err
	}
	for _, c := range pk.comps {
		if err := c.samples(); err != nil {
			return err
		}
	}
	if p.mct && len(pk.comps) >= 3 {
		if err := colours(pk.comps); err != nil {
			return err
		}
	}
	for k, c := range pk.comps {
		d.put(k, c)
	}
	return nil
}

// samples decodes the code-blocks of a component and undoes its wavelet
// transform.
func (c *j2kComp) samples() error {
	if err := c.coefficients(&blockDecoder{}); err != nil {
		return err
	}
	if c.coding.reversible {
		synthesise(c.data, c.rect.w(), c.res, lift53)
	} else {
		synthesise(c.fdata, c.rect.w(), c.res, lift97)
	}
	return nil
}

// coefficients decodes all code-blocks of a component into its sub-bands.
func (c *j2kComp) coefficients(t *blockDecoder) error {
	for r := range c.res {
		for i := range c.res[r].precincts {
			for b := range c.res[r].precincts[i].bands {
				for k := range c.res[r].precincts[i].bands[b].blocks {
					blk := &c.res[r].precincts[i].bands[b].blocks[k]
					if blk.passes == 0 {
						continue
					}
					if err := t.decode(blk, c.coding.style); err != nil {
						return err
					}
					c.place(blk, t)
				}
			}
		}
	}
	return nil
}

// place brings the values of a block to coefficients (E.1.1.2 with r = 1/2).
func (c *j2kComp) place(blk *j2kBlock, t *blockDecoder) {
	if s := c.coding.roiShift; s > 0 { // H.1: what lies above the shift is the region
		for k, v := range t.data {
			if m := v & math.MaxInt32; m >= 2<<s {
				t.data[k] = m>>s | v&math.MinInt32
			}
		}
	}
	stride := c.rect.w()
	at := (blk.band.y+blk.rect.y0-blk.band.rect.y0)*stride + blk.band.x + blk.rect.x0 - blk.band.rect.x0
	step := 0.5 * blk.band.step
	for y := range t.h {
		row := t.data[y*t.w : (y+1)*t.w]
		if c.coding.reversible {
			to := c.data[at+y*stride:][:len(row)]
			for x, v := range row {
				negative := v >> 31
				to[x] = (v&math.MaxInt32>>1 ^ negative) - negative
			}
			continue
		}
		to := c.fdata[at+y*stride:][:len(row)]
		for x, v := range row {
			negative := v >> 31
			to[x] = float32((v&math.MaxInt32^negative)-negative) * step
		}
	}
}

// colours undoes the transform of the first three components (annex G.2, G.3).
func colours(c []*j2kComp) error {
	if c[0].coding.reversible != c[1].coding.reversible || c[0].coding.reversible != c[2].coding.reversible {
		return bad("jpeg 2000: colour transform of unlike components")
	}
	if c[0].coding.reversible {
		y, u, v := c[0].data, c[1].data, c[2].data
		for k := range y {
			g := y[k] - (u[k]+v[k])>>2
			y[k], u[k], v[k] = v[k]+g, g, u[k]+g
		}
		return nil
	}
	y, u, v := c[0].fdata, c[1].fdata, c[2].fdata
	for k := range y {
		r := y[k] + float32(v[k]*1.402)
		g := y[k] - float32(u[k]*0.34413) - float32(v[k]*0.71414)
		b := y[k] + float32(u[k]*1.772)
		y[k], u[k], v[k] = r, g, b
	}
	return nil
}

// put shifts, clamps and writes the samples of component k of a tile.
func (d *j2kDecoder) put(k int, c *j2kComp) {
	low, high, shift := 0, 1<<d.precision[k]-1, 1<<(d.precision[k]-1)
	if d.signed[k] {
		low, high, shift = -shift, shift-1, 0
	} else if !c.coding.reversible {
		high = d.shape.top(d.precision[k])
	}
	w, size := c.rect.w(), d.shape.Bytes
	step := d.shape.Samples * size
	for y := range c.rect.h() {
		o := (((c.rect.y0-d.y0+y)*d.shape.Columns+c.rect.x0-d.x0)*d.shape.Samples + k) * size
		if c.coding.reversible && d.shape.Samples == 1 && size == 2 { // as most are
			for x, v := range c.data[y*w:][:w] {
				binary.LittleEndian.PutUint16(d.dst[o+2*x:], uint16(min(max(int(v)+shift, low), high)))
			}
			continue
		}
		for x := range w {
			var v int
			if c.coding.reversible {
				v = int(c.data[y*w+x])
			} else {
				v = int(math.RoundToEven(float64(c.fdata[y*w+x])))
			}
			v = min(max(v+shift, low), high)
			for b := range size {
				d.dst[o+b] = byte(v >> (8 * b))
			}
			o += step
		}
	}
}
