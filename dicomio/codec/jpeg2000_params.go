package codec

import "encoding/binary"

// j2kParams is how the components of the image, or of a tile, are coded.
type j2kParams struct {
	progression byte
	layers      int
	mct         bool
	sop, eph    bool
	comps       []j2kCoding
}

// A j2kCoding is how one component is coded.
type j2kCoding struct {
	levels     int // decompositions
	cbw, cbh   int // exponents of the code-block size
	style      byte
	reversible bool
	precincts  [33][2]uint8 // exponents, by resolution
	quantStyle byte
	guard      int
	exps       [97]uint8 // by band
	mants      [97]uint16
	bands      int // how many of them are given
	ownCoding  bool
	ownQuant   bool
	roiShift   int
}

func (p *j2kParams) clone() *j2kParams {
	q := *p
	q.comps = append([]j2kCoding(nil), p.comps...)
	for k := range q.comps {
		q.comps[k].ownCoding, q.comps[k].ownQuant = false, false
	}
	return &q
}

// cod reads the default coding style (A.6.1).
func (p *j2kParams) cod(seg []byte) error {
	if len(seg) < 10 {
		return bad("jpeg 2000: coding style")
	}
	p.sop, p.eph = seg[0]&2 != 0, seg[0]&4 != 0
	p.progression, p.layers, p.mct = seg[1], int(binary.BigEndian.Uint16(seg[2:])), seg[4] != 0
	if p.progression > 4 || p.layers == 0 {
		return bad("jpeg 2000: progression %d, %d layers", p.progression, p.layers)
	}
	var c j2kCoding
	if err := c.coding(seg[5:], seg[0]&1 != 0); err != nil {
		return err
	}
	for k := range p.comps {
		if !p.comps[k].ownCoding {
			p.comps[k].takeCoding(&c)
		}
	}
	return nil
}

// component reads a segment that concerns one component.
func (p *j2kParams) component(m byte, seg []byte) error {
	n := 1
	if len(p.comps) > 256 {
		n = 2
	}
	if len(seg) < n+1 {
		return bad("jpeg 2000: component segment")
	}
	k := int(seg[0])
	if n == 2 {
		k = k<<8 | int(seg[1])
	}
	if k >= len(p.comps) {
		return bad("jpeg 2000: component %d of %d", k, len(p.comps))
	}
	c := &p.comps[k]
	seg = seg[n:]
	switch m {
	case mCOC:
		c.ownCoding = true
		return c.coding(seg[1:], seg[0]&1 != 0)
	case mQCC:
		c.ownQuant = true
		return c.quantisation(seg)
	}
	if len(seg) < 2 || seg[0] != 0 || seg[1] > 31 {
		return unsupported("jpeg 2000: region of interest")
	}
	c.roiShift = int(seg[1])
	return nil
}

// coding reads the parameters common to A.6.1 and A.6.2.
func (c *j2kCoding) coding(seg []byte, ownPrecincts bool) error {
	if len(seg) < 5 {
		return bad("jpeg 2000: coding style")
	}
	c.levels, c.cbw, c.cbh, c.style, c.reversible = int(seg[0]), int(seg[1])+2, int(seg[2])+2, seg[3], seg[4] == 1
	if c.levels > 32 || c.cbw > 10 || c.cbh > 10 || c.cbw+c.cbh > 12 || seg[4] > 1 {
		return bad("jpeg 2000: coding style")
	}
	if c.style&styleMixed == styleMixed {
		return unsupported("jpeg 2000: high-throughput code-blocks and others in one component")
	}
	if c.style&styleMixed != 0 && c.style&^styleCausal != styleHT {
		return unsupported("jpeg 2000: code-block style %#x", c.style)
	}
	for r := range c.levels + 1 {
		c.precincts[r] = [2]uint8{15, 15}
		if !ownPrecincts {
			continue
		}
		if len(seg) < 6+r {
			return bad("jpeg 2000: precinct sizes")
		}
		c.precincts[r] = [2]uint8{seg[5+r] & 15, seg[5+r] >> 4}
		if r > 0 && (c.precincts[r][0] == 0 || c.precincts[r][1] == 0) {
			return bad("jpeg 2000: precinct sizes")
		}
	}
	return nil
}

// quantisation reads the step sizes (A.6.4).
func (c *j2kCoding) quantisation(seg []byte) error {
	if len(seg) < 2 {
		return bad("jpeg 2000: quantisation")
	}
	c.quantStyle, c.guard = seg[0]&31, int(seg[0]>>5)
	seg = seg[1:]
	switch c.quantStyle {
	case 0:
		c.bands = min(len(seg), len(c.exps))
		for k := range c.bands {
			c.exps[k] = seg[k] >> 3
		}
	case 1, 2:
		c.bands = min(len(seg)/2, len(c.exps))
		for k := range c.bands {
			v := binary.BigEndian.Uint16(seg[2*k:])
			c.exps[k], c.mants[k] = uint8(v>>11), v&0x7ff
		}
	default:
		return bad("jpeg 2000: quantisation style %d", c.quantStyle)
	}
	return nil
}

func (c *j2kCoding) takeCoding(from *j2kCoding) {
	c.levels, c.cbw, c.cbh, c.style, c.reversible, c.precincts = from.levels, from.cbw, from.cbh, from.style, from.reversible, from.precincts
}

func (c *j2kCoding) takeQuant(from *j2kCoding) {
	c.quantStyle, c.guard, c.exps, c.mants, c.bands = from.quantStyle, from.guard, from.exps, from.mants, from.bands
}

// step returns exponent and mantissa of band k (E.1.1).
func (c *j2kCoding) step(k int) (exp, mant int, ok bool) {
	if c.quantStyle == 1 && c.bands > 0 { // derived from the first
		exp = int(c.exps[0])
		if k > 0 {
			exp -= (k - 1) / 3
		}
		return max(exp, 0), int(c.mants[0]), true
	}
	return int(c.exps[min(k, 96)]), int(c.mants[min(k, 96)]), k < c.bands
}
